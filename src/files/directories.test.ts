import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makeDirectories } from "./directories.ts";

test("directories are made with their parents, and are there already the next time", async () => {
  const root = await mkdtemp(join(tmpdir(), "berth-directories-"));
  try {
    const path = join(root, "a/b/c");
    await Promise.all([makeDirectories(path, 0o700), makeDirectories(path, 0o700)]);
    await makeDirectories(path, 0o700);
    // Many at once, each of which may see a parent that another one has just made.
    for (let round = 0; round < 50; round++) {
      const deep = join(root, String(round), "a/b/c/d");
      await Promise.all(Array.from({ length: 4 }, () => makeDirectories(deep)));
    }
    assert.equal((await stat(path)).mode & 0o777, 0o700);
    await writeFile(join(root, "file"), "");
    await assert.rejects(makeDirectories(join(root, "file")), { code: "EEXIST" });
    await assert.rejects(makeDirectories(join(root, "file/x")), { code: "ENOTDIR" });
  } finally {
    await rm(root, { recursive: true });
  }
});

test("a file system that refuses new directories is an error, not an endless try", async () => {
  await assert.rejects(makeDirectories("/proc/berth-test/a/b"), { code: "ENOENT" });
  await makeDirectories("/proc");
});
