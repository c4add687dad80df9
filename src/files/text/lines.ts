import { isUtf8 } from "node:buffer";
import { berthError } from "../../contract/errors.ts";
import type { TextLine } from "../../contract/text.ts";
import { characterBytes, endOfWholeCharacters } from "../../contract/utf8.ts";

/** One piece of a file that is looked through; so much is done in one turn. */
export const CHUNK_BYTES = 256 * 1024;
const LF = 0x0a;
const CR = 0x0d;

/** Content that can be read again and again while it is looked at. */
export interface TextSource {
  readonly size: number;
  /** Fewer bytes than asked for only at the end. The bytes are not changed and not kept. */
  read(position: number, length: number): Promise<Uint8Array>;
}

export function memorySource(content: Uint8Array): TextSource {
  return {
    size: content.length,
    read: async (position, length) => content.subarray(position, position + length),
  };
}

/** Which lines, and how much of them. */
export interface LineRange {
  /** From 1; negative from the end. */
  readonly startLine: number;
  readonly maxLines: number;
  readonly maxBytes: number;
  readonly maxLineBytes: number;
}

export const DEFAULT_RANGE: LineRange = {
  startLine: 1,
  maxLines: 2_000,
  maxBytes: 256 * 1024,
  maxLineBytes: 2_000,
};

/** What is known of a text after it was looked through once. */
export interface TextFacts {
  readonly totalLines: number;
  readonly lineEnd: "lf" | "crlf" | "mixed" | "none";
  readonly finalLineEnd: boolean;
  readonly byteOrderMark: boolean;
  readonly invalidUtf8: boolean;
}

export interface TextLines extends TextFacts {
  readonly lines: readonly TextLine[];
  readonly nextLine?: number | undefined;
}

/**
 * Looks through a text and takes a range of its lines out of it. Memory is that of the range and 8 bytes for each chunk.
 * @param onChunk told of all bytes, in order
 * @throws EINVAL for a line 0
 */
export async function readLines(
  source: TextSource,
  range: LineRange,
  onChunk: (chunk: Uint8Array) => void = () => {},
): Promise<TextLines> {
  if (range.startLine === 0) throw berthError("EINVAL", { message: "lines are counted from 1" });
  const scan = new Scan();
  for (let position = 0; position < source.size; ) {
    const chunk = await source.read(position, CHUNK_BYTES);
    if (chunk.length === 0) break;
    scan.take(chunk);
    onChunk(chunk);
    position += chunk.length;
  }
  const facts = scan.facts();
  const first = range.startLine > 0 ? range.startLine : Math.max(1, facts.totalLines + 1 + range.startLine);
  if (first > facts.totalLines) return { ...facts, lines: [] };
  const collector = new Collector(first, range);
  const { chunk: at, skip } = scan.find(first);
  let toSkip = skip;
  for (let position = at * CHUNK_BYTES; position < source.size; ) {
    const chunk = await source.read(position, CHUNK_BYTES);
    if (chunk.length === 0) break;
    let start = position === 0 && facts.byteOrderMark ? 3 : 0;
    for (; toSkip > 0; toSkip--) start = chunk.indexOf(LF, start) + 1;
    if (collector.take(start === 0 ? chunk : chunk.subarray(start))) break;
    position += chunk.length;
  }
  collector.end();
  const next = first + collector.lines.length;
  return {
    ...facts,
    lines: collector.lines,
    ...(next <= facts.totalLines ? { nextLine: next } : {}),
  };
}

/** Counts lines and looks at the encoding, chunk by chunk. */
class Scan {
  /** Line ends before each chunk. */
  readonly #before: number[] = [];
  #lineFeeds = 0;
  #carriageReturns = 0;
  #last = -1;
  #mark = false;
  #invalid = false;
  /** Start of a character whose rest is in the next chunk. */
  #open: Uint8Array = Buffer.alloc(0);

  /** All but the last one have CHUNK_BYTES bytes. */
  take(chunk: Uint8Array): void {
    if (this.#before.length === 0) this.#mark = hasByteOrderMark(chunk);
    this.#before.push(this.#lineFeeds);
    let lineFeeds = 0;
    let carriageReturns = 0;
    let previous = this.#last;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (byte === LF) {
        lineFeeds += 1;
        if (previous === CR) carriageReturns += 1;
      }
      previous = byte;
    }
    this.#last = previous;
    this.#lineFeeds += lineFeeds;
    this.#carriageReturns += carriageReturns;
    if (!this.#invalid) this.#check(chunk);
  }

  facts(): TextFacts {
    const all = this.#lineFeeds;
    const crlf = this.#carriageReturns;
    const empty = this.#last === -1;
    const finalLineEnd = this.#last === LF;
    return {
      totalLines: all + (empty || finalLineEnd ? 0 : 1),
      lineEnd: all === 0 ? "none" : crlf === 0 ? "lf" : crlf === all ? "crlf" : "mixed",
      finalLineEnd,
      byteOrderMark: this.#mark,
      invalidUtf8: this.#invalid || this.#open.length > 0,
    };
  }

  /** The chunk that a line begins in, and how many line ends of it are before the line. */
  find(line: number): { readonly chunk: number; readonly skip: number } {
    const ends = line - 1;
    let low = 0;
    let high = this.#before.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      // A line that begins with a chunk is found at the end of the one before.
      if (this.#before[middle]! < ends) low = middle;
      else high = middle - 1;
    }
    return { chunk: low, skip: ends - (this.#before[low] ?? 0) };
  }

  #check(chunk: Uint8Array): void {
    let rest = chunk;
    if (this.#open.length > 0) {
      const joined = Buffer.concat([this.#open, chunk.subarray(0, 4)]);
      const wanted = characterBytes(joined[0]!);
      if (joined.length < wanted) {
        this.#open = joined;
        return;
      }
      if (!isUtf8(joined.subarray(0, wanted))) {
        this.#invalid = true;
        return;
      }
      rest = chunk.subarray(wanted - this.#open.length);
    }
    const cut = endOfWholeCharacters(rest);
    this.#open = Buffer.from(rest.subarray(cut));
    this.#invalid = !isUtf8(rest.subarray(0, cut));
  }
}

/** Takes lines from where the first one begins. */
class Collector {
  readonly lines: TextLine[] = [];
  readonly #first: number;
  readonly #range: LineRange;
  readonly #limit: number;
  /** What is kept of the line under way: its start, and a byte more, to know whether a carriage return ends it. */
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #length = 0;
  #last = -1;
  #bytes = 0;
  #full = false;

  constructor(first: number, range: LineRange) {
    this.#first = first;
    this.#range = range;
    this.#limit = Math.min(range.maxLineBytes, range.maxBytes);
  }

  /** True when no more is wanted. */
  take(chunk: Uint8Array): boolean {
    for (let at = 0; at < chunk.length && !this.#full; ) {
      const end = chunk.indexOf(LF, at);
      this.#add(chunk.subarray(at, end < 0 ? chunk.length : end));
      if (end < 0) break;
      this.#finish(true);
      at = end + 1;
    }
    return this.#full;
  }

  end(): void {
    if (!this.#full && this.#length > 0) this.#finish(false);
  }

  #add(part: Uint8Array): void {
    if (part.length === 0) return;
    const room = this.#limit + 1 - this.#keptBytes;
    if (room > 0) {
      const kept = Buffer.from(part.subarray(0, room));
      this.#kept.push(kept);
      this.#keptBytes += kept.length;
    }
    this.#length += part.length;
    this.#last = part.at(-1)!;
  }

  #finish(ended: boolean): void {
    const length = this.#length - (ended && this.#last === CR ? 1 : 0);
    const kept = this.#kept.length === 1 ? this.#kept[0]! : Buffer.concat(this.#kept);
    const cut = cutAtCharacter(kept.subarray(0, Math.min(kept.length, length)), length, this.#limit);
    const text = Buffer.from(cut.buffer, cut.byteOffset, cut.length).toString("utf8");
    const bytes = Buffer.byteLength(text) + 1;
    this.#kept = [];
    this.#keptBytes = 0;
    this.#length = 0;
    this.#last = -1;
    // One line is always given, so that who reads on gets on.
    if (this.lines.length > 0 && this.#bytes + bytes > this.#range.maxBytes) {
      this.#full = true;
      return;
    }
    this.#bytes += bytes;
    const number = this.#first + this.lines.length;
    this.lines.push(cut.length < length ? { number, text, cutBytes: length - cut.length } : { number, text });
    this.#full = this.lines.length >= this.#range.maxLines;
  }
}

/** The start of a line of `length` bytes that fits the limit and ends with a whole character. */
function cutAtCharacter(kept: Uint8Array, length: number, limit: number): Uint8Array {
  if (length <= limit) return kept;
  const start = kept.subarray(0, limit);
  return start.subarray(0, endOfWholeCharacters(start));
}

export function hasByteOrderMark(bytes: Uint8Array): boolean {
  return bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}
