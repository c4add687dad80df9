import assert from "node:assert/strict";
import { test } from "node:test";
import { indentOf } from "./indent.ts";

test("the text's own indentation is found", () => {
  assert.equal(indentOf("a {\n\tb\n\tc {\n\t\td\n"), "\t");
  assert.equal(indentOf("def a():\n    b\n    if c:\n        d\n"), "    ");
  assert.equal(indentOf("a:\n  b:\n    c: 1\n"), "  ");
  assert.equal(indentOf("plain\ntext\n"), "  ");
});
