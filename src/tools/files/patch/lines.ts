import { type BerthError, berthError } from "../../../contract/errors.ts";
import type { TextEdit } from "../../../contract/text.ts";

export type Hunk = Extract<TextEdit, { type: "hunk" }>;
type HunkLine = Hunk["lines"][number];

/** A hunk, and the line of the patch that it begins at. */
export interface PlacedHunk {
  readonly line: number;
  readonly hunk: Hunk;
}

/** What a patch does to one file. Paths are as they stand in the patch; `line` is where it says so, from 1. */
export type PatchedFile =
  | {
      readonly type: "add";
      readonly path: string;
      readonly line: number;
      readonly content: string;
      readonly mode?: number | undefined;
    }
  | { readonly type: "delete"; readonly path: string; readonly line: number }
  | {
      readonly type: "update";
      readonly path: string;
      readonly line: number;
      readonly moveTo?: string | undefined;
      readonly hunks: readonly PlacedHunk[];
    };

/** Lines of a patch; line ends of CRLF throughout are those of its way here, not of the files. */
export function patchLines(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.every((line) => line.endsWith("\r")) ? lines.map(withoutReturn) : lines;
}

/** What is wrong with a line, from 1. */
export function invalidPatch(line: number, what: string, hint?: string): BerthError {
  return berthError("patch.invalid", {
    message: `line ${line} of the patch: ${what}`,
    context: { line },
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Gathers the lines of one hunk. */
export class HunkLines {
  readonly #line: number;
  readonly #lines: HunkLine[] = [];
  /** Empty lines at the end that had no blank in front: they may be no part of it. */
  #bare = 0;
  #last: HunkLine["kind"] | undefined;
  #endsWithoutLineEnd = false;
  #marked = false;
  #old = 0;
  #new = 0;

  constructor(line: number) {
    this.#line = line;
  }

  /** Lines of the old and of the new text so far. */
  get counts(): { readonly old: number; readonly new: number } {
    return { old: this.#old, new: this.#new };
  }

  get size(): number {
    return this.#lines.length;
  }

  /** False: it is no line of a hunk. */
  add(text: string): boolean {
    const kind = kindOf(text);
    if (kind === "marker") {
      this.#mark();
      return true;
    }
    if (kind === undefined) return false;
    this.#bare = text === "" ? this.#bare + 1 : 0;
    this.#last = kind;
    this.#lines.push({ kind, text: text.slice(1) });
    if (kind !== "add") this.#old += 1;
    if (kind !== "remove") this.#new += 1;
    return true;
  }

  /** Empty lines before what follows are between the parts of the patch. */
  dropBare(): void {
    this.#lines.length -= this.#bare;
    this.#old -= this.#bare;
    this.#new -= this.#bare;
    this.#bare = 0;
  }

  placed(at: Pick<Hunk, "line" | "anchors" | "atEnd">): PlacedHunk {
    const end = this.#marked
      ? { atEnd: true, finalLineEnd: !this.#endsWithoutLineEnd }
      : at.atEnd === true
        ? { atEnd: true }
        : {};
    return {
      line: this.#line,
      hunk: {
        type: "hunk",
        lines: this.#lines,
        ...(at.line === undefined ? {} : { line: at.line }),
        ...(at.anchors === undefined || at.anchors.length === 0 ? {} : { anchors: at.anchors }),
        ...end,
      },
    };
  }

  /** "\ No newline at end of file", of the old text, the new one, or both. */
  #mark(): void {
    this.#marked = true;
    if (this.#last !== "remove") this.#endsWithoutLineEnd = true;
  }
}

/** Hunks of a file whose lines all end in CR are of one with CRLF, whose line ends are left to the place. */
export function withLineEndsOfFile(hunks: readonly PlacedHunk[]): readonly PlacedHunk[] {
  const lines = hunks.flatMap(({ hunk }) => hunk.lines);
  if (lines.length === 0 || !lines.every(({ text }) => text.endsWith("\r"))) return hunks;
  return hunks.map(({ line, hunk }) => ({
    line,
    hunk: { ...hunk, lines: hunk.lines.map(({ kind, text }) => ({ kind, text: withoutReturn(text) })) },
  }));
}

function kindOf(text: string): HunkLine["kind"] | "marker" | undefined {
  switch (text[0]) {
    case undefined:
    case " ":
      return "context";
    case "+":
      return "add";
    case "-":
      return "remove";
    case "\\":
      return "marker";
    default:
      // A context line of a file with CRLF that is empty and lost its blank.
      return text === "\r" ? "context" : undefined;
  }
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
