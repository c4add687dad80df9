import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { waitFor } from "../../test/fixtures/process.ts";
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

test("it is released once for each burst of calls, after the last one", async () => {
  const released: number[] = [];
  const touch = releaseWhenQuiet(() => released.push(performance.now()), 50);
  // The timer keeps no process alive by itself.
  using _alive = setInterval(() => {}, 10_000);
  for (const burst of [1, 2]) {
    const until = performance.now() + 120;
    let lastMs = 0;
    for (; performance.now() < until; lastMs = performance.now()) {
      touch();
      await turn();
    }
    await waitFor("the release", () => released.length >= burst, { everyMs: 1 });
    assert.equal(released.length, burst);
    assert.ok(released.at(-1)! >= lastMs, "after the last call");
  }
});
