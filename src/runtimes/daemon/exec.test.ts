import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { isBerthError } from "../../contract/errors.ts";
import type { OutputChunk } from "../../contract/process.ts";
import { TestPlace, until } from "./testing.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

test("a command's output, exit code and id come back", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const result = await runtime.exec("echo out; echo err >&2; exit 3");
  assert.equal(result.exitCode, 3);
  assert.equal(result.signal, null);
  assert.equal(result.timedOut, false);
  assert.equal(result.stdout, "out\n");
  assert.equal(result.stderr, "err\n");
  assert.equal(result.outputBytes, 8);
  assert.equal(result.truncated, false);
  assert.equal((await runtime.process(result.processId)).id, result.processId);
});

test("an argv never meets a shell, a string does", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const words = ["$HOME", "`id`", "a b", "", "*", "'\"\n"];
  const argv = await runtime.exec(["printf", "%s|", ...words]);
  assert.equal(argv.stdout, words.map((word) => `${word}|`).join(""));
  assert.equal((await runtime.exec("echo $((1 + 1))")).stdout, "2\n");
  const bash = await runtime.exec("[[ 1 == 1 ]] && echo $0", { shell: "bash" });
  assert.match(bash.stdout, /bash\n$/);
});

test("one round trip: a command is one request", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await runtime.exec(["true"]);
  const info = await runtime.processes();
  assert.equal(info.length, 1);
  assert.equal(place.dials, 1);
});

test("the middle of long output is not captured, and characters are not split at the seam", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const command = ["node", "-e", "process.stdout.write('€'.repeat(100000)); process.stderr.write('short')"];
  const result = await runtime.exec(command, { maxCaptureBytes: 1000 });
  assert.equal(result.truncated, true);
  assert.equal(result.outputBytes, 300_005);
  assert.equal(result.stdoutBytes.length, 1000);
  assert.equal(result.stdout, "€".repeat(332));
  assert.equal(result.stderr, "short");
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await runtime.process(result.processId)).stdout) chunks.push(chunk);
  assert.equal(Buffer.concat(chunks).toString(), "€".repeat(100_000));
});

test("maxCaptureBytes 0 captures nothing", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const result = await runtime.exec("echo hello", { maxCaptureBytes: 0 });
  assert.deepEqual([result.stdout, result.truncated, result.outputBytes], ["", true, 6]);
});

test("iteration gives every byte, with cursors, and strictly last the exit", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const chunks = await collect(runtime.exec("head -c 3000000 /dev/urandom | tee copy; echo e >&2; exit 4"));
  const last = chunks.at(-1);
  assert.equal(last?.type, "exit");
  assert.equal(last?.type === "exit" && last.exit.exitCode, 4);
  const data = chunks.filter((chunk): chunk is OutputChunk & { type: "data" } => chunk.type === "data");
  const stdout = Buffer.concat(data.filter((chunk) => chunk.stream === "stdout").map((chunk) => chunk.data));
  assert.equal(sha256(stdout), sha256(await runtime.fs.readFile("copy")));
  let cursor = 0;
  for (const chunk of data) {
    cursor += chunk.data.length;
    assert.equal(chunk.cursor, cursor);
  }
  assert.equal(cursor, 3_000_002);
});

test("lines are decoded, without their ends, also across chunks", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const lines = await collect(
    runtime.exec("printf 'a\\r\\nb\\n\\n'; printf '\\303'; sleep 0.05; printf '\\244x'").lines(),
  );
  assert.deepEqual(lines, ["a", "b", "", "äx"]);
  const many = await collect(runtime.exec(["seq", "200000"]).lines());
  assert.equal(many.length, 200_000);
  assert.equal(many[199_999], "200000");
});

test("input of any size, from memory and from an iterable", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const bytes = new Uint8Array(5_000_000).map((_, index) => index * 7);
  const counted = await runtime.exec("sha256sum", { input: bytes });
  assert.equal(counted.stdout.split(" ")[0], sha256(bytes));
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += 12_345) yield bytes.subarray(at, at + 12_345);
  }
  const streamed = await runtime.exec("sha256sum", { input: pieces() });
  assert.equal(streamed.stdout.split(" ")[0], sha256(bytes));
  assert.equal((await runtime.exec("cat", { input: "äö" })).stdout, "äö");
  assert.equal((await runtime.exec("cat", { input: "" })).stdout, "");
  assert.equal((await runtime.exec("cat")).stdout, "");
});

test("a command that exits without reading its input ends normally, and the source is closed", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  let closed = false;
  async function* endless() {
    try {
      for (;;) yield new Uint8Array(100_000);
    } finally {
      closed = true;
    }
  }
  assert.equal((await runtime.exec("exit 5", { input: endless() })).exitCode, 5);
  await until(() => closed);
  assert.equal((await runtime.exec("exit 6", { input: new Uint8Array(3_000_000) })).exitCode, 6);
});

test("a source that fails ends the command and is the error", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  // biome-ignore lint/correctness/useYield: it fails before its first value
  async function* broken(): AsyncGenerator<Uint8Array> {
    throw new Error("the disk is gone");
  }
  await assert.rejects(async () => await runtime.exec("cat", { input: broken() }), /the disk is gone/);
  await until(async () => (await runtime.processes()).every((process) => process.state !== "running"));
});

test("errors of a start are typed", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime({ description: "test place" });
  const cases: [string, () => PromiseLike<unknown>][] = [
    ["process.not_found", () => runtime.exec(["no-such-program"])],
    ["process.cwd_not_found", () => runtime.exec(["true"], { cwd: "nowhere" })],
    ["process.argument_invalid", () => runtime.exec([])],
    ["process.argument_invalid", () => runtime.exec(["a\0b"])],
    ["process.env_invalid", () => runtime.exec(["true"], { env: { "A B": "x" } })],
    ["process.env_invalid", () => runtime.exec(["true"], { env: { SECRET: "s3cret\0" } })],
    ["config.invalid", () => runtime.exec(["true"], { timeoutMs: -1 })],
  ];
  for (const [code, run] of cases) {
    await assert.rejects(
      async () => await run(),
      (error: unknown) => {
        assert.ok(isBerthError(error), String(error));
        assert.equal(error.code, code);
        assert.equal(error.runtime, "test place");
        assert.doesNotMatch(JSON.stringify(error), /s3cret/);
        return true;
      },
    );
  }
  await assert.rejects(collect(runtime.exec(["no-such-program"])), { code: "process.not_found" });
});

test("environment: the call's values win, undefined removes, values arrive exactly", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime({ env: { A: "1", B: "2" } });
  const value = "a 'b' \"c\" $d `e`\nf\\";
  const result = await runtime.exec('printf "%s|%s|%s" "$A" "$(printenv B || echo unset)" "$C"', {
    env: { A: "x", B: undefined, C: value },
  });
  assert.equal(result.stdout, `x|unset|${value}`);
});

test("abort settles at once and ends the tree, also one that ignores TERM", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const controller = new AbortController();
  const running = runtime.exec("trap '' TERM; sleep 1000 & sleep 1000", {
    signal: controller.signal,
    killGraceMs: 100,
  });
  const settled = running.then(
    () => assert.fail("it was aborted"),
    (error: unknown) => error,
  );
  await until(async () => (await runtime.processes()).length === 1);
  controller.abort();
  assert.ok(isBerthError(await settled, "operation.aborted"));
  await until(() => place.events.some((event) => event.type === "process.ended"));
  assert.deepEqual(place.events.find((event) => event.type === "process.ended")?.data, { left: 0 });
});

test("an abort before the start starts nothing", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const signal = AbortSignal.abort();
  await assert.rejects(async () => await runtime.exec("echo no", { signal }), { code: "operation.aborted" });
  await assert.rejects(collect(runtime.exec("echo no", { signal })), { code: "operation.aborted" });
  assert.deepEqual(await runtime.processes(), []);
});

test("leaving the iteration ends the command", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  for await (const chunk of runtime.exec("echo one; sleep 1000")) {
    assert.equal(chunk.type, "data");
    break;
  }
  await until(async () => (await runtime.processes()).every((process) => process.state !== "running"));
});

test("a timeout keeps the output until then", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const result = await runtime.exec("trap 'echo trapped; exit 7' TERM; echo before; sleep 1000 & wait", {
    timeoutMs: 1_500,
  });
  assert.equal(result.timedOut, true);
  assert.equal(result.stdout, "before\ntrapped\n");
});

test("a handle that is awaited late still has everything", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const handle = runtime.exec("seq 100000");
  await delay(50);
  const result = await handle;
  assert.equal(result.stdout.length, 588_895);
  assert.equal(result.truncated, false);
  assert.equal((await handle).stdout.length, 588_895);
});

test("a handle that is awaited after its end has its result, or its error", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const done = runtime.exec("echo done; exit 3");
  const missing = runtime.exec(["no-such-program"]);
  await until(async () => (await runtime.processes())[0]?.state === "exited");
  await runtime.exec("true");
  const { stdout, exitCode } = await done;
  assert.deepEqual([stdout, exitCode], ["done\n", 3]);
  await assert.rejects(async () => await missing, { code: "process.not_found" });
  const aborted = runtime.exec("sleep 1000", { signal: AbortSignal.timeout(20) });
  await delay(50);
  await assert.rejects(async () => await aborted, { code: "operation.aborted" });
});

test("a handle is awaited or iterated, once", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const awaited = runtime.exec("true");
  await awaited;
  assert.throws(() => awaited[Symbol.asyncIterator](), { code: "process.output_taken" });
  const iterated = runtime.exec("true");
  await collect(iterated);
  await assert.rejects(async () => await iterated, { code: "process.output_taken" });
});

test("500 commands at once", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const results = await Promise.all(
    Array.from({ length: 500 }, (_, index) => runtime.exec(["sh", "-c", `echo ${index}; exit ${index % 7}`])),
  );
  results.forEach((result, index) => {
    assert.equal(result.stdout, `${index}\n`);
    assert.equal(result.exitCode, index % 7);
  });
});
