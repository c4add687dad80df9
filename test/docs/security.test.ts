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
    // Tests of the page have a word of their own, and long names a line of their own.
    return (
      path === undefined || !/[tT]est\(\s*$/.test(beforeName(readFileSync(join(root, path), "utf8"), name))
    );
  });
  assert.deepEqual(missing, []);
});

/** Empty where the text has no such name in quotes. */
function beforeName(text: string, name = ""): string {
  return text.slice(0, Math.max(0, text.indexOf(`"${name}"`)));
}
