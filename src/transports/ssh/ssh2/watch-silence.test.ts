import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { watchSilence } from "./watch-silence.ts";

/** A watch whose time is the test's: `pass` lets seconds go by, `sleep` lets them go by unseen. */
function watched(t: TestContext) {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const clock = { monotonic: 0, wall: 1_000_000 };
  const seen = { received: 0, asked: [] as number[], silent: [] as number[] };
  const stop = watchSilence({
    received: () => seen.received,
    ask: () => seen.asked.push(clock.monotonic),
    onSilence: (ms) => seen.silent.push(ms),
    clock: () => ({ ...clock }),
  });
  const pass = (seconds: number): void => {
    for (let second = 0; second < seconds; second++) {
      clock.monotonic += 1_000;
      clock.wall += 1_000;
      t.mock.timers.tick(1_000);
    }
  };
  return { clock, seen, stop, pass };
}

test("silence is asked about twice and told of once, within 20 s", (t) => {
  const { seen, pass } = watched(t);
  pass(60);
  assert.deepEqual(seen.asked, [5_000, 10_000]);
  assert.deepEqual(seen.silent, [15_000]);
});

test("any byte is life, and nobody is asked while bytes come", (t) => {
  const { seen, pass, stop } = watched(t);
  for (let round = 0; round < 20; round++) {
    pass(4);
    seen.received += 1;
  }
  assert.deepEqual(seen.asked, []);
  pass(14);
  seen.received += 1;
  pass(14);
  assert.deepEqual(seen.silent, []);
  stop();
  pass(60);
  assert.deepEqual(seen.silent, []);
});

test("after a stalled loop, and after a suspend in which the monotonic clock stood, it is asked before it is given up", (t) => {
  for (const standing of [false, true]) {
    const { clock, seen, pass, stop } = watched(t);
    pass(14);
    clock.wall += 3_600_000;
    if (!standing) clock.monotonic += 3_600_000;
    const questions = seen.asked.length;
    pass(1);
    assert.deepEqual(seen.silent, []);
    assert.equal(seen.asked.length, questions + 1);
    pass(13);
    assert.deepEqual(seen.silent, []);
    pass(3);
    assert.equal(seen.silent.length, 1);
    stop();
    t.mock.timers.reset();
  }
});
