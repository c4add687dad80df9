import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { scratchDirectory } from "../../src/runtimes/payload.testing.ts";
import { buildCacheDirectory, madeOnce } from "./cache.ts";

test("the cache follows the XDG rules; a relative path is none", () => {
  assert.equal(buildCacheDirectory({ XDG_CACHE_HOME: "/c" }), "/c/berth/build");
  assert.match(buildCacheDirectory({ XDG_CACHE_HOME: "c" }), /\/\.cache\/berth\/build$/);
  assert.match(buildCacheDirectory({}), /\/\.cache\/berth\/build$/);
});

test("a directory is made as a whole or not at all, by many at a time, and then found", async () => {
  await using scratch = await scratchDirectory();
  const target = join(scratch.path, "thing");
  await assert.rejects(
    madeOnce(target, async (temporary) => {
      await writeFile(join(temporary, "half"), "");
      throw new Error("interrupted");
    }),
    /interrupted/,
  );
  assert.deepEqual(await readdir(scratch.path), []);
  const make = (text: string) => madeOnce(target, (temporary) => writeFile(join(temporary, "file"), text));
  await Promise.all([make("1"), make("1"), make("1")]);
  assert.equal(await make("2"), target);
  assert.equal(await readFile(join(target, "file"), "utf8"), "1");
  assert.deepEqual(await readdir(scratch.path), ["thing"]);
});
