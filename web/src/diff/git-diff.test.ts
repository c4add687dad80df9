import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { GitDiffParser } from "./git-diff.ts";
import type { DiffFile } from "./model.ts";

function parse(text: string, cuts: readonly number[] = []): readonly DiffFile[] {
  const parser = new GitDiffParser();
  let at = 0;
  for (const cut of cuts.map((one) => one % (text.length + 1)).sort((a, b) => a - b)) {
    parser.push(text.slice(at, cut));
    at = cut;
  }
  parser.push(text.slice(at));
  parser.end();
  return parser.files;
}

const only = (text: string): DiffFile => {
  const [file, ...others] = parse(text);
  assert.ok(file !== undefined && others.length === 0);
  return file;
};

const SAMPLE = `diff --git a/src/a.ts b/src/a.ts
index 1111111..2222222 100644
--- a/src/a.ts
+++ b/src/a.ts
@@ -1,4 +1,4 @@ function head() {
 one
-two
+2
+2.5
 three
--- a comment of SQL
@@ -20 +21 @@
-old
\\ No newline at end of file
+new
diff --git a/logo.png b/logo.png
new file mode 100644
index 0000000..3333333
GIT binary patch
literal 12
Tcmd--zzzzzz
@@ not a hunk

literal 0
HcmV?d00001

diff --git a/run.sh b/run.sh
old mode 100644
new mode 100755
`;

test("lines get their numbers; what looks like a head within a hunk is a line", () => {
  const [file] = parse(SAMPLE);
  assert.ok(file !== undefined);
  assert.equal(file.path, "src/a.ts");
  assert.deepEqual([file.added, file.deleted], [3, 3]);
  assert.equal(file.hunks[0]?.heading, "function head() {");
  assert.deepEqual(
    file.hunks[0]?.lines.map(({ kind, text, old, new: now }) => [kind, text, old, now]),
    [
      [" ", "one", 1, 1],
      ["-", "two", 2, null],
      ["+", "2", null, 2],
      ["+", "2.5", null, 3],
      [" ", "three", 3, 4],
      ["-", "-- a comment of SQL", 4, null],
    ],
  );
});

test("a last line without a line end is told of, on its side", () => {
  const last = parse(SAMPLE)[0]?.hunks[1]?.lines;
  assert.deepEqual(last, [
    { kind: "-", text: "old", old: 20, new: null, noNewline: true },
    { kind: "+", text: "new", old: null, new: 21 },
  ]);
});

test("binary files and changes of the mode alone have no lines", () => {
  const [, logo, run] = parse(SAMPLE);
  assert.deepEqual([logo?.status, logo?.binary, logo?.hunks.length], ["added", true, 0]);
  assert.deepEqual(
    [run?.path, run?.oldMode, run?.newMode, run?.binary],
    ["run.sh", "100644", "100755", false],
  );
  assert.equal(
    only("diff --git a/x.bin b/x.bin\nindex 1..2 100644\nBinary files a/x.bin and b/x.bin differ\n").binary,
    true,
  );
});

test("renames have both names", () => {
  const file = only(`diff --git a/old name.txt b/new name.txt
similarity index 90%
rename from old name.txt
rename to new name.txt
index 1..2 100644
--- a/old name.txt\t
+++ b/new name.txt\t
@@ -1 +1 @@
-a
+b
`);
  assert.deepEqual([file.status, file.oldPath, file.path], ["renamed", "old name.txt", "new name.txt"]);
});

test("names that git quotes are read as they are", () => {
  const file = only(`diff --git "a/caf\\303\\251 \\"x\\"\\t.txt" "b/caf\\303\\251 \\"x\\"\\t.txt"
deleted file mode 100644
index 1..0
--- "a/caf\\303\\251 \\"x\\"\\t.txt"
+++ /dev/null
@@ -1 +0,0 @@
-gone
`);
  assert.deepEqual([file.path, file.status, file.oldPath], ['café "x"\t.txt', "deleted", null]);
});

test("names with spaces and no lines are halves of the head", () => {
  assert.equal(only("diff --git a/a b/c d b/a b/c d\nold mode 100644\nnew mode 100755\n").path, "a b/c d");
  assert.equal(
    only("diff --git a/empty file b/empty file\nnew file mode 100644\nindex 0..1\n").path,
    "empty file",
  );
});

test("CRLF belongs to the line", () => {
  const file = only("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\r\n+a\n");
  assert.deepEqual(
    file.hunks[0]?.lines.map(({ text }) => text),
    ["a\r", "a"],
  );
});

test("a merge that is not finished is compared with both sides", () => {
  const file = only(`diff --cc both.txt
index 1,2..0
--- a/both.txt
+++ b/both.txt
@@@ -1,3 -1,3 +1,6 @@@
  one
++<<<<<<< HEAD
 +mine
++=======
+ theirs
++>>>>>>> other
--last
`);
  assert.deepEqual([file.combined, file.path], [true, "both.txt"]);
  assert.deepEqual(
    file.hunks[0]?.lines.map(({ kind, text, old, new: now }) => [kind, text, old, now]),
    [
      [" ", "one", 1, 1],
      ["+", "<<<<<<< HEAD", null, 2],
      ["+", "mine", 2, 3],
      ["+", "=======", null, 4],
      ["+", "theirs", null, 5],
      ["+", ">>>>>>> other", null, 6],
      ["-", "last", 3, null],
    ],
  );
});

test("a file with more lines than are wanted is without them, and the next one is read", () => {
  const parser = new GitDiffParser({ mostLines: 5 });
  parser.push(
    SAMPLE.replace(/diff --git a\/logo[\s\S]*/, "") +
      SAMPLE.replaceAll("src/a.ts", "b.ts").replace("@@ -20 +21 @@", "@@ -3 +3 @@"),
  );
  parser.push("diff --git a/c b/c\n--- a/c\n+++ b/c\n@@ -1 +1 @@\n-a\n+b\n");
  const [first, second] = parser.files;
  assert.deepEqual([first?.isCut, first?.hunks.length, first?.added, first?.deleted], [true, 0, 3, 3]);
  assert.equal(second?.isCut, true);
  assert.equal(parser.files.at(-1)?.hunks[0]?.lines.length, 2);
  assert.equal(parser.lines, 2);
});

test("of a very long line its beginning is kept, and how much is left", () => {
  const line = "x".repeat(1_000_000);
  const text = `diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -0,0 +1,2 @@\n+${line}\n+short\n`;
  const parser = new GitDiffParser();
  for (let at = 0; at < text.length; at += 65_536) parser.push(text.slice(at, at + 65_536));
  parser.end();
  const [long, short] = parser.files[0]?.hunks[0]?.lines ?? [];
  assert.equal((long?.text.length ?? 0) + (long?.left ?? 0), line.length);
  assert.deepEqual(short, { kind: "+", text: "short", old: null, new: 2 });
});

test("however the text is cut, the same is read", () => {
  const whole = parse(SAMPLE);
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 8 }), (cuts) => assert.deepEqual(parse(SAMPLE, cuts), whole)),
  );
});
