import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { releaseMemory, releaseWhenQuiet } from "./release-memory.ts";

test("a release collects garbage and leaves no gc function behind", () => {
  let garbage: WeakRef<object> | undefined;
  (() => {
    garbage = new WeakRef({ big: new Array(1_000).fill("x") });
  })();
  const before = process.memoryUsage().heapTotal;
  return turn().then(() => {
    releaseMemory();
    assert.equal(garbage?.deref(), undefined);
    assert.ok(process.memoryUsage().heapTotal <= before);
    assert.equal(typeof globalThis.gc, "undefined");
  });
});

test("it is released once, after the last call, and not while the loop is busy", async () => {
  const done = new EventTarget();
  let count = 0;
  let busy = true;
  const schedule = releaseWhenQuiet(() => {
    assert.equal(busy, false);
    count++;
    done.dispatchEvent(new Event("released"));
  }, 20);
  const released = once(done, "released");
  schedule();
  schedule();
  const until = performance.now() + 80;
  while (performance.now() < until) await turn();
  busy = false;
  // The timer keeps no process alive by itself.
  const alive = setTimeout(() => {}, 10_000);
  await released;
  clearTimeout(alive);
  assert.equal(count, 1);
});
