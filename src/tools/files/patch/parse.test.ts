import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../../../contract/errors.ts";
import type { Hunk, PatchedFile } from "./lines.ts";
import { parsePatch } from "./parse.ts";

function refused(patch: string, line: number, message: RegExp): void {
  assert.throws(
    () => parsePatch(patch),
    (error) => {
      assert.ok(isBerthError(error, "patch.invalid"), String(error));
      assert.equal(error.context.line, line, error.message);
      assert.match(error.message, message);
      return true;
    },
  );
}

/** Lines of a hunk as they stand in a diff. */
function drawn({ lines }: Hunk): string[] {
  const signs = { context: " ", remove: "-", add: "+" };
  return lines.map(({ kind, text }) => signs[kind] + text);
}

function hunksOf(file: PatchedFile | undefined): Hunk[] {
  assert.equal(file?.type, "update");
  return file.hunks.map(({ hunk }) => hunk);
}

const BEGIN = `*** Begin Patch
*** Add File: docs/new.md
+# New
+
+text
*** Update File: src/a.ts
*** Move to: src/b.ts
@@ class A {
@@   method() {
 one
-two
+2

+three
@@
-last
+end
*** End of File
*** Delete File: old.txt
*** End Patch
`;

test("*** Begin Patch: files are added, updated by anchors and context, moved and deleted", () => {
  const [added, updated, deleted] = parsePatch(BEGIN);
  assert.deepEqual(added, {
    type: "add",
    path: "docs/new.md",
    line: 2,
    content: "# New\n\ntext\n",
  });
  assert.equal(updated?.type === "update" && updated.moveTo, "src/b.ts");
  const [first, second] = hunksOf(updated);
  assert.deepEqual(first?.anchors, ["class A {", "method() {"]);
  assert.deepEqual(drawn(first!), [" one", "-two", "+2", " ", "+three"]);
  assert.equal(second?.atEnd, true);
  assert.equal(second.finalLineEnd, undefined);
  assert.equal(updated?.type === "update" && updated.hunks[1]?.line, 15);
  assert.deepEqual(deleted, { type: "delete", path: "old.txt", line: 19 });
});

test("*** Begin Patch in a here-document, in a fence and with CRLF is the same patch", () => {
  const plain = parsePatch(BEGIN);
  const pathsOf = (files: PatchedFile[]) =>
    files.map(({ line: _, ...file }) => JSON.stringify(file).replace(/"line":\d+/g, ""));
  for (const wrapped of [
    `apply_patch <<'EOF'\n${BEGIN}EOF\n`,
    `\`\`\`diff\n${BEGIN}\`\`\`\n`,
    BEGIN.replaceAll("\n", "\r\n"),
    BEGIN.trimEnd(),
  ]) {
    assert.deepEqual(pathsOf(parsePatch(wrapped)), pathsOf(plain));
  }
});

test("*** Begin Patch: blank lines between its parts are no part of a file", () => {
  const [first, second] = parsePatch(
    "*** Begin Patch\n*** Update File: a\n-x\n+y\n\n\n*** Update File: b\n\n@@ f\n-x\n\n@@ -7,2 +8 @@\n-z\n\n*** End Patch",
  );
  assert.deepEqual(drawn(hunksOf(first)[0]!), ["-x", "+y"]);
  const [anchored, numbered] = hunksOf(second);
  assert.deepEqual([anchored?.anchors, drawn(anchored!)], [["f"], ["-x"]]);
  assert.deepEqual([numbered?.line, numbered?.anchors, drawn(numbered!)], [7, undefined, ["-z"]]);
});

test("*** Begin Patch: what is wrong is told by its line", () => {
  const body = (text: string) => `*** Begin Patch\n${text}\n*** End Patch\n`;
  refused("*** Begin Patch\n*** Delete File: a\n", 2, /ends without/);
  refused(body("hello"), 2, /neither in a hunk nor the head/);
  refused(body(""), 3, /changes no file/);
  refused(body("*** Add File: a\nno plus"), 3, /has to begin with "\+"/);
  refused(body("*** Update File: a"), 2, /changes nothing/);
  refused(body("*** Update File: a\n@@ x\n"), 3, /no lines/);
  refused(body("*** Update File: a\n@@\n-x\nbad"), 5, /begin with " "/);
  refused(body("*** Update File: "), 2, /names no file/);
  refused(body("*** Delete File: a\n*** Update File: ./a\n-x"), 3, /already/);
  refused(body("*** Rename File: a"), 2, /head of a file/);
});

test("a unified diff: names with and without prefixes, times, counts that are wrong", () => {
  for (const [from, to] of [
    ["a/src/x.ts", "b/src/x.ts"],
    ["src/x.ts\t2026-01-01 10:00:00", "src/x.ts\t2026-01-02 10:00:00"],
    ["i/src/x.ts", "w/src/x.ts"],
  ]) {
    for (const counts of ["-3,2 +3,3", "-3,9 +3,9", "-3,1 +3,1", "-3 +3"]) {
      const [file, ...others] = parsePatch(
        `words before\n--- ${from}\n+++ ${to}\n@@ ${counts} @@ head\n one\n-two\n+2\n+3\n`,
      );
      assert.equal(file?.path, "src/x.ts");
      assert.equal(others.length, 0);
      const [hunk] = hunksOf(file);
      assert.deepEqual([hunk?.line, drawn(hunk!)], [3, [" one", "-two", "+2", "+3"]]);
    }
  }
  const [same] = parsePatch("--- a/x\n+++ a/x\n@@ -1 +1 @@\n-1\n+2\n");
  assert.equal(same?.path, "a/x", "the same name twice has no prefix");
});

test("a unified diff: removed and added lines that look like heads", () => {
  const [file, second] = parsePatch(
    "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n--- y\n+++ z\n keep\n-@@\n+@@ -1 +1 @@\n--- a/q\n+++ b/q\n@@ -1 +1 @@\n-1\n+2\n-- \n2.47.0\n",
  );
  assert.deepEqual(drawn(hunksOf(file)[0]!), ["--- y", "+++ z", " keep", "-@@", "+@@ -1 +1 @@"]);
  assert.deepEqual([second?.path, drawn(hunksOf(second)[0]!)], ["q", ["-1", "+2"]]);
});

test("a unified diff: files that are new, gone and renamed, and names that git quotes", () => {
  const files = parsePatch(`diff --git a/new.sh b/new.sh
new file mode 100755
index 0000000..1111111
--- /dev/null
+++ b/new.sh
@@ -0,0 +1,2 @@
+#!/bin/sh
+exit
\\ No newline at end of file
diff --git a/empty b/empty
new file mode 100644
index 0000000..e69de29
diff --git "a/\\303\\244 \\"q\\".txt" "b/\\303\\244 \\"q\\".txt"
deleted file mode 100644
--- "a/\\303\\244 \\"q\\".txt"
+++ /dev/null
@@ -1 +0,0 @@
-x
diff --git a/from name b/to name
similarity index 100%
rename from from name
rename to to name
diff --git a/some name b/some name
--- a/some name\t
+++ b/some name\t
@@ -5,0 +6,1 @@
+added
`);
  assert.deepEqual(
    files.map(({ line: _, ...file }) => file),
    [
      { type: "add", path: "new.sh", content: "#!/bin/sh\nexit", mode: 0o755 },
      { type: "add", path: "empty", content: "", mode: undefined },
      { type: "delete", path: 'ä "q".txt' },
      { type: "update", path: "from name", moveTo: "to name", hunks: [] },
      {
        type: "update",
        path: "some name",
        moveTo: undefined,
        hunks: [{ line: 26, hunk: { type: "hunk", lines: [{ kind: "add", text: "added" }], line: 6 } }],
      },
    ],
  );
});

test("a unified diff: the line end at the end of the file", () => {
  const marker = "\\ No newline at end of file\n";
  const patch = (lines: string) => parsePatch(`--- a/x\n+++ b/x\n@@ -1 +1 @@\n${lines}`);
  const end = (lines: string) => {
    const [hunk] = hunksOf(patch(lines)[0]);
    return [hunk?.atEnd, hunk?.finalLineEnd];
  };
  assert.deepEqual(end(`-1\n${marker}+2\n`), [true, true]);
  assert.deepEqual(end(`-1\n+2\n${marker}`), [true, false]);
  assert.deepEqual(end(`-1\n${marker}+2\n${marker}`), [true, false]);
  assert.deepEqual(end(`+2\n 1\n${marker}`), [true, false]);
  assert.deepEqual(end("-1\n+2\n"), [undefined, undefined]);
});

test("a unified diff of a file with CRLF leaves the line ends to the file", () => {
  const [file] = parsePatch("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n one\r\n-two\r\n+2\r\n");
  assert.deepEqual(drawn(hunksOf(file)[0]!), [" one", "-two", "+2"]);
  const [mixed] = parsePatch("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n one\n-two\r\n+2\n");
  assert.deepEqual(drawn(hunksOf(mixed)[0]!), [" one", "-two\r", "+2"], "it may be the change itself");
  const [added] = parsePatch("--- /dev/null\n+++ b/x\n@@ -0,0 +1,2 @@\n+one\r\n+two\r\n");
  assert.equal(added?.type === "add" && added.content, "one\r\ntwo\r\n");
});

test("a unified diff: modes, links, copies and binary files are refused by name", () => {
  const git = (lines: string) => `diff --git a/x b/x\n${lines}\n`;
  refused(git("old mode 100644\nnew mode 100755"), 2, /modes/);
  refused(git("new file mode 120000"), 2, /links/);
  refused(git("copy from x\ncopy to y"), 2, /copied/);
  refused(git("index 1..2 100644\nBinary files a/x and b/x differ"), 3, /binary/);
  refused(git("index 1..2 100644\nGIT binary patch"), 3, /binary/);
});

test("a unified diff: what is wrong is told by its line", () => {
  refused("", 1, /no patch/);
  refused("just words\n- and a point\n", 1, /no patch/);
  refused("@@ -1 +1 @@\n-1\n+2\n", 1, /of no file/);
  refused("--- a/x\n+++ b/x\n", 1, /no hunk/);
  refused("--- a/x\n+++ b/y\n@@ -1 +1 @@\n-1\n+2\n", 1, /different files/);
  refused("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-1\nbad\n", 5, /begin with/);
  refused("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+2\nwords\n+3\n", 7, /in no hunk/);
  refused("--- /dev/null\n+++ b/x\n@@ -1 +1 @@\n-1\n+2\n", 3, /no old lines/);
});

test("what git writes is what is read: the same files come of it", () => {
  const directory = mkdtempSync(join(tmpdir(), "berth-patch-"));
  try {
    const git = (...args: string[]) => execFileSync("git", args, { cwd: directory, encoding: "utf8" });
    const random = seeded(7);
    git("init", "-q");
    for (let round = 0; round < 12; round++) {
      const old = text(random, 30 + round * 5);
      const changed = old.flatMap((line) =>
        random() < 0.15 ? [] : random() < 0.15 ? [line, `new ${random()}`] : [line],
      );
      const name = round % 3 === 0 ? "dir/ä b.txt" : "x.txt";
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      const ends = [random() < 0.5 ? "\n" : "", random() < 0.5 ? "\n" : ""];
      const [before, behind] = [old.join("\n") + ends[0], changed.join("\n") + ends[1]];
      writeFileSync(join(directory, name), before);
      git("add", "-f", "-A");
      writeFileSync(join(directory, name), behind);
      const patch = git("diff", `-U${round % 4}`, "--", name);
      if (before === behind) continue;
      const [file, ...others] = parsePatch(patch);
      assert.equal(others.length, 0);
      assert.equal(file?.path, name);
      assert.equal(applied(before, hunksOf(file)), behind, patch);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

/** The hunks of a diff laid over the text that it was made of, by their numbers alone. */
function applied(text: string, hunks: readonly Hunk[]): string {
  const lines = text.split("\n");
  let ends = true;
  if (lines.at(-1) === "") lines.pop();
  else ends = false;
  let shift = 0;
  for (const hunk of hunks) {
    const at = (hunk.line ?? 1) - 1 + shift;
    const old = hunk.lines.filter(({ kind }) => kind !== "add").map(({ text }) => text);
    const fresh = hunk.lines.filter(({ kind }) => kind !== "remove").map(({ text }) => text);
    assert.deepEqual(lines.slice(at, at + old.length), old);
    lines.splice(at, old.length, ...fresh);
    shift += fresh.length - old.length;
    if (hunk.finalLineEnd !== undefined) ends = hunk.finalLineEnd;
  }
  return lines.join("\n") + (ends && lines.length > 0 ? "\n" : "");
}

function text(random: () => number, lines: number): string[] {
  const words = [
    "",
    "-- dashes",
    "++ plus",
    "@@ -1 +1 @@",
    "diff --git a/x b/x",
    "*** Begin Patch",
    "\ttab ",
    " x",
  ];
  return Array.from({ length: lines }, (_, number) =>
    random() < 0.5 ? `line ${number}` : (words[Math.floor(random() * words.length)] ?? ""),
  );
}

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}
