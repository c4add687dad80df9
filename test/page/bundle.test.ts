import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PAGE_DIRECTORY as WEB } from "./page.ts";

const MOST_BYTES = 300 * 1024;

const files = readdirSync(WEB, { recursive: true, encoding: "utf8" });
const compressed = (file: string): number => statSync(join(WEB, `${file}.br`)).size;

/** Scripts and styles of the page, by their names in the directory of assets. */
const parts = files.filter((file) => /\.(?:js|css)$/.test(file));

test("the page without the terminal is at most 300 KiB, compressed", () => {
  const sizes = parts.map((file) => ({
    file,
    bytes: compressed(file),
    text: readFileSync(join(WEB, file), "utf8"),
  }));
  const rest = sizes.filter(({ text }) => !text.includes("xterm-helper-textarea"));
  assert.equal(sizes.length - rest.length > 0, true, "the terminal has a part of its own");
  const bytes = rest.reduce((sum, part) => sum + part.bytes, 0);
  const largest = rest.toSorted((a, b) => b.bytes - a.bytes).map(({ file, bytes }) => `${file} ${bytes}`);
  assert.ok(bytes <= MOST_BYTES, `${bytes} bytes:\n${largest.join("\n")}`);
});

test("every file of the page is there as it is, by brotli and by gzip, and its document asks nobody else for anything", () => {
  for (const file of parts) {
    assert.ok(files.includes(`${file}.gz`), file);
    const text = readFileSync(join(WEB, file), "utf8");
    assert.doesNotMatch(text, /sourceMappingURL=/, file);
  }
  const html = readFileSync(join(WEB, "index.html"), "utf8");
  assert.doesNotMatch(html, /(?:src|href)="(?:https?:)?\/\//);
});
