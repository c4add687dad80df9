import assert from "node:assert/strict";
import { test } from "node:test";
import { visible } from "./visible.ts";

test("no name looks like another one: what turns letters round or is not seen is shown", () => {
  assert.equal(visible("a\u202egnp.exe"), "a‹U+202E›gnp.exe");
  assert.equal(visible("two\nlines\x1b[31m\x7f\x9b"), "two␊lines␛[31m‹U+007F›‹U+009B›");
  assert.equal(visible("\u200b\u2066x\u2069"), "‹U+200B›‹U+2066›x‹U+2069›");
  for (const plain of [
    "README.md",
    "übersicht 日本.txt",
    "👩‍🚀".replaceAll("\u200d", ""),
    "עברית",
    "e\u0301",
  ])
    assert.equal(visible(plain), plain);
});
