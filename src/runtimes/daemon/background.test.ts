import assert from "node:assert/strict";
import { test } from "node:test";
import { isBerthError } from "../../contract/errors.ts";
import type { OutputChunk } from "../../contract/process.ts";
import { TestPlace, until } from "./testing.ts";

const code = (expected: string) => (error: unknown) => {
  assert.ok(isBerthError(error), String(error));
  assert.equal(error.code, expected, error.message);
  return true;
};

async function textOf(chunks: AsyncIterable<OutputChunk>): Promise<string> {
  let text = "";
  for await (const chunk of chunks) if (chunk.type === "data") text += Buffer.from(chunk.data).toString();
  return text;
}

test("an awaited command goes to the background: what was captured and the cursor fit together", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const handle = runtime.exec("echo one; echo two >&2; until [ -e go ]; do sleep 0.01; done; echo three", {
    timeoutMs: 60_000,
  });
  const result = handle.then(
    () => undefined,
    (error: unknown) => error,
  );
  const { id } = await handle.started;
  const process = await runtime.process(id);
  await until(async () => (await process.info()).outputEnd === 8);
  const background = await handle.background();
  assert.equal(background.captured?.stdout, "one\n");
  assert.equal(background.captured?.stderr, "two\n");
  assert.equal(background.captured?.truncated, false);
  assert.equal(background.cursor, 8);
  assert.ok(code("process.in_background")(await result));
  assert.equal((await background.process.info()).detached, false);
  assert.equal(await handle.background(), background);
  await runtime.fs.writeFile("go", "");
  assert.equal(await textOf(background.process.output({ from: background.cursor })), "three\n");
  assert.equal((await background.process.exit).exitCode, 0);
});

test("the timeout and the signal end with the move; the client's own deadline too", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const stop = new AbortController();
  const handle = runtime.exec("sleep 2.5; echo done", {
    timeoutMs: 2_000,
    killGraceMs: 1,
    signal: stop.signal,
  });
  const chunks: OutputChunk[] = [];
  const reading = (async () => {
    for await (const chunk of handle) chunks.push(chunk);
  })();
  const { process, cursor, captured } = await handle.background();
  assert.deepEqual([cursor, captured], [0, undefined]);
  await reading;
  assert.deepEqual(chunks, []);
  stop.abort();
  const exit = await process.exit;
  assert.deepEqual([exit.exitCode, exit.timedOut], [0, false]);
});

test("an iteration and what is read from the cursor are every byte once", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  for (const cut of [false, true]) {
    const handle = runtime.exec("seq 300000", { timeoutMs: 60_000, keepOutput: { aboveBytes: 100 } });
    let text = "";
    let chunks = 0;
    const moved = Promise.withResolvers<Awaited<ReturnType<typeof handle.background>>>();
    const reading = (async () => {
      for await (const chunk of handle) {
        assert.equal(chunk.type, "data");
        if (chunk.type === "data") text += Buffer.from(chunk.data).toString();
        if (++chunks === 3) moved.resolve(handle.background());
      }
    })();
    if (cut) {
      await until(() => chunks >= 3);
      place.cut();
    }
    const { process, cursor } = await moved.promise;
    await reading;
    assert.equal(text.length, cursor);
    text += await textOf(process.output({ from: cursor }));
    assert.equal(text, Array.from({ length: 300_000 }, (_, index) => `${index + 1}\n`).join(""));
    const { outputFile } = await process.info();
    assert.ok(outputFile !== undefined);
    assert.equal(await runtime.fs.readFile(outputFile, "utf8"), text);
  }
});

test("too late: it has told its end, or its timeout has begun", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const over = runtime.exec(["true"]);
  await over;
  await assert.rejects(over.background(), code("process.finished"));
  const handle = runtime.exec("trap 'echo term' TERM; echo up; while :; do sleep 0.01; done", {
    timeoutMs: 150,
    killGraceMs: 400,
  });
  for await (const line of handle.lines()) if (line === "term") break;
  const timed = runtime.exec("trap 'echo term' TERM; echo up; while :; do sleep 0.01; done", {
    timeoutMs: 100,
    killGraceMs: 300,
  });
  const seen: OutputChunk[] = [];
  for await (const chunk of timed) {
    seen.push(chunk);
    if (chunk.type === "data" && Buffer.from(chunk.data).toString().includes("term")) {
      await assert.rejects(timed.background(), code("process.finished"));
    }
  }
  const last = seen.at(-1);
  assert.ok(last?.type === "exit" && last.exit.timedOut, "the handle still tells its end");
});

test("what did not start says why, and an abort before the move wins", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const missing = runtime.exec(["/nothing/here"]);
  await assert.rejects(missing.background(), code("process.not_found"));
  await assert.rejects(missing.started, code("process.not_found"));
  const stop = new AbortController();
  const handle = runtime.exec("sleep 1000", { signal: stop.signal });
  const background = handle.background();
  stop.abort();
  await assert.rejects(background, code("operation.aborted"));
  await until(async () => (await runtime.processes()).every(({ state }) => state !== "running"));
});

test("input that is being fed goes on, and through a lost connection", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const more = Promise.withResolvers<void>();
  async function* input() {
    yield Buffer.from("first\n");
    await more.promise;
    yield Buffer.from("second\n");
  }
  const handle = runtime.exec("cat", { input: input() });
  const { process, cursor } = await handle.background();
  place.cut();
  more.resolve();
  assert.equal(cursor, 0);
  assert.equal(await textOf(process.output()), "first\nsecond\n");
  assert.equal((await process.exit).exitCode, 0);
});

test("a process that is held back by its reader goes on in the background", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const handle = runtime.exec("head -c 60000000 /dev/zero", { logLimitBytes: 8 * 1024 * 1024 });
  const iterator = handle[Symbol.asyncIterator]();
  await iterator.next();
  const { process } = await handle.background();
  assert.equal((await process.exit).exitCode, 0);
  await iterator.return?.();
});
