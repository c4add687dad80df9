import type { SearchedFile, SearchLine, SearchOptions, SearchResult } from "../../contract/text.ts";
import { endOfWholeCharacters, startOfWholeCharacters } from "../../contract/utf8.ts";
import { nameToBytes } from "../names.ts";

/** Reasons for what was skipped that are told. */
export const MAX_SKIPPED = 20;

export const SEARCH_DEFAULTS = {
  maxResults: 1_000,
  maxBytes: 256 * 1024,
  maxLineBytes: 500,
  deadlineMs: 60_000,
} as const;

export interface CollectLimits {
  readonly show: NonNullable<SearchOptions["show"]>;
  readonly after: number;
  readonly maxResults: number;
  readonly maxPerFile: number;
  readonly maxBytes: number;
  readonly maxLineBytes: number;
}

/** Where to go on after something was found. */
export type Next = "on" | "next-file" | "enough";

interface OpenFile extends SearchedFile {
  matches: number;
  readonly lines: SearchLine[];
  lastMatch: number;
}

/** What a search has found, as far as its limits go. Whoever looks does what `Next` says. */
export class Collector {
  readonly files: SearchedFile[] = [];
  readonly skipped: { path: string; reason: string }[] = [];
  results = 0;
  truncated = false;
  readonly #limits: CollectLimits;
  #bytes = 0;
  #open: OpenFile | undefined;

  constructor(limits: CollectLimits) {
    this.#limits = limits;
  }

  /** Lines that follow are of this file. */
  begin(path: string): void {
    this.end();
    this.#open = { path, type: "file", matches: 0, lines: [], lastMatch: 0 };
  }

  /** The file is through; one without a match is forgotten. */
  end(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    if (open.matches === 0) return;
    const { path, type, matches, lines } = open;
    this.files.push({ path, type, matches, lines });
  }

  /**
   * A line with a match, from `start` to `end` in `bytes`.
   * @param at offset of the match in the line
   */
  match(number: number, bytes: Buffer, start: number, end: number, at: number, partly = WHOLE): Next {
    const open = this.#open!;
    const { show, maxPerFile, maxResults } = this.#limits;
    if (show !== "lines") {
      if (open.matches === 0 && !this.#room()) return "enough";
      open.matches += 1;
      return show === "files" || open.matches >= maxPerFile ? "next-file" : "on";
    }
    if (open.matches >= maxPerFile) return "next-file";
    if (this.results >= maxResults) {
      this.truncated = true;
      return "enough";
    }
    if (!this.#put(open, number, bytes, start, end, at, partly)) return "enough";
    open.matches += 1;
    open.lastMatch = number;
    this.results += 1;
    return maxPerFile === open.matches && this.#limits.after === 0 ? "next-file" : "on";
  }

  context(number: number, bytes: Buffer, start: number, end: number, partly = WHOLE): Next {
    const open = this.#open!;
    const { maxPerFile, maxResults, after } = this.#limits;
    const isAfter = open.matches > 0 && number <= open.lastMatch + after;
    if (open.matches >= maxPerFile && !isAfter) return "next-file";
    // What comes before a match that has no room is not part of the result.
    if (this.results >= maxResults && !isAfter) return "on";
    return this.#put(open, number, bytes, start, end, -1, partly) ? "on" : "enough";
  }

  /** A file of which only this is known. */
  counted(path: string, matches: number): Next {
    if (!this.#room()) return "enough";
    this.files.push({ path, type: "file", matches: Math.min(matches, this.#limits.maxPerFile), lines: [] });
    return "on";
  }

  /** An entry found by its name. */
  entry(file: SearchedFile): Next {
    if (!this.#room()) return "enough";
    this.files.push(file);
    return "on";
  }

  skip(path: string, reason: string): void {
    if (this.skipped.length < MAX_SKIPPED) this.skipped.push({ path, reason });
  }

  result(engine: SearchResult["engine"]): SearchResult {
    this.end();
    const { files, results, truncated, skipped } = this;
    return { files, results, truncated, skipped, engine };
  }

  #room(): boolean {
    if (this.results >= this.#limits.maxResults) {
      this.truncated = true;
      return false;
    }
    this.results += 1;
    return true;
  }

  #put(
    open: OpenFile,
    number: number,
    bytes: Buffer,
    start: number,
    end: number,
    at: number,
    partly: PartOfLine,
  ): boolean {
    const line = cutLine(bytes, start, end, at, this.#limits.maxLineBytes, partly);
    if (this.#bytes + line.bytes > this.#limits.maxBytes) {
      this.truncated = true;
      return false;
    }
    this.#bytes += line.bytes;
    const { text, cut } = line;
    open.lines.push({ number, text, match: at >= 0, ...(cut ? { cut } : {}) });
    return true;
  }
}

/** Where the part of a line begins that is shown when it is too long: its start, unless the match is far behind. */
export function windowStart(matchAt: number, maxLineBytes: number): number {
  return matchAt <= maxLineBytes * 0.75 ? 0 : matchAt - Math.floor(maxLineBytes / 4);
}

/** What is missing of a line that was too long to be kept. */
export interface PartOfLine {
  /** Bytes before what there is. */
  readonly before: number;
  /** There is more behind it. */
  readonly more: boolean;
}

const WHOLE: PartOfLine = { before: 0, more: false };

/** The text of a line, without a CR at its end; cut at characters when it is too long. `at`: offset of the match, or -1. */
function cutLine(
  bytes: Buffer,
  start: number,
  end: number,
  at: number,
  maxLineBytes: number,
  { before, more }: PartOfLine,
): { readonly text: string; readonly bytes: number; readonly cut: boolean } {
  const last = !more && end > start && bytes[end - 1] === 13 ? end - 1 : end;
  if (last - start <= maxLineBytes && before === 0 && !more) {
    return { text: bytes.toString("utf8", start, last), bytes: last - start, cut: false };
  }
  let from = start + Math.max(0, windowStart(at, maxLineBytes) - before);
  let to = Math.min(last, from + maxLineBytes);
  if (from > start || before > 0) from += startOfWholeCharacters(bytes.subarray(from, to));
  if (to < last || more) to = from + endOfWholeCharacters(bytes.subarray(from, to));
  return { text: bytes.toString("utf8", from, to), bytes: to - from, cut: true };
}

/** Files in the order of their paths, name by name and byte by byte, as a walk through sorted directories finds them. */
export function sortByPath<T extends { readonly path: string }>(files: readonly T[]): T[] {
  return files
    .map((file) => ({ file, key: pathKey(file.path) }))
    .sort((left, right) => Buffer.compare(left.key, right.key))
    .map(({ file }) => file);
}

function pathKey(path: string): Buffer {
  return nameToBytes(path.replaceAll("/", "\0"));
}
