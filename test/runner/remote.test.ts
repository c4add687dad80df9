import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Process } from "../../src/contract/process.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import { waitFor } from "../fixtures/process.ts";
import { testRunner } from "../fixtures/runner.ts";

const KILLS = process.env.BERTH_LONG === "1" ? 20 : 2;
const LINES = KILLS * 500;
/** About 5 ms a line: the kills fall into it. */
const COUNT = `i=0; while [ $i -lt ${LINES} ]; do echo "line $i"; i=$((i+1)); sleep 0.005; done`;
const COUNTED = Array.from({ length: LINES }, (_, i) => `line ${i}\n`).join("");

/** What a process prints, by the chunks of its log; the cursor has to fit the bytes. */
async function printed(process: Process, from = 0): Promise<string> {
  const parts: Uint8Array[] = [];
  let cursor = from;
  for await (const chunk of process.output({ from })) {
    if (chunk.type !== "data") continue;
    cursor += chunk.data.length;
    assert.equal(chunk.cursor, cursor);
    parts.push(chunk.data);
  }
  return Buffer.concat(parts).toString();
}

test("a runner that is killed and started again: exec, output, input and a terminal go on, byte for byte", async () => {
  await using runner = await testRunner();
  const workspace = await runner.workspace();
  await using remote = await openRuntime(runner.remote(workspace), {
    stateDirectory: runner.stateDirectory,
  });
  const counted = remote.exec(COUNT);
  const counting = await remote.spawn(COUNT);
  const all = printed(counting);
  const cat = await remote.spawn("cat", { stdin: "pipe" });
  const echoed = printed(cat);
  const terminal = await remote.spawn(
    ["sh", "-c", `stty -echo -onlcr; ${COUNT}; until [ -e go ]; do sleep 0.05; done; stty size`],
    {
      tty: { columns: 80, rows: 24 },
    },
  );
  const shown = printed(terminal);
  let input = "";
  const write = async (text: string) => {
    input += text;
    await cat.stdin.write(text);
  };
  await waitFor("some output", async () => (await counting.info()).outputEnd > 100);
  const late = printed(counting, 100);
  for (let kill = 0; kill < KILLS; kill++) {
    for (let i = 0; i < 20; i++) await write(`before kill ${kill}, ${i}\n`);
    await delay(300);
    // The last one ends in order, as for an upgrade.
    const killed = kill === KILLS - 1 ? runner.stop() : runner.kill();
    for (let i = 0; i < 20; i++) await write(`while killed ${kill}, ${i}\n`);
    await killed;
    await runner.restart();
  }
  await write("x".repeat(3_000_000));
  await cat.stdin.end();
  await terminal.resize({ columns: 100, rows: 30 });
  await remote.fs.writeFile("go", "");
  const [{ stdout, exitCode }, whole, tail, back, screen] = await Promise.all([
    counted,
    all,
    late,
    echoed,
    shown,
  ]);
  assert.equal(exitCode, 0);
  assert.equal(stdout, COUNTED);
  assert.equal(whole, COUNTED);
  assert.equal(tail, COUNTED.slice(100));
  assert.equal(back.length, input.length);
  assert.equal(back, input);
  assert.equal(screen, `${COUNTED}30 100\n`);
});

test("another client finds the processes of one that is gone, by the runner or in the place itself", async () => {
  await using runner = await testRunner({ inProcess: true });
  const workspace = await runner.workspace();
  const options = { stateDirectory: runner.stateDirectory };
  const start = async () => {
    await using first = await openRuntime(runner.remote(workspace), options);
    return await first.spawn("echo there; sleep 60", { detached: true, name: "server" });
  };
  const started = await start();
  await using second = await openRuntime(runner.remote(workspace), options);
  const found = await second.process("server");
  assert.equal(found.id, started.id);
  await using direct = await runner.workspaces.open(workspace.id);
  assert.equal((await direct.process("server")).id, started.id);
  const log = await runner.workspaces.config(workspace.id);
  assert.equal(log.type, "worktree");
  await found.kill();
});

test("what a client does is in the log with its cause, and without what it read or wrote", async () => {
  await using runner = await testRunner({ inProcess: true });
  const workspace = await runner.workspace();
  {
    await using remote = await openRuntime(runner.remote(workspace), {
      stateDirectory: runner.stateDirectory,
    });
    await remote.fs.writeFile("notes.txt", "what-was-written");
    await remote.exec("cat notes.txt");
    await assert.rejects(remote.fs.rm("missing"), { code: "ENOENT" });
  }
  const events: { type: string; cause?: string; actor?: string; workspace?: string }[] = [];
  const signal = AbortSignal.timeout(60_000);
  for await (const event of runner.client().events({ after: 0, workspace: workspace.id, signal })) {
    events.push(event);
    if (event.type === "request.failed") break;
  }
  const written = events.find(({ type }) => type === "file.written");
  assert.match(written?.cause ?? "", /^req_/);
  assert.match(written?.actor ?? "", /^token:/);
  assert.ok(events.some(({ type }) => type === "process.requested"));
  assert.ok(!JSON.stringify(events).includes("what-was-written"));
});
