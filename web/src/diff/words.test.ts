import assert from "node:assert/strict";
import { test } from "node:test";
import { diffWords } from "./words.ts";

const marked = (parts: readonly { readonly text: string; readonly changed: boolean }[] | undefined) =>
  parts?.map(({ text, changed }) => (changed ? `[${text}]` : text)).join("");

test("words that differ are marked on both sides", () => {
  const found = diffWords("const port = 3000;", "const port = env.PORT;");
  assert.equal(marked(found?.before), "const port = [3000];");
  assert.equal(marked(found?.after), "const port = [env.PORT];");
  assert.equal(marked(diffWords("größer als 日本", "größer als 日本!")?.after), "größer als 日本[!]");
});

test("only spaces differ", () => {
  const found = diffWords("  a = b", "    a = b");
  assert.equal(marked(found?.before), "[  ]a = b");
  assert.equal(marked(found?.after), "[    ]a = b");
});

test("lines that have little in common, or are very long, have no marks", () => {
  assert.equal(diffWords("import x from y", "return compute(42)"), undefined);
  assert.equal(diffWords("a".repeat(3000), `${"a".repeat(3000)}b`), undefined);
});
