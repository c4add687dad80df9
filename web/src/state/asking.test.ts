import assert from "node:assert/strict";
import { test } from "node:test";
import { Asking } from "./asking.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("a storm is asked about once a second, one question at a time; the last of it is not missed", async (t) => {
  let now = 0;
  t.mock.timers.enable({ apis: ["setTimeout"] });
  t.mock.method(performance, "now", () => now);
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 10) {
      now += 10;
      t.mock.timers.tick(10);
      await turn();
    }
  };
  let [asked, running] = [0, 0];
  let answer: (() => void) | undefined;
  const asking = new Asking(async () => {
    asked += 1;
    running += 1;
    assert.equal(running, 1);
    if (asked > 100) await new Promise<void>((resolve) => (answer = resolve));
    running -= 1;
  }, 100);
  asking.soon();
  await pass(90);
  assert.equal(asked, 0);
  await pass(10);
  assert.equal(asked, 1, "what comes alone is asked about soon");
  for (let event = 0; event < 500; event++) {
    asking.soon();
    await pass(10);
  }
  assert.ok(asked <= 8, `${asked} questions in 5 s`);
  const before = asked;
  await pass(2_000);
  assert.equal(asked, before + 1, "what came last");

  asked = 100;
  void asking.now();
  asking.soon();
  asking.soon();
  await pass(1_000);
  assert.equal(asked, 101);
  answer?.();
  await pass(3_900);
  assert.equal(asked, 101, "who takes a second rests for four");
  await pass(200);
  assert.equal(asked, 102);
  asking[Symbol.dispose]();
  answer?.();
  await pass(20_000);
  assert.equal(asked, 102);
});
