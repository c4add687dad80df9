import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Runtime } from "../../contract/runtime.ts";
import { openRuntime } from "../../runtimes/open.ts";
import { Bench } from "./checkout.testing.ts";
import { INIT_PROCESS, type InitHookOptions, runInitHook } from "./init-hook.ts";

const WHO = {
  workspace: "fix",
  workspaceId: "w0123456789",
  branch: "agents/fix",
  project: "p",
  trusted: true,
};

function checkout(bench: Bench, script?: string, mode = 0o755): string {
  const path = join(bench.directory, "it's a checkout");
  mkdirSync(join(path, ".berth"), { recursive: true });
  if (script !== undefined) writeFileSync(join(path, ".berth", "init"), script, { mode });
  return path;
}

const open = (bench: Bench): Promise<Runtime> =>
  openRuntime({ type: "local", daemon: "never", stateDir: join(bench.directory, "state") });

test("the set-up runs in its checkout, knows where it is, and its output comes live", async () => {
  using bench = new Bench();
  await using runtime = await open(bench);
  const path = checkout(
    bench,
    `#!/bin/sh
pwd
echo "$BERTH_WORKSPACE $BERTH_WORKSPACE_ID $BERTH_BRANCH $BERTH_PROJECT \${BERTH_TRUNK-none}"
echo err >&2
exit 3
`,
  );
  const live: string[] = [];
  const result = await runInitHook(runtime, {
    ...WHO,
    path,
    onOutput: (chunk, stream) => live.push(`${stream}:${Buffer.from(chunk)}`),
  });
  assert.equal(result.exit?.exitCode, 3);
  assert.match(result.output, /it's a checkout\n/);
  assert.match(result.output, /^fix w0123456789 agents\/fix p none$/m);
  assert.equal(
    live.some((line) => line === "stderr:err\n"),
    true,
  );
  assert.equal(result.startedAt <= result.endedAt, true);
});

test("no set-up, an untrusted one, and files that can't be run", async () => {
  using bench = new Bench();
  await using runtime = await open(bench);
  const path = checkout(bench);
  const run = (options: Partial<InitHookOptions> = {}) => runInitHook(runtime, { ...WHO, path, ...options });
  assert.deepEqual([(await run()).exit, (await run()).skipped], [null, undefined]);
  checkout(bench, "#!/bin/sh\ntouch ran\n", 0o644);
  const untrusted = await run({ trusted: false });
  assert.deepEqual([untrusted.exit, untrusted.skipped], [null, "untrusted"]);
  const plain = await run();
  assert.equal(plain.exit?.exitCode, 126);
  assert.match(plain.output, /not executable: chmod \+x/);
  mkdirSync(join(path, "d", ".berth", "init"), { recursive: true });
  assert.match((await run({ path: join(path, "d") })).output, /is no file, but a directory/);
  mkdirSync(join(path, "i", ".berth"), { recursive: true });
  writeFileSync(join(path, "i", ".berth", "init"), "#!/nowhere/sh\n", { mode: 0o755 });
  const interpreter = await run({ path: join(path, "i") });
  assert.equal(interpreter.exit?.exitCode, 126);
  assert.match(interpreter.output, /interpreter named in the first line/);
});

test("its death by signal is told, and of its output the end is kept", async () => {
  using bench = new Bench();
  await using runtime = await open(bench);
  const path = checkout(bench, "#!/bin/sh\nyes ü | head -c 300000\necho end\nkill -9 $$\n");
  const result = await runInitHook(runtime, { ...WHO, path });
  assert.deepEqual([result.exit?.exitCode, result.exit?.signal], [null, "SIGKILL"]);
  assert.equal(result.output.endsWith("end\n"), true);
  assert.equal(Buffer.byteLength(result.output) <= 64 * 1024, true);
  assert.equal(result.output.includes("\ufffd"), false);
});

test("two at once are one run; one that has ended is taken up when it is resumed", async () => {
  using bench = new Bench();
  await using runtime = await open(bench);
  const path = checkout(
    bench,
    "#!/bin/sh\necho run >> runs\ncat runs\nuntil [ -e go ]; do sleep 0.05; done\n",
  );
  const first = runInitHook(runtime, { ...WHO, path });
  const started = Promise.withResolvers<void>();
  const second = runInitHook(runtime, { ...WHO, path, onOutput: () => started.resolve() });
  await started.promise;
  writeFileSync(join(path, "go"), "");
  const results = await Promise.all([first, second]);
  assert.deepEqual(
    results.map(({ output, exit }) => [output, exit?.exitCode]),
    [
      ["run\n", 0],
      ["run\n", 0],
    ],
  );
  const resumed = await runInitHook(runtime, { ...WHO, path, resume: true });
  assert.equal(resumed.output, "run\n");
  const again = await runInitHook(runtime, { ...WHO, path });
  assert.equal(again.output, "run\nrun\n");
});

test("aborting it ends it with all that it has started", async () => {
  using bench = new Bench();
  await using runtime = await open(bench);
  const path = checkout(bench, "#!/bin/sh\nsleep 600 &\necho on\nwait\n");
  const abort = new AbortController();
  const run = runInitHook(runtime, { ...WHO, path, signal: abort.signal, onOutput: () => abort.abort() });
  await assert.rejects(run, { code: "operation.aborted" });
  const process = await runtime.process(INIT_PROCESS);
  const { state, hasOrphans } = await process.info();
  assert.deepEqual([state, hasOrphans ?? false], ["exited", false]);
});
