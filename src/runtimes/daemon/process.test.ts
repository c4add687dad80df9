import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { OutputChunk, Process } from "../../contract/process.ts";
import { TestPlace, until } from "./testing.ts";

async function text(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function outputText(chunks: AsyncIterable<OutputChunk>): Promise<string> {
  let all = "";
  for await (const chunk of chunks) if (chunk.type === "data") all += Buffer.from(chunk.data).toString();
  return all;
}

test("a spawned process: streams, exit, info", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await using process = await runtime.spawn("echo out; echo err >&2; exit 3", { name: "one" });
  assert.equal(process.name, "one");
  assert.equal((await process.exit).exitCode, 3);
  assert.equal(await text(process.stdout), "out\n");
  assert.equal(await text(process.stderr), "err\n");
  const info = await process.info();
  assert.deepEqual([info.state, info.outputEnd, info.exit?.exitCode], ["exited", 8, 3]);
  assert.deepEqual(info.command, ["/bin/sh", "-c", "echo out; echo err >&2; exit 3"]);
  await process.remove();
  await assert.rejects(process.info(), { code: "process.reaped" });
});

test("stdin is a pipe with backpressure and an end", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await using process = await runtime.spawn("sha256sum", { stdin: "pipe" });
  const hash = createHash("sha256");
  for (let index = 0; index < 50; index++) {
    const chunk = new Uint8Array(100_000).fill(index);
    hash.update(chunk);
    await process.stdin.write(chunk);
  }
  await process.stdin.end();
  await process.stdin.end();
  assert.equal((await text(process.stdout)).split(" ")[0], hash.digest("hex"));
  await process.exit;
  await assert.rejects(process.stdin.write("x"), { code: "process.finished" });
});

test("input that was not asked for, or is over, is process.stdin_closed", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await using without = await runtime.spawn("sleep 1000");
  await assert.rejects(without.stdin.write("x"), { code: "process.stdin_closed" });
  await using ended = await runtime.spawn("exec <&-; sleep 1000", { stdin: "pipe" });
  await ended.stdin.end();
  await assert.rejects(ended.stdin.write("x"), { code: "process.stdin_closed" });
});

test("another handle writes to a process's input and sees its output", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await using process = await runtime.spawn("read a; read b; echo $a-$b", { stdin: "pipe", name: "reader" });
  await process.stdin.write("one\n");
  const other = await runtime.process("reader");
  assert.equal(other.id, process.id);
  await other.stdin.write("two\n");
  assert.equal((await other.exit).exitCode, 0);
  assert.equal(await text(other.stdout), "one-two\n");
  await assert.rejects(other.stdin.write("three\n"), { code: "process.finished" });
});

test("output from a cursor, from the end, and without following", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await using process = await runtime.spawn("printf 0123456789; read x; printf abc", { stdin: "pipe" });
  await until(async () => (await process.info()).outputEnd === 10);
  assert.equal(await outputText(process.output({ follow: false })), "0123456789");
  assert.equal(await outputText(process.output({ from: -3, follow: false })), "789");
  const following = outputText(process.output({ from: 8 }));
  const fromEnd: OutputChunk[] = [];
  const reading = (async () => {
    for await (const chunk of process.output({ from: -2 })) fromEnd.push(chunk);
  })();
  await process.stdin.write("\n");
  assert.equal(await following, "89abc");
  await reading;
  assert.deepEqual(
    fromEnd.map((chunk) => (chunk.type === "gap" ? -1 : chunk.cursor)),
    [10, 13, 13],
  );
  assert.equal(await outputText(process.output({ from: 11 })), "bc");
});

test("output(): the signal and leaving only end the looking", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await using process = await runtime.spawn("echo one; sleep 1000");
  for await (const chunk of process.output()) {
    assert.equal(chunk.type, "data");
    break;
  }
  const controller = new AbortController();
  await assert.rejects(
    async () => {
      for await (const _ of process.output({ signal: controller.signal })) controller.abort();
    },
    { code: "operation.aborted" },
  );
  assert.equal((await process.info()).state, "running");
});

test("a viewer that reads nothing does not slow another", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await using process = await runtime.spawn("read x; head -c 100000000 /dev/zero", { stdin: "pipe" });
  const lazy = process.output()[Symbol.asyncIterator]();
  const first = lazy.next();
  const counting = (async () => {
    let bytes = 0;
    for await (const chunk of process.output()) if (chunk.type === "data") bytes += chunk.data.length;
    return bytes;
  })();
  await process.stdin.write("\n");
  assert.equal(await counting, 100_000_000);
  assert.equal((await first).done, false);
  await lazy.return?.();
});

test("signals, and what is not one", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await using process = await runtime.spawn("trap 'echo usr1' USR1; echo up; while :; do sleep 0.01; done");
  await process.ready({ output: /up/ });
  await process.signal("USR1");
  await process.ready({ output: /usr1/ });
  await assert.rejects(process.signal("SIGRTMIN"), { code: "process.signal_unsupported" });
  await assert.rejects(process.resize({ columns: 10, rows: 10 }), { code: "process.not_a_tty" });
  assert.deepEqual(await process.kill("SIGKILL"), { left: 0 });
  assert.equal((await process.exit).signal, "SIGKILL");
  await assert.rejects(process.signal("TERM"), { code: "process.finished" });
  await assert.rejects(process.signal("SIGRTMIN"), { code: "process.finished" });
  await assert.rejects(process.resize({ columns: 10, rows: 10 }), { code: "process.finished" });
  assert.deepEqual(await process.kill(), { left: 0 });
});

test("disposing ends the process, unless it is detached", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  let bound: Process;
  let free: Process;
  {
    await using one = await runtime.spawn("sleep 1000");
    await using two = await runtime.spawn("sleep 1000");
    await two.detach();
    bound = one;
    free = two;
  }
  assert.equal((await bound.exit).signal, "SIGTERM");
  const again = await runtime.process(free.id);
  assert.equal((await again.info()).state, "running");
  await again.kill("KILL");
});

test("names: the same command is the same process, another is a conflict, a new one after the exit", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const first = await runtime.spawn(["sleep", "1000"], { name: "dev" });
  assert.equal((await runtime.spawn(["sleep", "1000"], { name: "dev" })).id, first.id);
  await assert.rejects(runtime.spawn(["sleep", "1"], { name: "dev" }), { code: "process.name_conflict" });
  await first.kill();
  await first.exit;
  await using next = await runtime.spawn(["sleep", "1000"], { name: "dev" });
  assert.notEqual(next.id, first.id);
});

test("a terminal: size, input, resize, its EOF", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await using process = await runtime.spawn(
    "stty size; read line; echo got $line; until stty size | grep '40 120'; do sleep 0.01; done; cat",
    {
      tty: { columns: 100, rows: 30 },
    },
  );
  assert.deepEqual(process.tty, { columns: 100, rows: 30 });
  await process.ready({ output: /30 100/ });
  await process.resize({ columns: 120, rows: 40 });
  await process.stdin.write("hello\n");
  await process.ready({ output: /got hello\r\n40 120/ });
  await process.stdin.end();
  assert.equal((await process.exit).exitCode, 0);
  assert.equal(await text(process.stderr), "");
});

test("shell() is the user's own shell in a terminal", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await using shell = await runtime.shell();
  assert.deepEqual(shell.tty, { columns: 80, rows: 24 });
  await shell.stdin.write("echo $((40+2)); exit 9\n");
  assert.equal((await shell.exit).exitCode, 9);
  assert.match(await text(shell.stdout), /\b42\b/);
});

test("ready: port, output across chunks, http", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const server = `
    let ready = false;
    const server = require("node:http").createServer((request, response) => {
      response.statusCode = request.url === "/health" && ready ? 200 : 503;
      response.end();
    });
    server.listen(0, "127.0.0.1", () => {
      console.log("port " + server.address().port + ".");
      process.stdout.write("now rea");
      setTimeout(() => process.stdout.write("dy\\n"), 30);
      setTimeout(() => { ready = true; }, 150);
    });`;
  await using process = await runtime.spawn(["node", "-e", server]);
  await process.ready({ output: /port \d+\./ });
  const port = Number(/port (\d+)\./.exec(await outputText(process.output({ follow: false })))?.[1]);
  await process.ready({ port });
  await process.ready({ output: /^now ready$/m });
  await process.ready({ port, http: "/health", timeoutMs: Number.POSITIVE_INFINITY });
  await process.ready({ http: `http://localhost:${port}/health` });
});

test("ready: too late, ended before, aborted, nothing to wait for", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await using process = await runtime.spawn("sleep 1000");
  await assert.rejects(process.ready({ output: /never/, timeoutMs: 50 }), { code: "process.ready_timeout" });
  await assert.rejects(process.ready({ port: 1, timeoutMs: 50 }), { code: "process.ready_timeout" });
  await assert.rejects(process.ready({ port: 1, signal: AbortSignal.timeout(20) }), {
    code: "operation.aborted",
  });
  await assert.rejects(process.ready({}), { code: "config.invalid" });
  await using quick = await runtime.spawn("echo quick");
  await quick.exit;
  await quick.ready({ output: /quick/ });
  await using short = await runtime.spawn("sleep 0.1");
  await assert.rejects(short.ready({ output: /never/ }), { code: "process.ended_before_ready" });
  await assert.rejects(short.ready({ port: 1 }), { code: "process.ended_before_ready" });
});

test("aborting a spawn ends what it started", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const controller = new AbortController();
  const process = await runtime.spawn("sleep 1000", { signal: controller.signal });
  controller.abort();
  assert.equal((await process.exit).signal, "SIGTERM");
  const early = new AbortController();
  const starting = runtime.spawn("sleep 1000", { signal: early.signal });
  early.abort();
  await assert.rejects(starting, { code: "operation.aborted" });
  await until(async () => (await runtime.processes()).every(({ state }) => state !== "running"));
});

test("closing the runtime ends what is bound to it and leaves what is detached", async () => {
  await using place = await TestPlace.open();
  const runtime = await place.runtime();
  const bound = await runtime.spawn("sleep 1000");
  const free = await runtime.spawn("sleep 1000", { detached: true });
  await runtime.close();
  await using second = await place.runtime();
  await until(async () => (await (await second.process(bound.id)).info()).state === "exited");
  const again = await second.process(free.id);
  assert.equal((await again.info()).state, "running");
  await again.kill("KILL");
});

test("unknown processes", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await assert.rejects(runtime.process("nobody"), { code: "process.unknown" });
});
