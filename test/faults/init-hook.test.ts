import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { INIT_PROCESS, runInitHook } from "../../src/workspaces/git/init-hook.ts";
import { waitFor } from "../fixtures/process.ts";
import { localBench } from "./bench.ts";

const WHO = {
  workspace: "fix",
  workspaceId: "w0123456789",
  branch: "fix",
  project: "p",
  trusted: true,
} as const;
const SCRIPT = `#!/bin/sh
echo run >> runs
echo begun
until [ -e go ]; do sleep 0.05; done
seq 20000
echo done
exit 7
`;

test("a set-up goes on when its client has gone, and the next one takes it up: running, and at its end", async () => {
  await using bench = await localBench();
  const path = bench.workdir;
  mkdirSync(join(path, ".berth"));
  writeFileSync(join(path, ".berth", "init"), SCRIPT, { mode: 0o755 });
  const first = await bench.open();
  const begun = Promise.withResolvers<void>();
  const cut = assert.rejects(runInitHook(first, { ...WHO, path, onOutput: () => begun.resolve() }));
  await begun.promise;
  await first.close();
  await cut;

  const second = await bench.open();
  const live: Buffer[] = [];
  const taken = runInitHook(second, { ...WHO, path, onOutput: (chunk) => live.push(Buffer.from(chunk)) });
  await waitFor("its output so far", () => Buffer.concat(live).toString() === "begun\n");
  writeFileSync(join(path, "go"), "");
  const { exit, output } = await taken;
  assert.deepEqual([exit?.exitCode, output.endsWith("20000\ndone\n")], [7, true]);
  assert.equal(readFileSync(join(path, "runs"), "utf8"), "run\n");
  await second.close();

  const third = await bench.open();
  const resumed = await runInitHook(third, { ...WHO, path, resume: true });
  assert.deepEqual([resumed.exit?.exitCode, resumed.output], [7, output]);
  assert.equal(readFileSync(join(path, "runs"), "utf8"), "run\n");
  assert.equal((await (await third.process(INIT_PROCESS)).info()).state, "exited");
});
