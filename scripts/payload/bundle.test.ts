import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { scratchDirectory } from "../../src/runtimes/payload.testing.ts";
import { buildDaemonBundle, CODE_CACHE_FILE, DAEMON_FILE, ENTRY_FILE } from "./bundle.ts";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

test("the daemon's bundle is the same bytes every time, in ASCII, and runs without anything beside it", async () => {
  await using scratch = await scratchDirectory();
  const first = await buildDaemonBundle({ root, directory: join(scratch.path, "1") });
  const second = await buildDaemonBundle({ root, directory: join(scratch.path, "2") });
  const text = await readFile(join(first.directory, DAEMON_FILE));
  assert.ok(text.equals(await readFile(join(second.directory, DAEMON_FILE))));
  assert.ok(text.every((byte) => byte < 0x80));
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  const entry = join(first.directory, ENTRY_FILE);
  assert.equal(execFileSync(process.execPath, [entry, "version"], { cwd: "/" }).toString().trim(), version);
});

test("code that is not for this Node is ignored", async () => {
  await using scratch = await scratchDirectory();
  await buildDaemonBundle({ root, directory: scratch.path });
  await writeFile(join(scratch.path, CODE_CACHE_FILE), Buffer.alloc(1_000, 7));
  const run = spawnSync(process.execPath, [join(scratch.path, ENTRY_FILE), "version"]);
  assert.equal(run.status, 0, run.stderr.toString());
});

test("what makes the daemon heavy is refused", async () => {
  await using scratch = await scratchDirectory();
  const entry = join(root, "scripts", "payload", "fixtures", "heavy.ts");
  await assert.rejects(buildDaemonBundle({ root, entry, directory: scratch.path }), /import zod\/mini/);
});

test("built-in modules keep their default and named exports", async () => {
  await using scratch = await scratchDirectory();
  const entry = join(root, "scripts", "payload", "fixtures", "builtins.ts");
  await buildDaemonBundle({ root, entry, directory: scratch.path });
  const output = execFileSync(process.execPath, [join(scratch.path, ENTRY_FILE)]).toString();
  assert.equal(output, "true true true true\n");
});
