import type { DiffFile, DiffHunk, DiffLine } from "./model.ts";
import { diffSequences, type Edit } from "./sequences.ts";

/** Lines around a change that are shown with it. */
const CONTEXT = 3;

/** What differs between two texts, in the form in which git tells of a file. */
export function diffTexts(path: string, before: string, after: string): DiffFile {
  const [old, now] = [linesOf(before), linesOf(after)];
  const edits = diffSequences(old, now);
  const groups: Edit[][] = [];
  for (const edit of edits) {
    const last = groups.at(-1);
    if (last !== undefined && edit.aStart - (last.at(-1)?.aEnd ?? 0) <= 2 * CONTEXT) last.push(edit);
    else groups.push([edit]);
  }
  const hunks = groups.map((group) => hunkOf(old, now, group));
  const sum = (of: (edit: Edit) => number) => edits.reduce((total, edit) => total + of(edit), 0);
  return {
    path,
    oldPath: null,
    status: "modified",
    oldMode: null,
    newMode: null,
    binary: false,
    combined: false,
    isCut: false,
    hunks,
    added: sum(({ bStart, bEnd }) => bEnd - bStart),
    deleted: sum(({ aStart, aEnd }) => aEnd - aStart),
  };
}

/** Each with its line end where it has one, so that a missing one at the end is a difference. */
function linesOf(text: string): readonly string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function hunkOf(old: readonly string[], now: readonly string[], edits: readonly Edit[]): DiffHunk {
  const [first, last] = [edits[0], edits.at(-1)];
  if (first === undefined || last === undefined) throw new RangeError("a hunk has an edit");
  const aFrom = Math.max(0, first.aStart - CONTEXT);
  const aTo = Math.min(old.length, last.aEnd + CONTEXT);
  const bFrom = first.bStart - (first.aStart - aFrom);
  const lines: DiffLine[] = [];
  const add = (
    kind: DiffLine["kind"],
    side: readonly string[],
    at: number,
    numbers: Pick<DiffLine, "old" | "new">,
  ) => {
    const text = side[at] ?? "";
    const isWhole = text.endsWith("\n");
    lines.push({
      kind,
      text: isWhole ? text.slice(0, -1) : text,
      ...numbers,
      ...(isWhole ? {} : { noNewline: true }),
    });
  };
  let [a, b] = [aFrom, bFrom];
  const same = (end: number) => {
    for (; a < end; a++, b++) add(" ", old, a, { old: a + 1, new: b + 1 });
  };
  for (const edit of edits) {
    same(edit.aStart);
    for (; a < edit.aEnd; a++) add("-", old, a, { old: a + 1, new: null });
    for (; b < edit.bEnd; b++) add("+", now, b, { old: null, new: b + 1 });
  }
  same(aTo);
  const range = `@@ -${aFrom + 1},${a - aFrom} +${bFrom + 1},${b - bFrom} @@`;
  return { range, heading: "", newStart: bFrom + 1, lines };
}
