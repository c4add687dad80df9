import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { scratchDirectory, smallDisk } from "../../test/fixtures/disk.ts";
import { requireOrSkip } from "../../test/fixtures/install.ts";
import { openLogFile } from "./log-file.ts";

test("a log has a limit: one older file is kept, and no line is cut", async () => {
  await using scratch = await scratchDirectory();
  const path = join(scratch.path, "runner.log");
  {
    using log = openLogFile(path, 100);
    for (let i = 0; i < 50; i++) log.write(`${String(i).padStart(9, "0")}\n`);
  }
  {
    using log = openLogFile(path, 100);
    log.write(`${"x".repeat(300)}\n`);
    log.write("last\n");
  }
  assert.deepEqual(readdirSync(scratch.path).sort(), ["runner.log", "runner.log.1"]);
  assert.equal(readFileSync(path, "utf8"), "last\n");
  assert.equal(readFileSync(`${path}.1`, "utf8"), `${"x".repeat(300)}\n`);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test("a full disk stops nobody, and later lines are written again", async (t) => {
  const disk = await requireOrSkip(t, () => smallDisk({ size: 64 * 1024 }));
  if (disk === undefined) return;
  await using _disk = disk;
  const path = join(disk.path, "runner.log");
  using log = openLogFile(path, 40 * 1024);
  for (let i = 0; i < 500; i++) log.write(`${"x".repeat(1000)}\n`);
  assert.ok(readdirSync(disk.path).length <= 2);
});
