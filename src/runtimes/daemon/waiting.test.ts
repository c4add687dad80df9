import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExecOptions } from "../../contract/process.ts";
import { TestPlace } from "./testing.ts";

async function* silence() {
  await new Promise((resolve) => setTimeout(resolve, 60_000).unref());
  yield new Uint8Array(1);
}

/** What each command waits for when its time is over. */
const WAITS: readonly [string, string, string, ExecOptions?][] = [
  ["sh -c 'sleep 1000'; true", "sleep", "timer"],
  ["cat", "cat", "stdin", { input: silence() }],
  ["touch l; (flock 9; sleep 1000) 9>l & sleep 0.1; flock l true", "flock", "lock"],
  ["kill -STOP $$", "sh", "stopped"],
  ["while :; do :; done", "sh", "cpu"],
];

test("a command whose time is over says what it was waiting for", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await Promise.all(
    WAITS.map(async ([text, command, reason, options]) => {
      const result = await runtime.exec(text, { timeoutMs: 3_000, killGraceMs: 100, ...options });
      assert.equal(result.timedOut, true, text);
      assert.deepEqual([result.waiting?.command, result.waiting?.reason], [command, reason], text);
      const info = await (await runtime.process(result.processId)).info();
      assert.deepEqual(info.exit?.waiting, result.waiting);
    }),
  );
});

test("servers and terminals", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const server = `${process.execPath} -e 'require("node:http").createServer().listen(0, "127.0.0.1")'`;
  const serving = runtime.exec(server, { timeoutMs: 5_000, killGraceMs: 100 });
  const shell = await runtime.spawn("read line", { tty: true, timeoutMs: 2_000, killGraceMs: 100 });
  assert.equal((await shell.exit).waiting?.reason, "terminal");
  assert.equal((await serving).waiting?.reason, "connections");
});

test("what ends in time, or waits in a way that is not seen, says nothing", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  assert.equal("waiting" in (await runtime.exec("true", { timeoutMs: 10_000 })), false);
  const fifo = await runtime.exec("mkfifo f; cat f", { timeoutMs: 300, killGraceMs: 100 });
  assert.deepEqual([fifo.timedOut, fifo.waiting], [true, undefined]);
});
