import assert from "node:assert/strict";
import { chmod, lstat, mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type FileTools, fileTools, textOf } from "../fixtures/file-tools.ts";

/** A file that is there and was read. */
async function known(hands: FileTools, name: string, content: string): Promise<string> {
  const path = join(hands.root, name);
  await writeFile(path, content);
  await hands.text("file_read", { path: name });
  hands.requests();
  return path;
}

function edits(...pairs: [string, string][]) {
  return pairs.map(([old_text, new_text]) => ({ old_text, new_text }));
}

test("file_write: makes files with their directories, and tells bytes", async () => {
  await using hands = await fileTools();
  const text = await hands.text("file_write", { path: "a/b/c.txt", content: "one\ntwo" });
  assert.equal(text, "a/b/c.txt: created, +2 -0 lines\n[7 bytes]");
  assert.equal(await readFile(join(hands.root, "a/b/c.txt"), "utf8"), "one\ntwo");
  assert.deepEqual(hands.requests(), ["change"]);
});

test("file_write: what is there is replaced only when it was read, and shows the difference", async () => {
  await using hands = await fileTools();
  const path = join(hands.root, "a.txt");
  await writeFile(path, "one\r\ntwo\r\n");
  const refused = await hands.refused("file_write", { path: "a.txt", content: "x" }, "EEXIST");
  assert.match(refused, /a\.txt is there already, and was not read/);
  assert.equal(await readFile(path, "utf8"), "one\r\ntwo\r\n");
  await hands.text("file_read", { path: "a.txt" });
  hands.requests();
  assert.match(
    await hands.text("file_write", { path: "a.txt", content: "one\nTWO\n" }),
    /changed, \+2 -2 lines\n@@/,
  );
  assert.deepEqual(hands.requests(), ["change"]);
  assert.equal(await readFile(path, "utf8"), "one\nTWO\n", "it is written as it was given");
  await hands.text("file_write", { path: "a.txt", content: "again\n" });

  await using free = await fileTools({ files: { requireRead: false } });
  await writeFile(join(free.root, "a.txt"), "x");
  assert.match(await free.text("file_write", { path: "a.txt", content: "y" }), /changed/);
});

test("file_edit: several edits at once, with the difference; the next one needs no read", async () => {
  await using hands = await fileTools();
  const path = await known(hands, "a.ts", "const a = 1;\nconst b = 2;\nconst c = 3;\n");
  const text = await hands.text("file_edit", {
    path: "a.ts",
    edits: [
      ...edits(["b = 2", "b = 20"], ["c = 3;\n", "c = 30;\n"]),
      { insert_line: 0, new_text: "// first" },
    ],
  });
  assert.equal(
    text,
    "a.ts: changed, +3 -2 lines\n@@ -1,3 +1,4 @@\n+// first\n const a = 1;\n-const b = 2;\n-const c = 3;\n+const b = 20;\n+const c = 30;",
  );
  assert.deepEqual(hands.requests(), ["change"]);
  await hands.text("file_edit", { path: "a.ts", edits: edits(["b = 20", "b = 21"]) });
  await hands.text("file_edit", { path: "a.ts", edits: [{ insert_line: 2, new_text: "// second" }] });
  assert.equal(
    await readFile(path, "utf8"),
    "// first\nconst a = 1;\n// second\nconst b = 21;\nconst c = 30;\n",
  );
});

test("file_edit: text that is not there, there twice, or copied with its numbers; nothing is changed", async () => {
  await using hands = await fileTools();
  const content = "  one();\n  two();\n  two();\n  three();\n";
  const path = await known(hands, "a.ts", content);
  const edit = (old: string) => ({ path: "a.ts", edits: edits(["  one();", "x"], [old, "y"]) });
  const missing = await hands.refused("file_edit", edit("  thre();"), "edit.not_found");
  assert.match(missing, /edit 2/);
  assert.match(missing, /\n {5}4\t {2}three\(\);/, "the nearest line is shown");
  const twice = await hands.refused("file_edit", edit("  two();"), "edit.ambiguous");
  assert.match(twice, /a\.ts 2 times, at lines 2 and 3/);
  assert.doesNotMatch(twice, new RegExp(hands.root));
  assert.match(
    await hands.refused("file_edit", edit("     4\t  three();"), "edit.not_found"),
    /Leave out the line numbers/,
  );
  await hands.refused("file_edit", edit("  one();\n  one();"), "edit.not_found");
  await hands.refused(
    "file_edit",
    { path: "a.ts", edits: [{ insert_line: 50, new_text: "x" }] },
    "edit.invalid",
  );
  assert.equal(await readFile(path, "utf8"), content);
  await hands.text("file_edit", {
    path: "a.ts",
    edits: [{ old_text: "two", new_text: "zwei", replace_all: true }],
  });
  assert.equal(await readFile(path, "utf8"), content.replaceAll("two", "zwei"));
});

test("file_edit: a file that was changed since it was read is left alone; the difference counts as read", async () => {
  await using hands = await fileTools();
  const path = await known(hands, "a.txt", "one\ntwo\nthree\n");
  await writeFile(path, "one\nTWO\nthree\nfour\n");
  const edit = { path: "a.txt", edits: edits(["three", "3"]) };
  const refused = await hands.refused("file_edit", edit, "fs.changed");
  assert.match(refused, /was changed since it was read/);
  assert.match(refused, /- {5}2\ttwo\n\+ {5}2\tTWO\n\+ {5}4\tfour/);
  assert.deepEqual(hands.requests(), ["change", "readText"]);
  assert.equal(await readFile(path, "utf8"), "one\nTWO\nthree\nfour\n");
  await hands.text("file_edit", edit);
  assert.equal(await readFile(path, "utf8"), "one\nTWO\n3\nfour\n");
});

test("file_write and apply_patch are refused, too, when the file was changed since", async () => {
  await using hands = await fileTools();
  const path = await known(hands, "a.txt", "one\ntwo\n");
  await writeFile(path, "one\n2\n");
  assert.match(
    await hands.refused("file_write", { path: "a.txt", content: "x" }, "fs.changed"),
    /\+ {5}2\t2/,
  );
  await writeFile(path, "one\nzwei\n");
  const patch = "*** Begin Patch\n*** Update File: a.txt\n-one\n+1\n*** End Patch";
  assert.match(
    await hands.refused("apply_patch", { patch }, "fs.changed"),
    /line 2 of the patch: .*\n?.*- {5}2\t2/s,
  );
  await hands.text("apply_patch", { patch });
  assert.equal(await readFile(path, "utf8"), "1\nzwei\n");
});

test("a call that was refused as the file was changed goes through when the very same is made again", async () => {
  const begin = "one\ntwo\nthree\n";
  const insert = [{ insert_line: 2, new_text: "x" }];
  const all = [{ old_text: "t", new_text: "T", replace_all: true }];
  const patch = "*** Begin Patch\n*** Update File: a.txt\n-two\n+2\n three\n*** End Patch";
  const cases: readonly [tool: string, input: object, changed: string, after: string][] = [
    ["file_edit", { edits: edits(["two", "2"]) }, "zero\none\ntwo\nthree\n", "zero\none\n2\nthree\n"],
    ["file_edit", { edits: edits(["two", "2"]) }, "one\ntwo\n", "one\n2\n"],
    ["file_edit", { edits: all }, "one\ntwo\n3\ntwenty\n", "one\nTwo\n3\nTwenTy\n"],
    ["file_edit", { edits: insert }, "one\nTWO\nthree\n", "one\nTWO\nx\nthree\n"],
    ["file_write", { content: "new\n" }, "one\n", "new\n"],
    ["apply_patch", { patch }, "zero\none\ntwo\nthree\n", "zero\none\n2\nthree\n"],
  ];
  for (const [tool, given, changed, after] of cases) {
    await using hands = await fileTools();
    const path = await known(hands, "a.txt", begin);
    await writeFile(path, changed);
    const input = tool === "apply_patch" ? given : { path: "a.txt", ...given };
    const refused = await hands.refused(tool, input, "fs.changed");
    assert.match(refused, /\n[-+] +\d\t.*\nThis counts as read: the same call, made again, goes through/s);
    assert.equal(await readFile(path, "utf8"), changed);
    await hands.text(tool, input);
    assert.equal(await readFile(path, "utf8"), after, JSON.stringify(input));
  }

  await using hands = await fileTools();
  const path = join(hands.root, "a.txt");
  await writeFile(path, begin);
  await hands.text("file_read", { path: "a.txt", limit: 2 });
  await writeFile(path, `${begin}four\n`);
  const edit = { path: "a.txt", edits: edits(["two", "2"]) };
  const elsewhere = await hands.refused("file_edit", edit, "fs.changed");
  assert.match(elsewhere, /The lines that were read are the same as before\.\nThis counts as read/);
  await hands.text("file_edit", edit);
  await writeFile(path, "one\nZWEI\nthree\nfour\n");
  const gone = { path: "a.txt", edits: edits(["2", "two"]) };
  assert.match(await hands.refused("file_edit", gone, "fs.changed"), /- {5}2\t2\n\+ {5}2\tZWEI/);
  await hands.refused("file_edit", gone, "edit.not_found");
  assert.equal(await readFile(path, "utf8"), "one\nZWEI\nthree\nfour\n");
});

test("a difference that is too large to show does not count as read", async () => {
  await using hands = await fileTools();
  const lines = Array.from({ length: 400 }, (_, index) => `line ${index}`);
  const path = await known(hands, "a.txt", lines.join("\n"));
  await writeFile(path, lines.map((line) => `${line}!`).join("\n"));
  const edit = { path: "a.txt", edits: edits(["line 7!", "x"]) };
  assert.match(await hands.refused("file_edit", edit, "fs.changed"), /left out.*Read it again/s);
  await hands.refused("file_edit", edit, "fs.changed");
  await hands.text("file_read", { path: "a.txt" });
  await hands.text("file_edit", edit);
});

test("an edit by text needs no read before it; an insertion by a number does", async () => {
  await using hands = await fileTools();
  const path = join(hands.root, "a.txt");
  await writeFile(path, "one\ntwo\n");
  await hands.text("file_edit", { path: "a.txt", edits: edits(["one", "1"]) });
  assert.equal(await readFile(path, "utf8"), "1\ntwo\n");
  await writeFile(join(hands.root, "b.txt"), "one\ntwo\n");
  const at = (line: number) => ({ path: "b.txt", edits: [{ insert_line: line, new_text: "x" }] });
  assert.match(await hands.refused("file_edit", at(1), "edit.invalid"), /b\.txt was not read/);
  await hands.text("file_edit", at(-1));
  await hands.text("file_edit", at(1));
  assert.equal(await readFile(join(hands.root, "b.txt"), "utf8"), "one\nx\ntwo\nx\n");
});

test("calls of one file at once come one after the other, each knowing what the one before did", async () => {
  await using hands = await fileTools();
  const path = await known(hands, "a.txt", "1\n2\n3\n4\n5\n");
  const results = await Promise.all([
    ...["1", "2", "3", "4"].map((line) =>
      hands.tools.call("file_edit", { path: "a.txt", edits: edits([`${line}\n`, `line ${line}\n`]) }),
    ),
    hands.tools.call("file_read", { path: "a.txt" }),
    hands.tools.call("apply_patch", { patch: "--- a/a.txt\n+++ b/a.txt\n@@ -5 +5 @@\n-5\n+line 5\n" }),
  ]);
  assert.deepEqual(
    results.map((result) => result.error?.code),
    results.map(() => undefined),
    results.map(textOf).join("\n"),
  );
  assert.equal(await readFile(path, "utf8"), "line 1\nline 2\nline 3\nline 4\nline 5\n");
});

test("an edit that is aborted changes nothing, and those behind it go on", async () => {
  await using hands = await fileTools();
  const path = await known(hands, "a.txt", "1\n2\n");
  const aborted = await hands.tools.call(
    "file_edit",
    { path: "a.txt", edits: edits(["1", "x"]) },
    { signal: AbortSignal.abort() },
  );
  assert.equal(aborted.error?.code, "operation.aborted");
  await hands.text("file_edit", { path: "a.txt", edits: edits(["2", "y"]) });
  assert.equal(await readFile(path, "utf8"), "1\ny\n");
});

test("line ends, mode, link and the end of the file stay", async () => {
  await using hands = await fileTools();
  const crlf = await known(hands, "crlf", "a\r\nb\r\nc");
  const text = await hands.text("file_edit", { path: "crlf", edits: edits(["a\nb", "a\nx\ny"]) });
  assert.doesNotMatch(text, /\r/);
  assert.equal(await readFile(crlf, "utf8"), "a\r\nx\r\ny\r\nc");
  const script = await known(hands, "dir.sh", "#!/bin/sh\necho 1\n");
  await chmod(script, 0o750);
  await symlink("dir.sh", join(hands.root, "link.sh"));
  await hands.text("file_edit", { path: "link.sh", edits: edits(["echo 1", "echo 2"]) });
  assert.equal((await stat(script)).mode & 0o777, 0o750);
  assert.equal((await lstat(join(hands.root, "link.sh"))).isSymbolicLink(), true);
  assert.equal(await readFile(script, "utf8"), "#!/bin/sh\necho 2\n");
  const latin1 = join(hands.root, "latin1");
  await writeFile(latin1, Buffer.from("caf\xe9\nold\n", "latin1"));
  await hands.text("file_edit", { path: "latin1", edits: edits(["old", "new"]) });
  assert.deepEqual(await readFile(latin1), Buffer.from("caf\xe9\nnew\n", "latin1"));
  const shown = { path: "latin1", edits: edits(["caf\ufffd", "cafe"]) };
  assert.match(await hands.refused("file_edit", shown, "edit.not_found"), /bytes that are no UTF-8/);
});

test("what is no text, a directory or not there is told", async () => {
  await using hands = await fileTools();
  await mkdir(join(hands.root, "directory"));
  await writeFile(join(hands.root, "binary"), Buffer.from([0, 1, 2]));
  await writeFile(join(hands.root, "config.json"), "{}");
  const edit = (path: string) => ({ path, edits: edits(["a", "b"]) });
  await hands.refused("file_edit", edit("binary"), "edit.binary");
  await hands.refused("file_edit", edit("directory"), "EISDIR");
  await hands.refused("file_write", { path: "directory", content: "x" }, "EISDIR");
  assert.match(await hands.refused("file_edit", edit("config.jsn"), "ENOENT"), /There is: config\.json/);
  for (const input of [
    { path: "a", edits: [] },
    { path: "a", edits: [{ new_text: "x" }] },
    { path: "a", edits: [{ old_text: "", new_text: "x" }] },
    { path: "a", edits: [{ old_text: "x", new_text: "y", insert_line: 1 }] },
    { path: "a", edits: [{ insert_line: 1, new_text: "y", replace_all: true }] },
    { path: "a", edits: [{ insert_line: -2, new_text: "y" }] },
  ]) {
    await hands.refused("file_edit", input, "tool.input_invalid");
  }
});

test("a mask that was copied from what was shown is not written in place of the secret", async () => {
  await using hands = await fileTools({ secrets: ["hunter2-hunter2"] });
  const content = "KEY=hunter2-hunter2\nOTHER=1\n";
  const path = await known(hands, "env", content);
  const masked = /holds a secret that is shown as \[secret\]/;
  assert.match(
    await hands.refused(
      "file_edit",
      { path: "env", edits: edits(["KEY=[secret]", "KEY=x"]) },
      "edit.invalid",
    ),
    masked,
  );
  assert.match(
    await hands.refused(
      "file_edit",
      { path: "env", edits: edits(["OTHER=1", "OTHER=[secret]"]) },
      "edit.invalid",
    ),
    masked,
  );
  assert.match(
    await hands.refused("file_write", { path: "env", content: "KEY=[secret]\nOTHER=2\n" }, "edit.invalid"),
    masked,
  );
  const patch = "*** Begin Patch\n*** Update File: env\n KEY=[secret]\n-OTHER=1\n+OTHER=2\n*** End Patch";
  assert.match(await hands.refused("apply_patch", { patch }, "edit.invalid"), masked);
  assert.equal(await readFile(path, "utf8"), content);
  assert.match(
    await hands.text("file_edit", { path: "env", edits: edits(["OTHER=1", "OTHER=2"]) }),
    / KEY=\[secret\]\n/,
  );
  await writeFile(join(hands.root, "unread"), content);
  assert.match(
    await hands.refused(
      "file_edit",
      { path: "unread", edits: edits(["KEY=[secret]", "x"]) },
      "edit.not_found",
    ),
    /is a secret with other letters/,
  );
  await known(hands, "words.md", "A mask is [secret].\n");
  await hands.text("file_edit", { path: "words.md", edits: edits(["is [secret]", "reads [secret]"]) });
});

test("apply_patch: adds, updates, moves and deletes in one round trip", async () => {
  await using hands = await fileTools();
  await writeFile(join(hands.root, "a.ts"), "class A {\n  run() {\n    return 1;\n  }\n}\n");
  await writeFile(join(hands.root, "old.txt"), "x\n");
  await writeFile(join(hands.root, "gone.txt"), "x\n");
  const patch = `*** Begin Patch
*** Update File: a.ts
@@ class A {
@@   run() {
-    return 1;
+    return 2;
*** Update File: old.txt
*** Move to: moved/new.txt
-x
+y
*** Delete File: gone.txt
*** Add File: added/file.txt
+one
*** End Patch`;
  hands.requests();
  assert.match(await hands.text("apply_patch", { patch, dry_run: true }), /^a\.ts: would be changed/);
  assert.equal(await readFile(join(hands.root, "old.txt"), "utf8"), "x\n");
  const text = await hands.text("apply_patch", { patch });
  assert.deepEqual(hands.requests(), ["change", "change"]);
  assert.match(text, /a\.ts: changed, \+1 -1 lines\n@@/);
  assert.match(text, /old\.txt -> moved\/new\.txt: moved, \+1 -1 lines/);
  assert.match(text, /gone\.txt: removed, \+0 -1 lines/);
  assert.match(text, /added\/file\.txt: created, \+1 -0 lines/);
  assert.equal(await readFile(join(hands.root, "moved/new.txt"), "utf8"), "y\n");
  await assert.rejects(stat(join(hands.root, "old.txt")));
  await assert.rejects(stat(join(hands.root, "gone.txt")));
  await hands.text("file_write", { path: "moved/new.txt", content: "known\n" });
});

test("apply_patch: all of it or nothing; what fails is told by its line, with the nearest place", async () => {
  await using hands = await fileTools();
  await writeFile(join(hands.root, "a.txt"), "one\ntwo\nthree\n");
  await writeFile(join(hands.root, "b.txt"), "alpha\nbeta gamma\n");
  const start = "*** Begin Patch\n*** Update File: a.txt\n-two\n+2\n";
  const cases = [
    [
      "*** Update File: b.txt\n@@\n-beta gama\n+x\n",
      "edit.not_found",
      /line 6 of the patch: the old lines.*b\.txt.* {5}2\tbeta gamma/s,
    ],
    ["*** Update File: missing.txt\n-x\n+y\n", "ENOENT", /line 5 of the patch: there is no missing\.txt/],
    ["*** Add File: b.txt\n+x\n", "EEXIST", /line 5 of the patch: b\.txt is there already/],
    ["*** Delete File: c.txt\n", "ENOENT", /line 5 of the patch/],
    ["*** Update File: ../x\n-x\n+y\n", "fs.outside_workspace", /x/],
    ["*** Update File: b.txt\nbad\n", "patch.invalid", /line 6/],
  ] as const;
  for (const [rest, code, message] of cases) {
    assert.match(
      await hands.refused("apply_patch", { patch: `${start}${rest}*** End Patch` }, code),
      message,
    );
    assert.equal(await readFile(join(hands.root, "a.txt"), "utf8"), "one\ntwo\nthree\n");
  }
});

test("apply_patch: what git diff writes, with CRLF, renames and the end of the file", async () => {
  await using hands = await fileTools();
  await writeFile(join(hands.root, "crlf.txt"), "a\r\nb\r\nc\r\n");
  await writeFile(join(hands.root, "open.txt"), "1\n2");
  await writeFile(join(hands.root, "from.txt"), "x\n");
  await hands.text("apply_patch", {
    patch: `diff --git a/crlf.txt b/crlf.txt
index 1..2 100644
--- a/crlf.txt
+++ b/crlf.txt
@@ -1,3 +1,3 @@
 a\r
-b\r
+B\r
 c\r
diff --git a/open.txt b/open.txt
--- a/open.txt
+++ b/open.txt
@@ -1,2 +1,2 @@
 1
-2
\\ No newline at end of file
+2
diff --git a/from.txt b/to.txt
similarity index 100%
rename from from.txt
rename to to.txt
diff --git a/run.sh b/run.sh
new file mode 100755
--- /dev/null
+++ b/run.sh
@@ -0,0 +1 @@
+#!/bin/sh
\\ No newline at end of file
`,
  });
  const read = (name: string) => readFile(join(hands.root, name), "utf8");
  assert.equal(await read("crlf.txt"), "a\r\nB\r\nc\r\n");
  assert.equal(await read("open.txt"), "1\n2\n");
  assert.equal(await read("to.txt"), "x\n");
  assert.equal(await read("run.sh"), "#!/bin/sh");
  assert.equal((await stat(join(hands.root, "run.sh"))).mode & 0o111, 0o111);
});

test("nothing may be changed: the tools that would are not there", async () => {
  await using hands = await fileTools({ readOnly: true });
  const names = hands.tools.list.map(({ name }) => name);
  assert.deepEqual(names, ["file_read", "list", "glob", "grep"]);
  await hands.refused("file_write", { path: "a", content: "" }, "tool.unknown");
});
