import { berthError } from "../../contract/errors.ts";
import type { TextEdit } from "../../contract/text.ts";
import { type ByteText, fromByteText, toByteText } from "./byte-text.ts";
import type { EditPlace } from "./edit.ts";
import { editError, lineList, notFound } from "./edit-errors.ts";
import { withoutBlankEnd, withoutBlanks, withoutLookAlikes } from "./look-alikes.ts";

type Hunk = Extract<TextEdit, { type: "hunk" }>;

/** What the hunks of one change know of those before them. */
export interface HunkProgress {
  /** Where lines were added or removed, in the file as it is now, and how many. */
  drift: { readonly at: number; readonly lines: number }[];
  /** Index of the line behind the last hunk. */
  end: number;
  fuzzy: boolean;
}

/** Ways to compare lines, the strictest first. */
const LOOKS: readonly ((line: ByteText) => string)[] = [
  (line) => line,
  withoutBlankEnd,
  withoutBlanks,
  (line) => withoutBlanks(withoutLookAlikes(fromByteText(line))),
];

/** A line of the file without its end, and the end. */
interface FileLine {
  readonly text: ByteText;
  readonly end: "" | "\n" | "\r\n";
}

/**
 * Applies a hunk. Lines of context stay as the file has them, also where they were found without regard to blanks.
 * @throws edit.invalid, edit.not_found, edit.ambiguous
 */
export function applyHunk(bytes: ByteText, hunk: Hunk, progress: HunkProgress, place: EditPlace): ByteText {
  if (!hunk.lines.some(({ kind }) => kind !== "context")) {
    throw editError(place, "the hunk changes nothing", "Leave it out.");
  }
  const lines = fileLines(bytes);
  const parts = hunk.lines.map(({ kind, text }) => ({ kind, text: hunkLine(text, lines) }));
  const found = locate(lines, parts, hunk, progress, place);
  const { at, used } = found;
  progress.fuzzy ||= found.fuzzy;
  const style = lines[at]?.end || lines[at - 1]?.end || "\n";
  const out: FileLine[] = [];
  let next = at;
  for (const { kind, text } of used) {
    if (kind === "add") out.push({ text, end: lines[next - 1]?.end || style });
    else {
      if (kind === "context") out.push(lines[next]!);
      next += 1;
    }
  }
  const added = out.length - (next - at);
  if (added !== 0) progress.drift.push({ at, lines: added });
  progress.end = at + out.length;
  const result = [...lines.slice(0, at), ...out, ...lines.slice(next)];
  const open = lines.length > 0 && lines.at(-1)!.end === "";
  return result
    .map(({ text, end }, index) => {
      if (index < result.length - 1) return text + (end || style);
      if (next === lines.length && hunk.finalLineEnd !== undefined) {
        return hunk.finalLineEnd ? text + (end || style) : text;
      }
      // A file without an end of its last line stays so, unless that line itself is gone or would be nothing.
      const atEnd = open && next === lines.length && out.length > 0 && text !== "";
      return atEnd ? text : text + end;
    })
    .join("");
}

function fileLines(bytes: ByteText): FileLine[] {
  const parts = bytes.split("\n");
  const last = parts.pop()!;
  const lines = parts.map(
    (line): FileLine =>
      line.endsWith("\r") ? { text: line.slice(0, -1), end: "\r\n" } : { text: line, end: "\n" },
  );
  if (last !== "") lines.push({ text: last, end: "" });
  return lines;
}

/** Patches of files with CRLF have it at the end of their lines, too. */
function hunkLine(text: string, lines: readonly FileLine[]): ByteText {
  const bytes = toByteText(text);
  return bytes.endsWith("\r") && lines.some(({ end }) => end === "\r\n") ? bytes.slice(0, -1) : bytes;
}

type Part = { readonly kind: "context" | "remove" | "add"; readonly text: ByteText };

interface Located {
  /** Index of the first line. */
  readonly at: number;
  readonly fuzzy: boolean;
  /** Lines of the hunk as they are to be applied. */
  readonly used: readonly Part[];
}

function locate(
  lines: readonly FileLine[],
  parts: readonly Part[],
  hunk: Hunk,
  progress: HunkProgress,
  place: EditPlace,
): Located {
  const starts = anchored(lines, hunk.anchors ?? [], place);
  const expected = hunk.line === undefined ? undefined : drifted(hunk.line - 1, progress);
  const old = parts.filter(({ kind }) => kind !== "add");
  if (old.length === 0)
    return { at: insertAt(lines, hunk, starts, expected, place), fuzzy: false, used: parts };
  const matched =
    match(lines, old, hunk.atEnd === true) ??
    // An empty line at the end of a patch is more often the patch's than the file's.
    (parts.at(-1)!.kind === "context" && parts.at(-1)!.text === "" && old.length > 1
      ? match(lines, old.slice(0, -1), hunk.atEnd === true, parts.slice(0, -1))
      : undefined);
  if (matched === undefined) {
    throw notFound(lines.map(({ text }) => text).join("\n"), old.map(({ text }) => text).join("\n"), place);
  }
  const at = choose(matched.at, starts, expected, progress);
  if (at === undefined) {
    const numbers = matched.at.map((index) => index + 1);
    throw berthError("edit.ambiguous", {
      message: `the old lines of edit ${place.edit} are in ${place.path} ${numbers.length} times, at ${lineList(numbers)}`,
      hint: "Give more of the lines around them, or the line that they begin at.",
      context: { ...place, matches: numbers.length, lines: numbers.slice(0, 100).map(String) },
    });
  }
  return { at, fuzzy: matched.look > 0, used: matched.used ?? parts };
}

interface Match {
  readonly at: readonly number[];
  readonly look: number;
  readonly used?: readonly Part[];
}

/** All places of the old lines in the strictest way that finds one. */
function match(
  lines: readonly FileLine[],
  old: readonly Part[],
  atEnd: boolean,
  used?: readonly Part[],
): Match | undefined {
  for (const [look, view] of LOOKS.entries()) {
    const wanted = old.map(({ text }) => view(text));
    const at: number[] = [];
    const last = lines.length - wanted.length;
    for (let start = atEnd ? Math.max(0, last) : 0; start <= last; start++) {
      if (wanted.every((line, index) => view(lines[start + index]!.text) === line)) at.push(start);
    }
    if (at.length > 0) return { at, look, ...(used === undefined ? {} : { used }) };
  }
  return undefined;
}

/** The one of several places that is meant; undefined when it can't be known. */
function choose(
  at: readonly number[],
  starts: readonly number[] | undefined,
  expected: number | undefined,
  progress: HunkProgress,
): number | undefined {
  let places = [...at];
  if (starts !== undefined) {
    // Behind each head that the anchors may mean, the first place is meant.
    const firsts = starts.flatMap((start) => at.find((place) => place >= start) ?? []);
    places = [...new Set(firsts)];
  }
  if (places.length <= 1) return places[0];
  if (expected !== undefined) {
    const distance = Math.min(...places.map((place) => Math.abs(place - expected)));
    const nearest = places.filter((place) => Math.abs(place - expected) === distance);
    return nearest.length === 1 ? nearest[0] : undefined;
  }
  // Hunks of a patch come in the order of the file.
  const behind = places.filter((place) => place >= progress.end);
  return progress.end > 0 && behind.length === 1 ? behind[0] : undefined;
}

/** A line of the file before the change, as an index into it now. */
function drifted(index: number, { drift }: HunkProgress): number {
  let now = index;
  for (const { at, lines } of drift) if (at <= now) now += lines;
  return now;
}

/** Where old lines may begin, one for each place of the first anchor; undefined without anchors. */
function anchored(
  lines: readonly FileLine[],
  anchors: readonly string[],
  place: EditPlace,
): readonly number[] | undefined {
  const [first, ...others] = anchors.map(toByteText);
  if (first === undefined) return undefined;
  const starts = places(lines, first).flatMap((index) => {
    let start = index + 1;
    for (const anchor of others) {
      const found = places(lines, anchor).find((other) => other >= start);
      if (found === undefined) return [];
      start = found + 1;
    }
    return start;
  });
  if (starts.length > 0) return starts;
  const missing = [first, ...others].find((anchor) => places(lines, anchor).length === 0) ?? first;
  throw notFound(lines.map(({ text }) => text).join("\n"), missing, place);
}

/** Lines that are an anchor, in the strictest way that finds one. */
function places(lines: readonly FileLine[], anchor: ByteText): number[] {
  for (const view of LOOKS) {
    const wanted = view(anchor);
    const found = lines.flatMap(({ text }, index) => (view(text) === wanted ? index : []));
    if (found.length > 0) return found;
  }
  return [];
}

/** New lines without old ones: behind the anchors, in front of a line, or at the end. */
function insertAt(
  lines: readonly FileLine[],
  hunk: Hunk,
  starts: readonly number[] | undefined,
  expected: number | undefined,
  place: EditPlace,
): number {
  if (hunk.atEnd === true) return lines.length;
  if (starts !== undefined && (starts.length === 1 || expected !== undefined)) {
    return starts.reduce((best, start) =>
      expected !== undefined && Math.abs(start - expected) < Math.abs(best - expected) ? start : best,
    );
  }
  if (starts !== undefined) {
    throw berthError("edit.ambiguous", {
      message: `the head of edit ${place.edit} is in ${place.path} ${starts.length} times, at ${lineList(starts)}`,
      hint: "Give more of the lines around the new ones.",
      context: { ...place, matches: starts.length, lines: starts.slice(0, 100).map(String) },
    });
  }
  if (expected === undefined) return lines.length;
  if (expected < 0 || expected > lines.length) {
    throw editError(place, `there is no line ${hunk.line}`, `The file has ${lines.length} lines.`, {
      totalLines: lines.length,
    });
  }
  return expected;
}
