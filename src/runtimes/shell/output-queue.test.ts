import assert from "node:assert/strict";
import { test } from "node:test";
import { OutputQueue } from "./output-queue.ts";

function source() {
  const calls: string[] = [];
  return {
    calls,
    pause: () => void calls.push("pause"),
    resume: () => void calls.push("resume"),
    left: () => void calls.push("left"),
  };
}

const EXIT = { exitCode: 0, signal: null, timedOut: false, durationMs: 1 };

test("the place is paused when the reader lags, and goes on when it has caught up", async () => {
  const from = source();
  const queue = new OutputQueue(from, undefined);
  for (let index = 0; index < 5; index++) queue.push("stdout", new Uint8Array(64 * 1024));
  assert.deepEqual(from.calls, ["pause"]);
  for (let index = 0; index < 4; index++) await queue.next();
  assert.deepEqual(from.calls, ["pause"]);
  await queue.next();
  assert.deepEqual(from.calls, ["pause", "resume"]);
});

test("with a limit the oldest bytes become one gap, and cursors stay true", async () => {
  const queue = new OutputQueue(source(), 10);
  for (const text of ["aaaa", "bbbb", "cccc", "dddd"]) queue.push("stdout", Buffer.from(text));
  queue.end({ type: "exit", exit: EXIT, cursor: 16 }, undefined);
  const seen: string[] = [];
  for await (const chunk of queue) {
    if (chunk.type === "gap") seen.push(`gap ${chunk.gap.from}-${chunk.gap.to}`);
    else if (chunk.type === "data") seen.push(`${Buffer.from(chunk.data)} ${chunk.cursor}`);
    else seen.push(`exit ${chunk.cursor}`);
  }
  assert.deepEqual(seen, ["gap 0-8", "cccc 12", "dddd 16", "exit 16"]);
});

test("an error comes behind what was queued, an abort before it", async () => {
  const late = new OutputQueue(source(), undefined);
  late.push("stdout", Buffer.from("x"));
  late.end(undefined, new Error("gone"));
  assert.equal((await late.next()).done, false);
  await assert.rejects(late.next(), /gone/);
  assert.equal((await late.next()).done, true);
  const early = new OutputQueue(source(), undefined);
  early.push("stdout", Buffer.from("x"));
  early.abort(new Error("aborted"));
  await assert.rejects(early.next(), /aborted/);
});

test("a reader that leaves is told once, and not after the end", async () => {
  const from = source();
  const queue = new OutputQueue(from, undefined);
  await queue.return();
  await queue.return();
  assert.deepEqual(from.calls, ["left"]);
  const ended = source();
  const done = new OutputQueue(ended, undefined);
  done.end(undefined, undefined);
  await done.return();
  assert.deepEqual(ended.calls, []);
});
