import { berthError } from "../../contract/errors.ts";
import type { TextEdit } from "../../contract/text.ts";
import { type ByteText, lineAt, PlainEnds, toByteText } from "./byte-text.ts";
import { editError, lineList, notFound } from "./edit-errors.ts";
import { applyHunk, type HunkProgress } from "./hunk.ts";
import { kindOf } from "./kind.ts";
import { hasByteOrderMark } from "./lines.ts";

export interface EditedText {
  readonly content: Buffer;
  /** A hunk was found only without regard to blanks. */
  readonly fuzzy: boolean;
}

/**
 * Applies edits to the bytes of a file, in order, each to what the one before left. Everything that no edit is about stays
 * as it is to the byte: line ends, byte order mark, what is not UTF-8.
 * @throws edit.invalid, edit.not_found, edit.ambiguous, edit.binary; `context.edit` is the number of the edit, from 1
 */
export function applyEdits(content: Buffer, edits: readonly TextEdit[], path: string): EditedText {
  if (kindOf(content).kind !== "text") throw berthError("edit.binary", { context: { path } });
  const mark = hasByteOrderMark(content) ? 3 : 0;
  let bytes: ByteText = content.toString("latin1", mark);
  const progress: HunkProgress = { drift: [], end: 0, fuzzy: false };
  edits.forEach((edit, index) => {
    const place = { path, edit: index + 1 };
    if (edit.type === "replace") bytes = replace(bytes, edit, place);
    else if (edit.type === "insert") bytes = insert(bytes, edit, place);
    else bytes = applyHunk(bytes, edit, progress, place);
  });
  const edited = Buffer.from(bytes, "latin1");
  return {
    content: mark === 0 ? edited : Buffer.concat([content.subarray(0, mark), edited]),
    fuzzy: progress.fuzzy,
  };
}

/** What an edit is about, for errors. */
export interface EditPlace {
  readonly path: string;
  /** From 1. */
  readonly edit: number;
}

type Replace = Extract<TextEdit, { type: "replace" }>;

function replace(bytes: ByteText, edit: Replace, place: EditPlace): ByteText {
  if (edit.oldText === "") {
    throw editError(place, "oldText is empty", "Say what to replace; a new file is made by a write.");
  }
  if (edit.oldText === edit.newText) {
    throw editError(place, "oldText and newText are the same", "Leave the edit out.");
  }
  const ends = new PlainEnds(bytes);
  // In a file whose line ends are LF alone, a carriage return is a character like others.
  const plain = ends.text.length !== bytes.length;
  const oldText = plainEnds(toByteText(edit.oldText), plain);
  const newText = plainEnds(toByteText(edit.newText), plain);
  if (oldText === newText) {
    throw editError(place, "oldText and newText differ in line ends alone", "The file keeps its own.");
  }
  const found = occurrences(ends.text, oldText, edit.all === true);
  if (found.length === 0) throw notFound(ends.text, oldText, place);
  if (found.length > 1 && edit.all !== true) throw ambiguous(ends.text, found, place);
  // Only what differs is put in, so that lines which stay keep their ends where a file has both.
  const before = commonStart(oldText, newText);
  const behind = commonEnd(oldText, newText, before);
  const put = newText.slice(before, newText.length - behind);
  const parts: string[] = [];
  let copied = 0;
  for (const at of found) {
    const start = ends.original(at + before);
    parts.push(
      bytes.slice(copied, start),
      put.includes("\n") && plain ? withEnds(put, ends.endAt(at + before)) : put,
    );
    copied = ends.original(at + oldText.length - behind);
  }
  parts.push(bytes.slice(copied));
  return parts.join("");
}

/** Where a text is; overlapping places count unless all of them are to be replaced. */
function occurrences(text: string, wanted: string, all: boolean): number[] {
  const found: number[] = [];
  const step = all ? wanted.length : 1;
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + step)) {
    found.push(at);
    if (!all && found.length > MAX_COUNTED) break;
  }
  return found;
}

/** More places of an ambiguous text than anybody wants to be told. */
const MAX_COUNTED = 1_000;

function ambiguous(text: string, found: readonly number[], place: EditPlace): Error {
  const lines = found.map((at) => lineAt(text, at));
  const count = found.length > MAX_COUNTED ? `more than ${MAX_COUNTED}` : String(found.length);
  return berthError("edit.ambiguous", {
    message: `the text to replace is in ${place.path} ${count} times, at ${lineList(lines)}`,
    context: { ...place, matches: found.length, lines: [...new Set(lines)].slice(0, 100).map(String) },
  });
}

type Insert = Extract<TextEdit, { type: "insert" }>;

function insert(bytes: ByteText, edit: Insert, place: EditPlace): ByteText {
  if (edit.text === "") throw editError(place, "there is no text to insert", "Leave the edit out.");
  const ends = new PlainEnds(bytes);
  const { text } = ends;
  const at = edit.line === -1 ? text.length : lineStart(text, edit.line);
  if (at === undefined) {
    const total = lineAt(text, text.length) - (text === "" || text.endsWith("\n") ? 1 : 0);
    throw editError(
      place,
      `there is no line ${edit.line} to insert behind`,
      `The file has ${total} lines; 0 is its start, -1 its end.`,
      { totalLines: total },
    );
  }
  const end = ends.endAt(at);
  let put = withEnds(plainEnds(toByteText(edit.text), text.length !== bytes.length), end);
  const open = at === text.length && text !== "" && !text.endsWith("\n");
  if (open) put = end + put;
  else if (!put.endsWith("\n")) put += end;
  const original = ends.original(at);
  return bytes.slice(0, original) + put + bytes.slice(original);
}

/** Where the line behind line `line` begins; undefined when there is no such line. */
function lineStart(text: string, line: number): number | undefined {
  let at = 0;
  for (let count = 0; count < line; count++) {
    if (at >= text.length) return undefined;
    const end = text.indexOf("\n", at);
    at = end < 0 ? text.length : end + 1;
  }
  return line < 0 ? undefined : at;
}

function plainEnds(text: ByteText, plain: boolean): ByteText {
  return plain ? text.replaceAll("\r\n", "\n") : text;
}

function withEnds(text: ByteText, end: "\n" | "\r\n"): ByteText {
  return end === "\n" ? text : text.replaceAll("\n", end);
}

function commonStart(one: string, other: string): number {
  const most = Math.min(one.length, other.length);
  let at = 0;
  while (at < most && one.charCodeAt(at) === other.charCodeAt(at)) at += 1;
  return at;
}

function commonEnd(one: string, other: string, before: number): number {
  const most = Math.min(one.length, other.length) - before;
  let at = 0;
  while (at < most && one.charCodeAt(one.length - 1 - at) === other.charCodeAt(other.length - 1 - at))
    at += 1;
  return at;
}
