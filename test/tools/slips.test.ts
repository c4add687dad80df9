import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type FileTools, fileTools, textOf } from "../fixtures/file-tools.ts";

async function withFile(content = "one\ntwo\nthree\n"): Promise<FileTools> {
  const hands = await fileTools();
  await writeFile(join(hands.root, "a.txt"), content);
  return hands;
}

test("an edit is understood in every form in which models give one", async () => {
  const one = { old_text: "two", new_text: "2" };
  const forms: readonly Record<string, unknown>[] = [
    { path: "a.txt", edits: [one] },
    { path: "a.txt", ...one },
    { file_path: "a.txt", old_string: "two", new_string: "2", replace_all: "false" },
    { filename: "a.txt", old_str: "two", new_str: "2" },
    { path: "a.txt", edits: one },
    { path: "a.txt", edits: JSON.stringify([one]) },
    { path: "a.txt", edits: JSON.stringify({ ...one, insert_line: null }) },
    { path: "a.txt", edits: [JSON.stringify(one)] },
    { path: "a.txt", edits: JSON.stringify([{ old_string: "two", new_string: "2", replace_all: "true" }]) },
    { path: "a.txt", edits: null, ...one },
  ];
  for (const input of forms) {
    await using hands = await withFile();
    await hands.text("file_edit", input);
    assert.equal(await readFile(join(hands.root, "a.txt"), "utf8"), "one\n2\nthree\n", JSON.stringify(input));
  }
  await using hands = await withFile();
  await hands.text("file_edit", { path: "a.txt", insert_line: "-1", insert_text: "four" });
  assert.equal(await readFile(join(hands.root, "a.txt"), "utf8"), "one\ntwo\nthree\nfour\n");
});

test("other names of fields, and numbers and truth values as text, are understood", async () => {
  await using hands = await withFile();
  assert.equal(
    await hands.text("file_read", { file_path: "a.txt", offset: "2", limit: "1" }).then(firstLine),
    "     2\ttwo",
  );
  assert.match(await hands.text("file_read", { files: '[{"file":"a.txt","offset":"-1"}]' }), /^ {5}3\tthree/);
  assert.equal(
    await hands.text("grep", { regex: "TWO", "-i": "true", glob: "*.txt", "-A": 1 }),
    "a.txt:2:two\na.txt-3-three",
  );
  assert.equal(await hands.text("glob", { pattern: "*.txt", dir: "." }), "a.txt");
  await hands.text("file_write", { filename: "b.txt", file_text: "b" });
  await hands.text("apply_patch", { input: "*** Begin Patch\n*** Add File: c.txt\n+c\n*** End Patch" });
  assert.match(await hands.text("list", { directory: ".", depth: "1" }), /a\.txt.*b\.txt.*c\.txt/s);
  assert.match(await hands.text("bash", { cmd: "pwd", workdir: ".", timeout_ms: "60000" }), /exit code 0/);
  const started = await hands.tools.call("bash", { cmd: "exec sleep 300", run_in_background: "true" });
  const { process } = started.output as { process: string };
  assert.match(await hands.text("bash_kill", { bash_id: process }), /SIGTERM/);
});

test("hooks see input as it was understood, and so may what they put in its place be", async () => {
  const seen: unknown[] = [];
  await using hands = await fileTools({
    hooks: {
      before: ({ input }) => {
        seen.push(input);
        return { input: { cmd: "echo other" } };
      },
    },
  });
  assert.match(await hands.text("bash", { cmd: "echo this" }), /^other/);
  assert.deepEqual(seen, [{ command: "echo this" }]);
});

test("what may be meant in two ways is told, with the form, and nothing is done", async () => {
  await using hands = await withFile();
  const form = /\nIt takes \{ path, edits: \[\{ old_text\?, new_text, replace_all\?, insert_line\? \}\] \}$/;
  const one = { old_text: "two", new_text: "2" };
  const wrong: readonly Record<string, unknown>[] = [
    { path: "a.txt", edits: [one], ...one },
    { path: "a.txt", file_path: "b.txt", edits: [one] },
    { path: "a.txt" },
    { path: "a.txt", edits: "two" },
    { path: "a.txt", edits: [one], dry: true },
    { path: "a.txt", edits: [{ ...one, insert_line: 1 }] },
    { path: "a.txt", ...one, insert_line: "first" },
    { path: "a.txt", ...one, constructor: "x" },
  ];
  for (const input of wrong) {
    assert.match(await hands.refused("file_edit", input, "tool.input_invalid"), form, JSON.stringify(input));
  }
  assert.equal(await readFile(join(hands.root, "a.txt"), "utf8"), "one\ntwo\nthree\n");
  const bash = await hands.refused("bash", { cmd: "true", timeout: 10 }, "tool.input_invalid");
  assert.match(bash, /: Unrecognized key: "timeout" .*\nIt takes \{ command, .*timeout_ms\?/);
  await hands.refused("bash", { command: "true", timeout_ms: "1.5" }, "tool.input_invalid");
  await hands.refused("bash", "ls", "tool.input_invalid");
});

test("errors say what a model can do, and name paths as it does", async () => {
  await using hands = await fileTools({ extraRoots: ["/opt/shared"] });
  const { root } = hands;
  const outside = await hands.refused("file_read", { path: "/etc/passwd" }, "fs.outside_workspace");
  assert.match(outside, /: \/etc\/passwd \(/);
  assert.ok(outside.endsWith(`\nStay in ${root}; these further directories may be used: /opt/shared.`));
  const home = await hands.refused("file_read", { path: "~/.bashrc" }, "fs.outside_workspace");
  assert.ok(home.endsWith("/opt/shared. ~ is not known here."));
  await mkdir(join(root, "directory"));
  for (const [tool, input] of [
    ["file_read", {}],
    ["file_write", { content: "x" }],
    ["file_edit", { edits: [{ old_text: "x", new_text: "y" }] }],
  ] as const) {
    const whole = await hands.tools.call(tool, { path: ".", ...input });
    assert.ok(whole.isError);
    assert.ok(textOf(whole).includes(`${root} (the root)`), textOf(whole));
    const inner = await hands.refused(tool, { path: `${root}/directory`, ...input }, "EISDIR");
    assert.match(inner, /: directory \(EISDIR\)\nName a file; the tool list/);
  }
  const files = [{ path: "directory" }, { path: "." }];
  const both = await hands.refused("file_read", { files }, "ENOENT");
  assert.match(both, /: directory; /);
  await writeFile(join(root, "a.txt"), "");
  const some = await hands.text("file_read", { files: [...files, { path: "a.txt" }] });
  assert.match(some, /==> directory <==\n\[is a directory: directory \(EISDIR\)\. Name a file/);
  const unknown = await hands.refused("bash_output", { process: "nothing" }, "process.unknown");
  assert.match(unknown, /\nbash_output without a process lists what runs\.$/);
  const pattern = await hands.refused("grep", { pattern: "(" }, "search.pattern_invalid");
  assert.match(pattern, /literal: true/);
  await hands.tools.close();
  const closed = await hands.refused("file_read", { path: "a.txt" }, "runtime.closed");
  assert.match(closed, /tell the user\.$/);
});

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}
