import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type BerthError, isBerthError } from "../../contract/errors.ts";
import type { TextEdit } from "../../contract/text.ts";
import { diffLines } from "./diff.ts";
import { applyEdits } from "./edit.ts";
import { unifiedDiff } from "./unified.ts";

function edit(content: string | Buffer, ...edits: TextEdit[]): string {
  return applyEdits(Buffer.from(content), edits, "/file").content.toString();
}

function refused(code: string, content: string, ...edits: TextEdit[]): BerthError {
  let thrown: unknown;
  try {
    edit(content, ...edits);
  } catch (error) {
    thrown = error;
  }
  assert.ok(isBerthError(thrown), "it was not refused");
  assert.equal(thrown.code, code, thrown.message);
  return thrown;
}

const replace = (oldText: string, newText: string, all?: boolean): TextEdit => ({
  type: "replace",
  oldText,
  newText,
  all,
});
const insert = (line: number, text: string): TextEdit => ({ type: "insert", line, text });

type HunkOptions = Pick<Extract<TextEdit, { type: "hunk" }>, "line" | "anchors" | "atEnd">;

/** A hunk written as in a patch: " context", "-removed", "+added". */
function hunk(lines: readonly string[], options: HunkOptions = {}): TextEdit {
  const kinds = { " ": "context", "-": "remove", "+": "add" } as const;
  return {
    type: "hunk",
    lines: lines.map((line) => ({ kind: kinds[line[0] as " " | "-" | "+"], text: line.slice(1) })),
    ...options,
  };
}

test("a replacement has to be found once, or all of them are meant", () => {
  assert.equal(edit("one two", replace("two", "2")), "one 2");
  assert.equal(edit("a a a", replace("a", "b", true)), "b b b");
  assert.equal(edit("aaa", replace("aa", "b", true)), "ba");
  assert.equal(edit("$& $1", replace("$1", "$&$&")), "$& $&$&");
  const several = refused("edit.ambiguous", "x\ny x\n\nx\n", replace("x", "z"));
  assert.equal(several.context.matches, 3);
  assert.deepEqual(several.context.lines, ["1", "2", "4"]);
  assert.match(several.message, /3 times, at lines 1, 2 and 4/);
  assert.equal(refused("edit.ambiguous", "aaa", replace("aa", "b")).context.matches, 2);
  refused("edit.invalid", "a", replace("", "b"));
  refused("edit.invalid", "a", replace("a", "a"));
});

test("edits are made in order, and the number of the one that fails is told", () => {
  assert.equal(edit("a", replace("a", "b"), replace("b", "c")), "c");
  assert.equal(refused("edit.not_found", "a", replace("a", "b"), replace("a", "c")).context.edit, 2);
});

test("line ends stay as they are", () => {
  assert.equal(edit("a\r\nb\r\nc\r\n", replace("a\nb", "a\nx\nb")), "a\r\nx\r\nb\r\nc\r\n");
  assert.equal(edit("a\r\nb\r\n", replace("a\r\nb", "b\r\na")), "b\r\na\r\n");
  assert.equal(edit("a\nb\r\nc\n", replace("a\nb\nc", "a\nB\nnew\nc")), "a\nB\r\nnew\r\nc\n");
  assert.equal(edit("a\r\nb", insert(1, "x")), "a\r\nx\r\nb");
  assert.equal(edit("a\r\nb\r\n", hunk([" a", "+x\r", "-b\r"])), "a\r\nx\r\n");
  assert.equal(edit("a\nb\r\n", hunk([" a", "+x", " b", "+y"])), "a\nx\nb\r\ny\r\n");
  assert.equal(edit("a\rb\n", replace("a\rb", "c\rd")), "c\rd\n");
});

test("a byte order mark and bytes that are no UTF-8 stay", () => {
  assert.equal(edit("\ufeffa\n", insert(0, "b")), "\ufeffb\na\n");
  const bytes = Buffer.from([0xff, 0xe4, 0x0a, 0x61, 0x0a, 0xc3, 0x0a]);
  const { content } = applyEdits(bytes, [replace("a", "ä")], "/file");
  assert.deepEqual([...content], [0xff, 0xe4, 0x0a, 0xc3, 0xa4, 0x0a, 0xc3, 0x0a]);
  assert.throws(() => applyEdits(Buffer.from("a\0b"), [replace("a", "b")], "/file"), { code: "edit.binary" });
});

test("inserted lines are whole ones", () => {
  assert.equal(edit("a\nb\n", insert(0, "x")), "x\na\nb\n");
  assert.equal(edit("a\nb\n", insert(1, "x\ny\n")), "a\nx\ny\nb\n");
  assert.equal(edit("a\nb\n", insert(-1, "x")), "a\nb\nx\n");
  assert.equal(edit("a\nb", insert(-1, "x")), "a\nb\nx");
  assert.equal(edit("a\nb", insert(2, "x\n")), "a\nb\nx\n");
  assert.equal(edit("", insert(0, "x")), "x\n");
  assert.equal(refused("edit.invalid", "a\nb\n", insert(3, "x")).context.totalLines, 2);
  refused("edit.invalid", "a", insert(1, ""));
});

test("hunks: exact first, then without regard to blanks, then to look-alikes; context stays as it is", () => {
  assert.equal(edit("a\nb\nc\n", hunk([" a", "-b", "+B", " c"])), "a\nB\nc\n");
  assert.equal(edit("  a  \nb\n", hunk([" a", "-b", "+B"])), "  a  \nB\n");
  assert.equal(edit("say “hi” — now\nb\n", hunk([' say "hi" - now', "-b", "+B"])), "say “hi” — now\nB\n");
  const { fuzzy } = applyEdits(Buffer.from("\ta\n"), [hunk(["-a", "+b"])], "/file");
  assert.equal(fuzzy, true);
  assert.equal(applyEdits(Buffer.from("a\n"), [hunk(["-a", "+b"])], "/file").fuzzy, false);
  // An exact place is better than one that is like it.
  assert.equal(edit(" a\na\n", hunk(["-a", "+b"])), " a\nb\n");
});

test("hunks: which of several places is meant", () => {
  const file = "class A\n  run\n  end\nclass B\n  run\n  end\n";
  const change = ["-  run", "+  go"];
  refused("edit.ambiguous", file, hunk(change));
  assert.equal(edit(file, hunk(change, { anchors: ["class B"] })), file.replace(/(B\n {2})run/, "$1go"));
  assert.equal(edit(file, hunk(change, { anchors: ["class A"] })), file.replace("run", "go"));
  assert.equal(edit(file, hunk(change, { line: 5 })), file.replace(/(B\n {2})run/, "$1go"));
  assert.equal(edit(file, hunk(change, { line: 1 })), file.replace("run", "go"));
  assert.equal(edit(file, hunk(["-  end", "+  fin"], { atEnd: true })), file.replace(/end\n$/, "fin\n"));
  assert.equal(
    edit(file, hunk([" class A", "+  more"]), hunk(["+x", " class B"]), hunk(change)),
    file
      .replace("class A", "class A\n  more")
      .replace("class B", "x\nclass B")
      .replace(/(B\n {2})run/, "$1go"),
  );
  refused("edit.not_found", file, hunk(change, { anchors: ["class C"] }));
  refused("edit.invalid", file, hunk([" class A"]));
  // Numbers are those of the file before the change.
  const lines = `${"x\ny\n".repeat(10)}`;
  const moved = edit(
    lines,
    hunk([" x", "+1", "+2", "+3", " y"], { line: 1 }),
    hunk(["-x", "+z"], { line: 11 }),
  );
  assert.equal(moved.split("\n").indexOf("z"), 13);
});

test("hunks: new lines alone, and the end of the file", () => {
  assert.equal(edit("a\nb\n", hunk(["+c"])), "a\nb\nc\n");
  assert.equal(edit("a\nb\n", hunk(["+c"], { line: 2 })), "a\nc\nb\n");
  assert.equal(edit("a\nb\n", hunk(["+c"], { anchors: ["a"] })), "a\nc\nb\n");
  assert.equal(edit("", hunk(["+c"])), "c\n");
  assert.equal(edit("a\nb", hunk([" b", "+c"])), "a\nb\nc");
  assert.equal(edit("a\nb", hunk(["-b", "+c"])), "a\nc");
  assert.equal(edit("a\nb", hunk(["-b"])), "a\n");
  assert.equal(edit("a\nb", hunk(["-a"])), "b");
  assert.equal(edit("a\nb\n", hunk([" b", "+c", " "])), "a\nb\nc\n");
});

test("what is not found: what it would need, and what comes nearest", () => {
  const file = "function one() {\n  return 1;\n}\n\nfunction two() {\n\treturn “2”;\n}\n";
  const blanks = refused("edit.not_found", file, replace("function two() {\n  return “2”;", "x"));
  assert.equal(blanks.context.differsIn, "blanks");
  assert.equal(blanks.context.nearestLine, 5);
  assert.deepEqual(blanks.context.nearest, ["function two() {", "\treturn “2”;"]);
  assert.equal(refused("edit.not_found", file, replace('\treturn "2";', "x")).context.differsIn, "quotes");
  assert.equal(refused("edit.not_found", "a\nb\n", replace("a\r\nb", "x")).context.differsIn, "lineEnds");
  const typo = refused("edit.not_found", file, replace("functoin one()", "x"));
  assert.equal(typo.context.nearestLine, 1);
  assert.match(typo.hint, /line 1/);
  assert.equal(refused("edit.not_found", file, replace("%%%%", "x")).context.nearest, undefined);
});

/** Applies a unified diff as `patch` would, to the letter. */
function patched(old: string, diff: string): string {
  const lines = splitLines(old);
  const out: string[] = [];
  let at = 0;
  const rows = diff.split("\n").slice(2, -1);
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index]!;
    const head = /^@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@$/.exec(row);
    if (head !== null) {
      const start = Number(head[1]) - (head[2] === "0" ? 0 : 1);
      out.push(...lines.slice(at, start));
      at = start;
      continue;
    }
    const open = rows[index + 1]?.startsWith("\\") === true;
    const text = row.slice(1) + (open ? "" : "\n");
    if (open) index += 1;
    if (row[0] !== "+") {
      assert.equal(lines[at], text);
      at += 1;
    }
    if (row[0] !== "-") out.push(text);
  }
  return [...out, ...lines.slice(at)].join("");
}

function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

const lineOf = fc.constantFrom("", "a", "b", "  a", "a b", "“x”", "}", "{", "return\r");
const textOf = fc
  .tuple(fc.array(lineOf, { maxLength: 30 }), fc.boolean())
  .map(([lines, end]) => lines.join("\n") + (end && lines.length > 0 ? "\n" : ""));

test("a diff, applied to the old text, is the new one", () => {
  fc.assert(
    fc.property(textOf, textOf, (old, now) => {
      const { diff, additions, deletions } = unifiedDiff(
        { path: "/a", content: Buffer.from(old) },
        { path: "/a", content: Buffer.from(now) },
      );
      if (old === now) assert.equal(diff, "");
      else assert.equal(patched(old, diff), now);
      assert.equal(splitLines(now).length - splitLines(old).length, additions - deletions);
    }),
    { numRuns: 500 },
  );
});

test("texts that differ in very much are told apart all the same", () => {
  const lines = (seed: number) => Array.from({ length: 9_000 }, (_, index) => `${(index * seed) % 7_919}`);
  for (const [old, now] of [
    [lines(3), lines(5)],
    [lines(3), lines(3).toReversed()],
    [lines(3), [...lines(5).slice(0, 5_000), ...lines(3)]],
    [lines(3), lines(3).filter((_, index) => index % 100 !== 7)],
  ] as const) {
    const changes = diffLines(old, now);
    const out: string[] = [];
    let at = 0;
    for (const { from, to, newFrom, newTo } of changes) {
      out.push(...old.slice(at, from));
      assert.equal(out.length, newFrom);
      out.push(...now.slice(newFrom, newTo));
      at = to;
    }
    out.push(...old.slice(at));
    assert.deepEqual(out, now);
  }
  assert.equal(
    diffLines(
      lines(3),
      lines(3).filter((_, index) => index % 100 !== 7),
    ).length,
    90,
  );
});

test("the hunks of a diff, applied to the old text, are the new one, whatever the blanks", () => {
  fc.assert(
    fc.property(textOf, textOf, fc.boolean(), (old, now, crlf) => {
      const from = splitLines(old);
      const to = splitLines(now);
      const edits: TextEdit[] = [];
      for (const { from: start, to: end, newFrom, newTo } of diffLines(from, to)) {
        const plain = (line: string): string => line.replace(/\r?\n?$/, "");
        const added = to.slice(newFrom, newTo).map((line) => `+${plain(line)}`);
        const lead = from.slice(0, start).map((line) => ` ${plain(line)}`);
        const behind = from.slice(end).map((line) => ` ${plain(line)}`);
        // All of the file is context: one change at a time, on its own.
        edits.push(
          hunk([...lead, ...from.slice(start, end).map((line) => `-${plain(line)}`), ...added, ...behind]),
        );
      }
      if (edits.length !== 1) return;
      const source = crlf ? old.replace(/\r?\n/g, "\r\n") : old;
      const result = edit(source, ...edits);
      const lines = (text: string): string[] => splitLines(text).map((line) => line.replace(/\r?\n?$/, ""));
      assert.deepEqual(lines(result), lines(now));
      if (source.includes("\r\n") && crlf) assert.doesNotMatch(result, /(?<!\r)\n/);
    }),
    { numRuns: 2_000 },
  );
});
