import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../contract/errors.ts";
import { ownerId } from "./owner-id.ts";
import { makeRandomFile } from "./random-file.ts";

test("of many that make it at once, all have the same, and nothing else is left", async () => {
  const directory = mkdtempSync(join(tmpdir(), "berth-random-"));
  try {
    const path = join(directory, "token");
    const seen = await Promise.all(
      Array.from({ length: 20 }, async () => {
        await makeRandomFile(path, 32);
        return readFileSync(path, "utf8");
      }),
    );
    assert.match(seen[0] ?? "", /^[0-9a-f]{64}\n$/);
    assert.equal(new Set(seen).size, 1);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(new Set(await Promise.all(Array.from({ length: 20 }, () => ownerId(directory)))).size, 1);
    assert.deepEqual(readdirSync(directory).sort(), ["owner-id", "token"]);
    await assert.rejects(ownerId(path), (error) => isBerthError(error, "provision.no_directory"));
  } finally {
    rmSync(directory, { recursive: true });
  }
});
