import assert from "node:assert/strict";
import { test } from "node:test";
import { type TreeState, treeRows, treeStep, typedAhead } from "./tree.ts";

const state: TreeState = {
  directories: new Map([
    [
      "",
      {
        entries: [
          { name: "b10.txt", type: "file" },
          { name: "b2.txt", type: "file" },
          { name: "src", type: "directory" },
          { name: ".git", type: "directory" },
          { name: "link", type: "symlink" },
          { name: "empty", type: "directory" },
        ],
      },
    ],
    ["src", { entries: [{ name: "a.ts", type: "file" }] }],
    ["empty", { entries: [] }],
  ]),
  open: new Set(["src", "empty", "gone"]),
  facts: new Map([["link", { size: 0, isDirectory: true }]]),
  hidden: false,
};

const drawn = (given: Partial<TreeState> = {}) =>
  treeRows({ ...state, ...given }).map(
    ({ path, level, isOpen, note }) =>
      `${"  ".repeat(level - 1)}${note?.kind ?? path}${isOpen === undefined ? "" : isOpen ? " -" : " +"}`,
  );

test("directories come first, numbers in names count, links to directories are some", () => {
  assert.deepEqual(drawn(), ["empty -", "  empty", "link +", "src -", "  src/a.ts", "b2.txt", "b10.txt"]);
});

test("hidden files, and directories that are being read", () => {
  assert.deepEqual(drawn({ hidden: true, open: new Set([".git"]) }).slice(0, 2), [".git -", "  loading"]);
  assert.deepEqual(drawn({ directories: new Map([["", { entries: undefined, error: new Error("no") }]]) }), [
    "error",
  ]);
});

test("places among siblings are told", () => {
  const row = treeRows(state).find(({ path }) => path === "b2.txt");
  assert.deepEqual([row?.position, row?.siblings, row?.level], [4, 5, 1]);
});

test("arrows walk, unfold and fold", () => {
  const rows = treeRows(state);
  const step = (active: string | undefined, key: string) => treeStep(rows, active, key, 3);
  assert.deepEqual(step("src", "ArrowDown"), { go: "src/a.ts" });
  assert.deepEqual(step("src/a.ts", "ArrowLeft"), { go: "src" });
  assert.deepEqual(step("src", "ArrowLeft"), { close: "src" });
  assert.deepEqual(step("link", "ArrowRight"), { open: "link" });
  assert.deepEqual(step("src", "ArrowRight"), { go: "src/a.ts" });
  assert.deepEqual(step("empty", "End"), { go: "b10.txt" });
  assert.deepEqual(step("b10.txt", "ArrowDown"), { go: "b10.txt" });
  assert.deepEqual(step("b10.txt", "PageUp"), { go: "src" });
  assert.deepEqual(step(undefined, "ArrowDown"), { go: "empty" });
  assert.equal(step("b2.txt", "ArrowRight"), undefined);
  assert.equal(step("b2.txt", "x"), undefined);
});

test("typed letters lead to names; one letter again to the next", () => {
  const rows = treeRows(state);
  assert.equal(typedAhead(rows, "src", "b"), "b2.txt");
  assert.equal(typedAhead(rows, "b2.txt", "bb"), "b10.txt");
  assert.equal(typedAhead(rows, "b2.txt", "b1"), "b10.txt");
  assert.equal(typedAhead(rows, "b10.txt", "B"), "b2.txt");
  assert.equal(typedAhead(rows, "src", "zz"), undefined);
});
