import assert from "node:assert/strict";
import { test } from "node:test";
import { type BerthEvent, createRunnerClient } from "../../../src/client/index.ts";
import { Changes } from "./changes.ts";

test("a workspace in which commands end all the time is summed up every few seconds, and at last once more", async (t) => {
  let now = 0;
  t.mock.timers.enable({ apis: ["setTimeout"] });
  t.mock.method(performance, "now", () => now);
  let asked = 0;
  const client = createRunnerClient({
    url: "http://127.0.0.1:1",
    fetch: async () => {
      asked += 1;
      return Response.json({ base: "x", added: asked, deleted: 0, truncated: false, files: [] });
    },
  });
  let tell: (event: BerthEvent) => void = () => undefined;
  using changes = new Changes(client, (listener) => {
    tell = listener;
    return () => undefined;
  });
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 100) {
      now += 100;
      t.mock.timers.tick(100);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const unwant = changes.want("w");
  await pass(100);
  assert.equal(asked, 1);
  const ends = () => tell({ type: "process.exited", message: "", workspace: "w" } as BerthEvent);
  for (let event = 0; event < 200; event++) {
    ends();
    await pass(100);
  }
  assert.ok(asked <= 5, `${asked} sums in 20 s`);
  const before = asked;
  ends();
  await pass(10_000);
  assert.equal(asked, before + 1);
  assert.equal(changes.sumOf("w").get()?.added, asked);
  unwant();
});
