import assert from "node:assert/strict";
import { test } from "node:test";
import { isWithin, parentsOf, typedPath } from "./paths.ts";

test("typed paths are made plain, and stay inside", () => {
  assert.equal(typedPath("src", "a.ts"), "src/a.ts");
  assert.equal(typedPath("src/a", "../b//c/./d.ts"), "src/b/c/d.ts");
  assert.equal(typedPath("src", "/top.md"), "top.md");
  assert.equal(typedPath("", "../x"), undefined);
  assert.equal(typedPath("src", "  "), undefined);
  assert.equal(typedPath("src", ".."), undefined);
});

test("parents, and what is below", () => {
  assert.deepEqual(parentsOf("a/b/c"), ["a", "a/b"]);
  assert.deepEqual(parentsOf("a"), []);
  assert.equal(isWithin("a/bc", "a/b"), false);
  assert.equal(isWithin("a/b/c", "a/b"), true);
  assert.equal(isWithin("x", ""), true);
});
