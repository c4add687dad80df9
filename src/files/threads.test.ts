import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { CallOwner, FileThreads } from "./threads.ts";

type Done<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

/** A call that returns when the test says so. */
function manual(): { start: (done: Done<string>) => void; finish: (value: string) => void } {
  let finish: ((value: string) => void) | undefined;
  return {
    start: (done) => {
      finish = (value) => done(null, value);
    },
    finish: (value) => finish?.(value),
  };
}

test("a call past its deadline is fs.timeout, and what it gives later is undone", async () => {
  const threads = new FileThreads();
  const owner = new CallOwner();
  const { start, finish } = manual();
  const undone: string[] = [];
  const call = { path: "/some/file", timeoutMs: 10, owner, start, undo: (late: string) => undone.push(late) };
  await assert.rejects(threads.run<string>(call), { code: "fs.timeout" });
  assert.equal(threads.hung, 1);
  finish("late");
  assert.deepEqual(undone, ["late"]);
  assert.equal(threads.hung, 0);
});

test("what an operation holds is released only when none of its calls hangs", async () => {
  const threads = new FileThreads();
  const owner = new CallOwner();
  const other = new CallOwner();
  const first = manual();
  const second = manual();
  for (const { start } of [first, second]) {
    await assert.rejects(threads.run({ path: "/a", timeoutMs: 5, owner, start }), { code: "fs.timeout" });
  }
  const released: string[] = [];
  owner.whenSafe(() => released.push("own"));
  other.whenSafe(() => released.push("other"));
  assert.deepEqual(released, ["other"]);
  first.finish("");
  assert.deepEqual(released, ["other"]);
  second.finish("");
  assert.deepEqual(released, ["other", "own"]);
});

test("where four calls hang others are refused at once, elsewhere they are not", async () => {
  const threads = new FileThreads();
  const owner = new CallOwner();
  const hanging = Array.from({ length: 4 }, manual);
  for (const { start } of hanging) {
    await assert.rejects(threads.run({ path: "/hung/x", timeoutMs: 5, owner, start }), {
      code: "fs.timeout",
    });
  }
  const call = {
    timeoutMs: 60_000,
    owner,
    start: (done: Done<fs.Stats>) => fs.stat("/", done),
  };
  await assert.rejects(threads.run({ ...call, path: "/hung/y/z" }), { code: "fs.timeout" });
  assert.ok((await threads.run({ ...call, path: "/hungry" })).isDirectory());
  hanging[0]!.finish("");
  assert.ok((await threads.run({ ...call, path: "/hung/y" })).isDirectory());
});

test("arguments that node:fs refuses are an error like any other", async () => {
  const threads = new FileThreads();
  const start = (done: Done<fs.Stats>): void => fs.stat("a\0b", done);
  await assert.rejects(threads.run({ path: "/", timeoutMs: 50, owner: new CallOwner(), start }), {
    code: "ERR_INVALID_ARG_VALUE",
  });
  assert.equal(threads.hung, 0);
});
