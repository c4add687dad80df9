import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bytesOf,
  numbered,
  outputMatching,
  printNumbered,
  readAll,
  refused,
  sha256,
} from "../conformance/kit.ts";
import { isAlive, waitFor } from "../fixtures/process.ts";
import { localBench, times } from "./bench.ts";

test("500 commands at once", async () => {
  await using bench = await localBench();
  const runtime = await bench.open();
  const results = await Promise.all(
    Array.from({ length: 500 }, (_, index) =>
      runtime.exec(["sh", "-c", `echo ${index}; exit ${index % 256}`]),
    ),
  );
  results.forEach(({ stdout, exitCode }, index) => {
    assert.deepEqual([stdout, exitCode], [`${index}\n`, index % 256]);
  });
});

test("1,000 processes in one runtime, and a further command among them", async () => {
  await using bench = await localBench();
  const runtime = await bench.open();
  const count = times(300, 1_000);
  const started = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      runtime.spawn(["sleep", String(1_000 + index)], { detached: true }),
    ),
  );
  assert.equal((await runtime.exec(["echo", "among them"])).stdout, "among them\n");
  const running = (await runtime.processes()).filter(({ state }) => state === "running");
  assert.equal(running.length, count);
  assert.equal(new Set(running.map(({ pid }) => pid)).size, count);
  await Promise.all(started.map((one) => one.kill("SIGKILL")));
  await waitFor("all have ended", () => started.every(({ pid }) => !isAlive(pid!)));
});

test("a command that forks 200 children which ignore TERM, aborted: nothing is left", async () => {
  await using bench = await localBench();
  const runtime = await bench.open();
  for (let turn = 0; turn < times(2, 20); turn++) {
    const abort = new AbortController();
    const path = `${bench.workdir}/pids-${turn}`;
    const script = [
      `trap '' TERM HUP INT`,
      "i=0; while [ $i -lt 200 ]; do",
      `  if [ $((i % 3)) = 0 ]; then setsid sh -c 'trap "" TERM HUP; echo $$ >> "$0"; while :; do sleep 1; done' "$0" &`,
      `  else sh -c 'trap "" TERM HUP; echo $$ >> "$0"; while :; do sleep 1; done' "$0" & fi`,
      "  i=$((i+1)); done",
      "while :; do sleep 1; done",
    ].join("\n");
    const settled = refused(
      runtime.exec(["sh", "-c", script, path], { signal: abort.signal, killGraceMs: 100 }),
      "operation.aborted",
    );
    const pids = await waitFor("200 children run", async () => {
      const lines = (await runtime.fs.readFile(path, "utf8")).trim().split("\n");
      return lines.length === 200 ? lines.map(Number) : undefined;
    });
    abort.abort();
    await settled;
    await waitFor("all have ended", () => pids.every((pid) => !isAlive(pid)));
  }
});

test("a viewer that reads nothing while another reads 100 MB", async () => {
  await using bench = await localBench();
  const [runtime, other] = [await bench.open(), await bench.open()];
  const count = 6_250_000;
  const started = await runtime.spawn(`read -r line; ${printNumbered(count)}`, { stdin: "pipe" });
  const idle = (await other.process(started.id)).output()[Symbol.asyncIterator]();
  const idleHere = started.output()[Symbol.asyncIterator]();
  const first = [idle.next(), idleHere.next()];
  const reading = readAll(started.output());
  await started.stdin.write("go\n");
  const seen = await reading;
  assert.deepEqual(seen.gaps, []);
  assert.equal(sha256(seen.all), sha256(numbered(count)));
  assert.equal((await started.exit).exitCode, 0);
  // The idle ones are where they were, and can go on.
  for (const step of await Promise.all(first)) assert.equal(step.value?.type, "data");
  await idle.return?.();
  await idleHere.return?.();
});

test("a command's output of 100 MB reaches a slow reader byte-exact while others work", async () => {
  await using bench = await localBench();
  const runtime = await bench.open();
  const count = times(1_500_000, 6_250_000);
  const parts: Uint8Array[] = [];
  for await (const chunk of runtime.exec(printNumbered(count))) {
    if (chunk.type !== "data") continue;
    parts.push(chunk.data);
    if (parts.length % 100 === 0) await runtime.exec(["true"]);
  }
  assert.equal(sha256(...parts), sha256(numbered(count)));
});

test("a process that is asked for a thousand times by many readers stays one process", async () => {
  await using bench = await localBench();
  const runtime = await bench.open();
  const started = await runtime.spawn("echo ready; exec sleep 307");
  await outputMatching(started, /ready/);
  const handles = await Promise.all(Array.from({ length: 200 }, () => runtime.process(started.id)));
  await started.kill("SIGKILL");
  const outputs = await Promise.all(handles.map(({ stdout }) => bytesOf(stdout)));
  assert.ok(outputs.every((bytes) => bytes.toString() === "ready\n"));
});
