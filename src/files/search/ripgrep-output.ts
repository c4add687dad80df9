import { nameFromBytes, nameToBytes } from "../names.ts";
import { type Collector, type Next, windowStart } from "./collector.ts";

/** What the output of a run has for each match. */
export type OutputShape = "lines" | "files" | "count";

/** ripgrep says that it stopped in the middle of a file as if it were one of its lines, without a NUL behind the path. */
const REMARK =
  /^[\s\S]*?: (?:WARNING: stopped searching binary file|binary file matches|Binary file matches)[^\n]*\n/;

const NUL = 0;
const LINE_FEED = 10;
const DASH = 45;
const COLON = 58;

export interface OutputOptions {
  readonly shape: OutputShape;
  readonly maxLineBytes: number;
  /** Path in the place of a path in the output; undefined: the file is not meant. */
  readonly place: (path: string) => string | undefined;
}

/**
 * Reads ripgrep's output as it comes: `path NUL number : column : text`, or `path NUL number - text` for lines around;
 * `path NUL` and `path NUL count` for the other shapes. Of a line only what can be told of it is kept.
 */
export class RipgrepOutput {
  readonly #options: OutputOptions;
  readonly #collector: Collector;
  /** What has come of a record that is not whole. */
  #rest: Buffer = Buffer.alloc(0);
  /** Path of the last record, as bytes with its NUL. */
  #path: Buffer = Buffer.alloc(0);
  /** Its lines are told. */
  #wanted = false;
  /** A line that is longer than what is kept of it. */
  #long: { readonly head: Head; readonly kept: Buffer[]; skip: number; bytes: number } | undefined;

  constructor(options: OutputOptions, collector: Collector) {
    this.#options = options;
    this.#collector = collector;
  }

  /** "enough": what follows is not needed. */
  take(chunk: Buffer): "on" | "enough" {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = Buffer.alloc(0);
    let at = 0;
    if (this.#long !== undefined) {
      const end = data.indexOf(LINE_FEED);
      this.#keep(end < 0 ? data : data.subarray(0, end));
      if (end < 0) return "on";
      at = end + 1;
      if (this.#endLong() === "enough") return "enough";
    }
    while (at < data.length) {
      const next = this.#options.shape === "lines" ? this.#line(data, at) : this.#file(data, at);
      if (next === "enough") return "enough";
      if (next === undefined) {
        data = data.subarray(at);
        // Never a view of a chunk that is kept for a few bytes.
        if (this.#long === undefined) this.#rest = Buffer.from(data);
        return "on";
      }
      at = next;
    }
    return "on";
  }

  end(): void {
    this.#collector.end();
  }

  /** Where the next record begins; undefined when this one is not whole yet. */
  #line(data: Buffer, start: number): number | "enough" | undefined {
    const head = readHead(data, this.#afterPath(data, start));
    if (head === undefined) return undefined;
    const end = data.indexOf(LINE_FEED, head.text);
    if (end >= 0) {
      if (this.#tell(head, data, head.text, end, undefined) === "enough") return "enough";
      return end + 1;
    }
    if (data.length - head.text <= this.#most()) return undefined;
    const from = Math.max(0, windowStart(head.column - 1, this.#options.maxLineBytes) - 4);
    this.#long = { head, kept: [], skip: from, bytes: 0 };
    this.#keep(data.subarray(head.text));
    return undefined;
  }

  /** Reads the path of a record; what lies behind it, or -1 when it is not whole. */
  #afterPath(data: Buffer, start: number): number {
    const known = this.#path.length;
    if (known > 0 && data.compare(this.#path, 0, known, start, Math.min(data.length, start + known)) === 0) {
      return start + known;
    }
    const nul = data.indexOf(NUL, start);
    if (nul < 0) return -1;
    // Only when the rest of the record is there too, as it would be taken twice.
    if (readHead(data, nul + 1) === undefined) return -1;
    const found = pathOf(data, start, nul);
    // Without the remark that may stand before it.
    this.#path = Buffer.from(data.subarray(nul - nameToBytes(found).length, nul + 1));
    const path = this.#options.place(found);
    this.#wanted = path !== undefined;
    if (path === undefined) this.#collector.end();
    else this.#collector.begin(path);
    return nul + 1;
  }

  #tell(
    head: Head,
    bytes: Buffer,
    start: number,
    end: number,
    partly: { readonly before: number; readonly more: boolean } | undefined,
  ): Next {
    if (!this.#wanted) return "on";
    const next =
      head.column > 0
        ? this.#collector.match(head.number, bytes, start, end, head.column - 1, partly)
        : this.#collector.context(head.number, bytes, start, end, partly);
    if (next === "next-file") this.#wanted = false;
    return next;
  }

  #most(): number {
    return this.#options.maxLineBytes + 64;
  }

  #keep(bytes: Buffer): void {
    const long = this.#long!;
    const skipped = Math.min(long.skip, bytes.length);
    long.skip -= skipped;
    const room = this.#most() - long.kept.reduce((sum, part) => sum + part.length, 0);
    const part = bytes.subarray(skipped, skipped + Math.max(0, room));
    if (part.length > 0) long.kept.push(Buffer.from(part));
    long.bytes += bytes.length;
  }

  #endLong(): Next {
    const { head, kept, bytes } = this.#long!;
    this.#long = undefined;
    const before = Math.max(0, windowStart(head.column - 1, this.#options.maxLineBytes) - 4);
    const line = Buffer.concat(kept);
    return this.#tell(head, line, 0, line.length, { before, more: bytes > before + line.length });
  }

  #file(data: Buffer, start: number): number | "enough" | undefined {
    const nul = data.indexOf(NUL, start);
    if (nul < 0) return undefined;
    const counts = this.#options.shape === "count";
    const end = counts ? data.indexOf(LINE_FEED, nul) : nul;
    if (end < 0) return undefined;
    const matches = counts ? Number.parseInt(data.toString("latin1", nul + 1, end), 10) : 1;
    const path = this.#options.place(pathOf(data, start, nul));
    if (path !== undefined && this.#collector.counted(path, matches) === "enough") return "enough";
    return end + 1;
  }
}

interface Head {
  readonly number: number;
  /** From 1; 0 for a line around a match. */
  readonly column: number;
  /** Where the text begins. */
  readonly text: number;
}

/** `number:column:` or `number-`; undefined when it is not whole. */
function readHead(data: Buffer, start: number): Head | undefined {
  if (start < 0) return undefined;
  let at = start;
  let number = 0;
  for (; at < data.length && isDigit(data[at]); at++) number = number * 10 + data[at]! - 48;
  if (at >= data.length) return undefined;
  if (data[at] === DASH) return { number, column: 0, text: at + 1 };
  let column = 0;
  for (at += 1; at < data.length && isDigit(data[at]); at++) column = column * 10 + data[at]! - 48;
  if (at >= data.length || data[at] !== COLON) return undefined;
  return { number, column, text: at + 1 };
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 48 && byte <= 57;
}

function pathOf(data: Buffer, start: number, end: number): string {
  let path = nameFromBytes(data.subarray(start, end));
  while (REMARK.test(path)) path = path.replace(REMARK, "");
  return path;
}
