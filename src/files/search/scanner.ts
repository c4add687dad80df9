import { nameFromBytes } from "../names.ts";
import type { Collector, Next } from "./collector.ts";
import type { Pattern } from "./pattern.ts";

/** First reading of a file, and the part of it in which a NUL makes it binary. */
const FIRST_BYTES = 64 * 1024;
/** Larger files are looked at in blocks of this size. */
const BLOCK_BYTES = 4 * 1024 * 1024;
/** A line that is longer is looked at in parts, so that memory stays bounded. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

/** Puts bytes of a file where it is told to; 0 at its end. */
export type Read = (buffer: Buffer, offset: number, length: number) => number;

export interface ScanOptions {
  readonly pattern: Pattern;
  readonly multiline: boolean;
  readonly before: number;
  readonly after: number;
}

/**
 * Looks through one file after the other, with one buffer for all of them. A binary file (a NUL in its first 64 KiB) has no
 * matches; a later NUL ends the look as it ends ripgrep's. UTF-16 with a byte order mark is read as what it says.
 */
export class Scanner {
  readonly #options: ScanOptions;
  readonly #collector: Collector;
  readonly #needles: readonly Buffer[] | undefined;
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  /** Bytes in the buffer. */
  #filled = 0;
  /** Where the line after the last one that was told begins. */
  #told = 0;
  /** Lines that are still to be told after a match. */
  #pending = 0;
  /** `#line` is the number of the line that begins at `#lineAt`. */
  #lineAt = 0;
  #line = 1;
  #next: Next = "on";

  constructor(options: ScanOptions, collector: Collector) {
    this.#options = options;
    this.#collector = collector;
    this.#needles = options.pattern.literals?.map((text) => Buffer.from(text, "utf8"));
  }

  /** @param size bytes of the file, as far as they are known */
  scan(path: string, size: number, read: Read): Next {
    this.#filled = 0;
    this.#told = 0;
    this.#pending = 0;
    this.#lineAt = 0;
    this.#line = 1;
    this.#next = "on";
    this.#collector.begin(path);
    this.#file(size, read);
    this.#collector.end();
    return this.#isEnough() ? "enough" : "on";
  }

  #isEnough(): boolean {
    return this.#next === "enough";
  }

  #file(size: number, raw: Read): void {
    let read = raw;
    let start = 0;
    let ended = this.#fill(read, FIRST_BYTES);
    const mark = byteOrderMark(this.#buffer.subarray(0, this.#filled));
    if (mark === "utf-8") {
      start = 3;
    } else if (mark !== undefined) {
      const head = Buffer.from(this.#buffer.subarray(2, this.#filled));
      read = decoding(mark, head, raw);
      this.#filled = 0;
      ended = this.#fill(read, FIRST_BYTES);
    }
    this.#told = start;
    this.#lineAt = start;
    if (this.#options.multiline) this.#whole(start, ended, read, size);
    else this.#lines(start, ended, read, size);
  }

  #lines(first: number, atEnd: boolean, read: Read, size: number): void {
    let start = first;
    let ended = atEnd;
    for (;;) {
      let end = ended ? this.#filled : this.#buffer.lastIndexOf(10, this.#filled - 1) + 1;
      if (end <= start && !ended && this.#filled < MAX_LINE_BYTES) {
        ended = this.#fill(read, Math.max(FIRST_BYTES, this.#buffer.length * 2));
        continue;
      }
      if (end <= start) end = this.#filled;
      const nul = this.#nul(start, end);
      if (nul >= 0) end = this.#searchedBefore(start, nul);
      if (end > start) this.#block(start, end);
      if (this.#next === "on") this.#tellPending(end);
      if (this.#next !== "on" || nul >= 0 || (ended && end === this.#filled)) return;
      start = this.#keep(end);
      ended = this.#fill(read, Math.min(BLOCK_BYTES, Math.max(FIRST_BYTES, size + 1)));
      if (ended && this.#filled === start) return;
    }
  }

  /** A match may go over lines: all of the file at once. */
  #whole(start: number, ended: boolean, read: Read, size: number): void {
    let whole = ended;
    while (!whole && this.#filled < MAX_LINE_BYTES) {
      whole = this.#fill(read, Math.max(size + 1, this.#filled * 2));
    }
    const nul = this.#nul(start, this.#filled);
    if (nul >= 0 && nul < FIRST_BYTES) return;
    const end = nul < 0 ? this.#filled : nul;
    this.#text(start, end);
    if (this.#next === "on") this.#tellPending(end);
  }

  /** Reads until the buffer, made as large as asked for, is full. True at the end of the file. */
  #fill(read: Read, size: number): boolean {
    if (size > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(size);
      this.#buffer.copy(larger, 0, 0, this.#filled);
      this.#buffer = larger;
    }
    const most = Math.max(size, this.#filled + 1);
    const limit = Math.min(this.#buffer.length, most);
    while (this.#filled < limit) {
      const bytes = read(this.#buffer, this.#filled, limit - this.#filled);
      if (bytes === 0) return true;
      this.#filled += bytes;
    }
    return false;
  }

  /** Gives a large buffer back, so that one large file does not cost memory for long. */
  release(): void {
    if (this.#buffer.length > BLOCK_BYTES) this.#buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  }

  #nul(start: number, end: number): number {
    const at = this.#buffer.indexOf(0, start);
    return at >= 0 && at < end ? at : -1;
  }

  /**
   * Up to where ripgrep looks in a file with a NUL: it reads 64 KiB, looks at the whole lines in them, and fills up again
   * behind what is left; the filling that has the NUL is not looked at.
   */
  #searchedBefore(start: number, nul: number): number {
    let consumed = start;
    let capacity = FIRST_BYTES;
    for (;;) {
      const end = consumed + capacity;
      if (nul < end) return consumed;
      const lineEnd = this.#buffer.lastIndexOf(10, end - 1) + 1;
      if (lineEnd > consumed) {
        consumed = lineEnd;
      } else {
        capacity *= 2;
      }
    }
  }

  /** Moves what is not looked at yet, and the lines before it that may be told, to the front. */
  #keep(end: number): number {
    let from = end;
    for (let lines = this.#options.before; lines > 0 && from > this.#told; lines--)
      from = this.#lineStart(from - 1);
    from = Math.max(from, Math.min(this.#told, end));
    this.#countTo(from);
    this.#buffer.copy(this.#buffer, 0, from, this.#filled);
    this.#filled -= from;
    this.#told = Math.max(0, this.#told - from);
    this.#lineAt -= from;
    return end - from;
  }

  #block(start: number, end: number): void {
    if (this.#needles === undefined) this.#text(start, end);
    else this.#literals(this.#needles, start, end);
  }

  /** Looks at the lines that have one of the needles. */
  #literals(needles: readonly Buffer[], start: number, end: number): void {
    const { pattern } = this.#options;
    const nexts = needles.map(() => -1);
    for (let at = start; at < end && this.#next === "on"; ) {
      const hit = this.#hit(needles, nexts, at, end);
      if (hit < 0) return;
      const lineStart = this.#lineStart(hit, start);
      const lineEnd = this.#lineEnd(hit, end);
      if (pattern.isLiteral) {
        this.#match(lineStart, lineEnd, hit - lineStart);
      } else {
        const text = decode(this.#buffer, lineStart, lineEnd);
        pattern.expression.lastIndex = 0;
        const found = pattern.expression.exec(text);
        if (found !== null) {
          this.#match(lineStart, lineEnd, Buffer.byteLength(text.slice(0, found.index)));
        }
      }
      at = lineEnd + 1;
    }
  }

  /** The first of the needles from `at` on. */
  #hit(needles: readonly Buffer[], nexts: number[], at: number, end: number): number {
    let first = -1;
    for (let index = 0; index < needles.length; index++) {
      let next = nexts[index]!;
      if (next < at) {
        const found = this.#buffer.indexOf(needles[index]!, at);
        next = found < 0 || found >= end ? Number.POSITIVE_INFINITY : found;
        nexts[index] = next;
      }
      if (next !== Number.POSITIVE_INFINITY && (first < 0 || next < first)) first = next;
    }
    return first;
  }

  /** Looks by the expression through all lines of a part at once. */
  #text(start: number, end: number): void {
    const { expression } = this.#options.pattern;
    const text = decode(this.#buffer, start, end);
    const isPlain = text.length === end - start;
    let bytesAt = start;
    let textAt = 0;
    const toByte = (index: number): number => {
      if (isPlain) return start + index;
      // Line by line, as bytes that are no text have another length here.
      for (
        let line = text.indexOf("\n", textAt);
        line >= 0 && line < index;
        line = text.indexOf("\n", textAt)
      ) {
        textAt = line + 1;
        bytesAt = this.#buffer.indexOf(10, bytesAt) + 1;
      }
      return bytesAt;
    };
    expression.lastIndex = 0;
    while (this.#next === "on") {
      const found = expression.exec(text);
      if (found === null) return;
      const from = found.index === 0 ? 0 : text.lastIndexOf("\n", found.index - 1) + 1;
      // The place behind the last line end is no line.
      if (from >= text.length) return;
      const matchEnd = found.index + Math.max(0, found[0].length - 1);
      const lineEnd = text.indexOf("\n", Math.max(matchEnd, found.index));
      const to = lineEnd < 0 ? text.length : lineEnd;
      const byteFrom = toByte(from);
      const at = Buffer.byteLength(text.slice(from, found.index));
      this.#matches(
        Math.max(byteFrom, this.#told),
        this.#lineEnd(toByte(Math.max(matchEnd, from)), end),
        byteFrom,
        at,
      );
      if (to >= text.length) return;
      expression.lastIndex = Math.max(to + 1, found.index + 1);
    }
  }

  /** The lines of one match; the first one that is not told yet begins at `start`. */
  #matches(start: number, end: number, matchStart: number, at: number): void {
    for (let lineStart = start; lineStart <= end && this.#next === "on"; ) {
      const lineEnd = this.#lineEnd(lineStart, end);
      this.#match(lineStart, lineEnd, lineStart === matchStart ? at : 0);
      lineStart = lineEnd + 1;
    }
  }

  #match(start: number, end: number, at: number): void {
    this.#tellPending(start);
    if (this.#next !== "on") return;
    if (this.#options.before > 0) this.#tellBefore(start);
    if (this.#next !== "on") return;
    this.#countTo(start);
    this.#next = this.#collector.match(this.#line, this.#buffer, start, end, at);
    this.#told = end + 1;
    this.#pending = this.#options.after;
  }

  #tellBefore(start: number): void {
    let from = start;
    let lines = 0;
    while (lines < this.#options.before && from > this.#told) {
      from = this.#lineStart(from - 1, this.#told);
      lines += 1;
    }
    this.#tell(from, start);
  }

  /** Lines after a match, up to `limit`. */
  #tellPending(limit: number): void {
    let end = this.#told;
    for (; this.#pending > 0 && end < limit; this.#pending--) end = this.#lineEnd(end, limit) + 1;
    this.#tell(this.#told, Math.min(end, limit));
  }

  #tell(start: number, end: number): void {
    for (let from = start; from < end && this.#next === "on"; ) {
      const to = this.#lineEnd(from, end);
      this.#countTo(from);
      this.#next = this.#collector.context(this.#line, this.#buffer, from, to);
      from = to + 1;
      this.#told = from;
    }
  }

  #countTo(position: number): void {
    const buffer = this.#buffer;
    let line = this.#line;
    for (let at = this.#lineAt; at < position; at++) if (buffer[at] === 10) line += 1;
    this.#line = line;
    this.#lineAt = Math.max(this.#lineAt, position);
  }

  /** Where the line begins that has the byte at `position`. */
  #lineStart(position: number, least = 0): number {
    if (position <= least) return least;
    return Math.max(least, this.#buffer.lastIndexOf(10, position - 1) + 1);
  }

  #lineEnd(position: number, most: number): number {
    const at = this.#buffer.indexOf(10, position);
    return at < 0 || at > most ? most : at;
  }
}

function byteOrderMark(head: Buffer): "utf-8" | "utf-16le" | "utf-16be" | undefined {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return "utf-8";
  if (head[0] === 0xff && head[1] === 0xfe) return "utf-16le";
  if (head[0] === 0xfe && head[1] === 0xff) return "utf-16be";
  return undefined;
}

/** Reads UTF-16 as UTF-8. */
function decoding(encoding: "utf-16le" | "utf-16be", head: Buffer, read: Read): Read {
  const decoder = new TextDecoder(encoding);
  const raw = Buffer.allocUnsafeSlow(FIRST_BYTES);
  let ready = Buffer.from(decoder.decode(head, { stream: true }), "utf8");
  let ended = false;
  return (buffer, offset, length) => {
    while (ready.length === 0 && !ended) {
      const bytes = read(raw, 0, raw.length);
      ended = bytes === 0;
      ready = Buffer.from(decoder.decode(raw.subarray(0, bytes), { stream: !ended }), "utf8");
    }
    const taken = ready.copy(buffer, offset, 0, Math.min(length, ready.length));
    ready = ready.subarray(taken);
    return taken;
  };
}

/** Text of bytes; those that are no UTF-8 are lone surrogates, which patterns don't match. */
function decode(buffer: Buffer, start: number, end: number): string {
  const text = buffer.toString("utf8", start, end);
  return text.includes("\ufffd") ? nameFromBytes(buffer.subarray(start, end)) : text;
}
