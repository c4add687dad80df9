import assert from "node:assert/strict";
import { test } from "node:test";
import { columnsOf, type RowOptions, rowsOf, type ShownFile } from "./rows.ts";
import { diffTexts } from "./texts.ts";

const options: RowOptions = { split: false, collapsed: () => false, loading: false, heads: true };

function shown(before: string, after: string): ShownFile {
  const diff = diffTexts("a.txt", before, after);
  return { path: "a.txt", oldPath: null, status: "modified", added: 1, deleted: 1, binary: false, diff };
}

const texts = (file: ShownFile, given: Partial<RowOptions> = {}) =>
  rowsOf([file], { ...options, ...given }).map((row) => {
    if (row.kind === "line")
      return `${row.line.kind}${row.line.text}${row.other ? ` | ${row.other.text}` : ""}`;
    if (row.kind === "pair") return `${row.left?.text ?? ""} | ${row.right?.text ?? ""}`;
    return row.kind === "file" ? "file" : row.text;
  });

test("lines stand one below the other, or side by side", () => {
  const file = shown("a\nb\nc\nd\n", "a\nB\nC\nX\nd\n");
  assert.deepEqual(texts(file), [
    "file",
    "@@ -1,4 +1,5 @@",
    " a",
    "-b | B",
    "-c | C",
    "+B | b",
    "+C | c",
    "+X",
    " d",
  ]);
  assert.deepEqual(texts(file, { split: true }), [
    "file",
    "@@ -1,4 +1,5 @@",
    "a | a",
    "b | B",
    "c | C",
    " | X",
    "d | d",
  ]);
});

test("changes far from each other have hunks of their own", () => {
  const lines = Array.from({ length: 40 }, (_, i) => `line ${i}`);
  const after = lines.with(2, "two").with(30, "thirty");
  const diff = diffTexts("a", lines.join("\n"), after.join("\n"));
  assert.deepEqual(
    diff.hunks.map(({ range }) => range),
    ["@@ -1,6 +1,6 @@", "@@ -28,7 +28,7 @@"],
  );
});

test("a line end that is missing is a difference", () => {
  const [hunk] = diffTexts("a", "x\n", "x").hunks;
  assert.deepEqual(hunk?.lines, [
    { kind: "-", text: "x", old: 1, new: null },
    { kind: "+", text: "x", old: null, new: 1, noNewline: true },
  ]);
});

test("what is folded away, not read, or has no lines is said", () => {
  const file = shown("a\n", "b\n");
  assert.deepEqual(texts(file, { collapsed: () => true }), ["file", "2 changed lines, folded away"]);
  assert.deepEqual(texts({ ...file, diff: undefined }, { loading: true }), ["file", "Loading…"]);
  assert.match(texts({ ...file, diff: undefined })[1] ?? "", /not read/);
  const empty = { ...diffTexts("a", "", ""), status: "added" as const };
  assert.deepEqual(texts({ ...file, diff: empty }), ["file", "An empty file"]);
  assert.deepEqual(texts({ ...file, diff: { ...empty, oldMode: "100644", newMode: "100755" } }), [
    "file",
    "Mode changed from file (100644) to executable file (100755)",
  ]);
});

test("columns of tabs and wide characters are counted, of very long lines only what is shown", () => {
  assert.equal(columnsOf("\tab"), 6);
  assert.equal(columnsOf("日本"), 4);
  assert.equal(columnsOf("x".repeat(1_000_000)), 2030);
});
