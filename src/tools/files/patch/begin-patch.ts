import { HunkLines, invalidPatch, type PatchedFile, type PlacedHunk } from "./lines.ts";

const BEGIN = "*** Begin Patch";
const END = "*** End Patch";
const END_OF_FILE = "*** End of File";
const FILE = /^\*\*\* (Add|Delete|Update) File:\s*(.*?)\s*$/;
const MOVE = /^\*\*\* Move to:\s*(.*?)\s*$/;
/** Line numbers of a unified diff, which models put behind "@@" in this form too. */
const NUMBERS = /^-(\d+)(?:,(\d+))? \+\d+(?:,\d+)?(?: @@(.*))?$/;

/** Line of a `*** Begin Patch`, or -1. */
export function beginOfPatch(lines: readonly string[]): number {
  return lines.findIndex((line) => line.trimEnd() === BEGIN);
}

/**
 * The form of `*** Begin Patch`: files to add, delete and update, the latter by hunks that are found by their context and
 * by "@@" lines that come before it. What stands before and behind the patch, as of a here-document, is no part of it.
 * @throws patch.invalid
 */
export function parseBeginPatch(lines: readonly string[]): PatchedFile[] {
  const begin = beginOfPatch(lines);
  const end = lines.findIndex((line, index) => index > begin && line.trimEnd() === END);
  if (end === -1) {
    throw invalidPatch(
      lines.length,
      `it ends without "${END}"`,
      "Give the patch in full: part of it may be cut off.",
    );
  }
  return new Reader(lines.slice(0, end), begin + 1).files();
}

class Reader {
  readonly #lines: readonly string[];
  /** Of the line to come, from 0. */
  #at: number;

  constructor(lines: readonly string[], at: number) {
    this.#lines = lines;
    this.#at = at;
  }

  files(): PatchedFile[] {
    const files: PatchedFile[] = [];
    for (let text = this.#next(); text !== undefined; text = this.#next()) {
      if (text.trim() === "") continue;
      const line = this.#at;
      const [, action, path] = FILE.exec(text) ?? [];
      if (action === undefined || path === undefined) {
        throw invalidPatch(
          line,
          "it is neither in a hunk nor the head of a file",
          'A head is "*** Add File: PATH", "*** Delete File: PATH" or "*** Update File: PATH".',
        );
      }
      if (path === "") throw invalidPatch(line, "it names no file");
      if (action === "Delete") files.push({ type: "delete", path, line });
      else if (action === "Add") files.push({ type: "add", path, line, content: this.#content() });
      else files.push(this.#update(path, line));
    }
    if (files.length === 0) throw invalidPatch(this.#at + 1, "it changes no file");
    return files;
  }

  #next(): string | undefined {
    const text = this.#lines[this.#at];
    if (text !== undefined) this.#at += 1;
    return text;
  }

  /** Whether the line to come begins another part of the patch. */
  #atHead(): boolean {
    const text = this.#lines[this.#at];
    return text === undefined || text.startsWith("*** ");
  }

  #content(): string {
    const lines: string[] = [];
    let bare = 0;
    while (!this.#atHead()) {
      const text = this.#next() ?? "";
      if (text === "") {
        bare += 1;
        continue;
      }
      if (!text.startsWith("+"))
        throw invalidPatch(this.#at, 'a line of a file to add has to begin with "+"');
      for (; bare > 0; bare--) lines.push("");
      lines.push(text.slice(1));
    }
    return lines.map((text) => `${text}\n`).join("");
  }

  #update(path: string, line: number): PatchedFile {
    const [, moveTo] = MOVE.exec(this.#lines[this.#at] ?? "") ?? [];
    if (moveTo !== undefined) this.#at += 1;
    const hunks: PlacedHunk[] = [];
    for (let hunk = this.#hunk(); hunk !== undefined; hunk = this.#hunk()) hunks.push(hunk);
    if (hunks.length === 0 && moveTo === undefined)
      throw invalidPatch(line, "it changes nothing of the file");
    return { type: "update", path, line, moveTo, hunks };
  }

  #hunk(): PlacedHunk | undefined {
    while (this.#lines[this.#at]?.trim() === "") this.#at += 1;
    if (this.#atHead()) return undefined;
    const start = this.#at + 1;
    const { anchors, line } = this.#anchors();
    const gathered = new HunkLines(start);
    while (!this.#atHead() && !this.#lines[this.#at]?.startsWith("@@")) {
      if (!gathered.add(this.#next() ?? "")) {
        throw invalidPatch(this.#at, 'a line of a hunk has to begin with " ", "+" or "-"');
      }
    }
    gathered.dropBare();
    if (gathered.size === 0) throw invalidPatch(start, "the hunk has no lines");
    const atEnd = this.#lines[this.#at]?.trimEnd() === END_OF_FILE;
    if (atEnd) this.#at += 1;
    return gathered.placed({ anchors, line, atEnd });
  }

  #anchors(): { readonly anchors: readonly string[]; readonly line: number | undefined } {
    const anchors: string[] = [];
    let line: number | undefined;
    while (this.#lines[this.#at]?.startsWith("@@")) {
      const text = (this.#next() ?? "").slice(2).trim();
      const numbers = NUMBERS.exec(text.replace(/ ?@@$/, ""));
      if (numbers !== null) line = Math.max(1, Number(numbers[1]) + (numbers[2] === "0" ? 1 : 0));
      else if (text !== "") anchors.push(text);
    }
    return { anchors, line };
  }
}
