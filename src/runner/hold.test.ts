import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { scratchDirectory } from "../../test/fixtures/disk.ts";
import { VERSION } from "../contract/version.ts";
import { holdStateDirectory, isHeld } from "./hold.ts";
import { isAlive, processStartOf, readRunnerFile, runningRunner } from "./runner-file.ts";

const RUNNER = {
  url: "http://127.0.0.1:7333",
  host: "127.0.0.1",
  port: 7333,
  instanceId: "run_1",
  startedAt: "2026-01-01T00:00:00.000Z",
};

test("one runner a state directory; the second is told who holds it", async () => {
  await using scratch = await scratchDirectory();
  const state = join(scratch.path, "state");
  const hold = await holdStateDirectory(state);
  await assert.rejects(holdStateDirectory(state), { code: "runner.held", message: /has not said yet/ });
  assert.equal(runningRunner(state), undefined);
  hold.publish(RUNNER);
  await assert.rejects(holdStateDirectory(state), (error: Error) => {
    assert.match(error.message, new RegExp(`process ${process.pid}, http://127\\.0\\.0\\.1:7333`));
    return true;
  });
  assert.deepEqual(
    { ...runningRunner(state), machine: "", processStart: "", lock: "" },
    { ...RUNNER, pid: process.pid, version: VERSION, machine: "", processStart: "", lock: "" },
  );
  assert.equal(statSync(join(state, "runner.json")).mode & 0o777, 0o600);
  assert.ok(isHeld(state));
  hold[Symbol.dispose]();
  hold[Symbol.dispose]();
  assert.equal(isHeld(state), false);
  assert.equal(readRunnerFile(state), undefined);
  (await holdStateDirectory(state))[Symbol.dispose]();
});

test("what a killed runner left is no runner, also when its number is used again", async () => {
  await using scratch = await scratchDirectory();
  const child = spawn(process.execPath, [
    "--input-type=module",
    "-e",
    `const { holdStateDirectory } = await import(${JSON.stringify(new URL("./hold.ts", import.meta.url).href)});
     const hold = await holdStateDirectory(${JSON.stringify(scratch.path)});
     hold.publish(${JSON.stringify(RUNNER)});
     console.log("held");
     setInterval(() => hold, 1000);`,
  ]);
  try {
    await once(child.stdout, "data");
    assert.equal(runningRunner(scratch.path)?.pid, child.pid);
    await assert.rejects(holdStateDirectory(scratch.path), { code: "runner.held" });
    child.kill("SIGKILL");
    await once(child, "exit");
  } finally {
    child.kill("SIGKILL");
  }
  assert.equal(runningRunner(scratch.path), undefined);
  assert.equal(readRunnerFile(scratch.path)?.pid, child.pid, "its file is there still");
  const path = join(scratch.path, "runner.json");
  writeFileSync(path, readFileSync(path, "utf8").replace(String(child.pid), String(process.pid)));
  assert.equal(runningRunner(scratch.path), undefined, "another process of that number");
  (await holdStateDirectory(scratch.path))[Symbol.dispose]();
  assert.equal(readRunnerFile(scratch.path), undefined);
});

test("a file that says nothing of a runner is none", async () => {
  await using scratch = await scratchDirectory();
  const texts = [
    "",
    "{",
    "null",
    "[]",
    '{"url":"x","pid":1}',
    '{"url":"http://a","pid":-1}',
    '{"url":"http://a"}',
    '{"url":"http://a","pid":1}',
  ];
  for (const text of texts) {
    writeFileSync(join(scratch.path, "runner.json"), text);
    assert.equal(readRunnerFile(scratch.path), undefined, text);
  }
});

test("a process is told from another one of its number by when it began", () => {
  const processStart = processStartOf(process.pid);
  assert.equal(isAlive({ pid: process.pid, processStart }), true);
  if (processStart === undefined) return;
  assert.equal(isAlive({ pid: process.pid, processStart: `${processStart}1` }), false);
});
