import assert from "node:assert/strict";
import { test } from "node:test";
import { table } from "./print.ts";

const ROWS = [
  ["NAME", "BRANCH", "STATE"],
  ["fix-login", "agent/a-branch-with-quite-a-long-name", "ready"],
];

test("a table takes the room that its cells need", () => {
  assert.equal(
    table(ROWS),
    "NAME       BRANCH                                 STATE\nfix-login  agent/a-branch-with-quite-a-long-name  ready\n",
  );
});

test("on a narrow terminal the widest cells are cut, so that a row stays a line", () => {
  const lines = table(ROWS, 40).trimEnd().split("\n");
  assert.deepEqual(
    lines.map(({ length }) => length),
    [40, 40],
  );
  assert.equal(lines[1], "fix-login  agent/a-branch-with-q…  ready");
  // Where even that is too much, cells keep what tells them apart.
  assert.equal(table([["a-long-name", "another-long-name"]], 5), "a-lon…  anoth…\n");
});

test("what could steer the terminal is made visible", () => {
  assert.equal(table([["a\u001b[31m", "b\nc"]]), "a·[31m  b⏎c\n");
});
