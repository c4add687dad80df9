import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "../..");

test("every line of the threat model names a test that there is", () => {
  const page = readFileSync(join(root, "docs/security.md"), "utf8");
  const model = page.slice(page.indexOf("\n## Threat model"), page.indexOf("\n## What is not protected"));
  const lines = model.split("\n").filter((line) => /^\| (?!---|can or can't)/.test(line));
  assert.ok(lines.length >= 20);
  const missing = lines.filter((line) => {
    const [, path, name] = /`([^`]+\.test\.ts)`: (.+) \|$/.exec(line) ?? [];
    return path === undefined || !readFileSync(join(root, path), "utf8").includes(`test("${name}"`);
  });
  assert.deepEqual(missing, []);
});
