import { startOfWholeCharacters } from "../contract/utf8.ts";
import type { ToolLimits } from "./limits.ts";

/** Text that is to be shown; its middle may be missing already. */
export interface Pieces {
  readonly head: string;
  /** `head` may begin in the middle of something. */
  readonly opened?: boolean | undefined;
  /** What comes behind the missing middle; undefined: nothing is missing. */
  readonly tail?: string | undefined;
  /** Of the missing middle. */
  readonly lostBytes?: number | undefined;
  /** Of the missing middle; undefined: nobody has counted them. */
  readonly lostLines?: number | undefined;
}

export interface Shortened {
  /** Without the last line end. What Berth says of what is left out comes on top of the limits. */
  readonly text: string;
  /** Something was left out: of a line, or between head and tail. */
  readonly cut: boolean;
}

const NUMBER = new Intl.NumberFormat("en-US");
const ENCODER = new TextEncoder();

/** For people and models: "1,234,567". */
export function formatNumber(value: number): string {
  return NUMBER.format(value);
}

/**
 * What a model is shown of a text: all of it within the limits, else head and tail with what is missing between. Long lines
 * keep their beginning and end. `note` says where the whole is.
 */
export function shorten(text: string | Pieces, limits: ToolLimits, note?: string): Shortened {
  const pieces: Pieces = typeof text === "string" ? { head: text } : text;
  const headBytes = Math.floor(limits.maxBytes * limits.headShare);
  const tailBytes = limits.maxBytes - headBytes;
  const lineBytes = Math.min(limits.maxLineBytes, Math.max(headBytes, tailBytes));
  const end = note === undefined ? "" : `; ${note}`;

  const first = linesOf(pieces.head);
  const last = pieces.tail === undefined ? undefined : linesOf(pieces.tail);
  if (last === undefined) {
    const whole = fit(
      first,
      limits.maxLines,
      limits.maxBytes,
      Math.min(limits.maxLineBytes, limits.maxBytes),
    );
    if (whole.length === first.length) {
      const cut = whole.some((line, index) => line !== first[index]);
      const said = cut && note !== undefined ? [`… lines were cut${end} …`] : [];
      return { text: [...whole, ...said].join("\n"), cut };
    }
  }
  const headLines = Math.floor(limits.maxLines * limits.headShare);
  const head = fit(first, headLines, headBytes, lineBytes);
  const rest = last ?? first.slice(head.length);
  const tail = fit(rest.toReversed(), limits.maxLines - headLines, tailBytes, lineBytes).reverse();
  const missing = [
    ...(last === undefined ? [] : first.slice(head.length)),
    ...rest.slice(0, rest.length - tail.length),
  ];
  const bytes = missing.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, pieces.lostBytes ?? 0);
  const lines =
    last !== undefined && pieces.lostLines === undefined
      ? undefined
      : missing.length + (pieces.lostLines ?? 0);
  const counted = lines === undefined ? "" : `${formatNumber(lines)} ${lines === 1 ? "line" : "lines"}, `;
  const gap = `… ${counted}${formatNumber(bytes)} bytes left out${end} …`;
  return { text: [...head, gap, ...tail].join("\n"), cut: true };
}

/** The beginning of a text that takes at most so many bytes of UTF-8, in whole characters. */
export function firstBytes(text: string, maxBytes: number): string {
  const part = text.slice(0, maxBytes);
  const { read } = ENCODER.encodeInto(part, new Uint8Array(maxBytes));
  return part.slice(0, read);
}

/** The end of a text that takes at most so many bytes of UTF-8, in whole characters. */
export function lastBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text.slice(-maxBytes));
  let start = Math.max(0, bytes.length - maxBytes);
  // A character whose other half was cut off before is not there at all.
  if (start === 0 && isLowSurrogate(text, text.length - maxBytes)) start = REPLACEMENT_BYTES;
  start += startOfWholeCharacters(bytes.subarray(start));
  return bytes.toString("utf8", start);
}

const REPLACEMENT_BYTES = 3;

function isLowSurrogate(text: string, index: number): boolean {
  return index > 0 && (text.charCodeAt(index) & 0xfc00) === 0xdc00;
}

/** As many of the lines, from the first on, as there is room for; each with its line end. */
function fit(lines: readonly string[], maxLines: number, maxBytes: number, lineBytes: number): string[] {
  const fitting: string[] = [];
  // The last line has no end.
  let room = maxBytes + 1;
  for (const line of lines.slice(0, maxLines)) {
    room -= Math.min(Buffer.byteLength(line), lineBytes) + 1;
    if (room < 0) break;
    fitting.push(cutLine(line, lineBytes));
  }
  return fitting;
}

function cutLine(line: string, maxBytes: number): string {
  if (line.length <= maxBytes && Buffer.byteLength(line) <= maxBytes) return line;
  const start = firstBytes(line, Math.ceil(maxBytes / 2));
  const end = lastBytes(line, Math.floor(maxBytes / 2));
  const missing = Buffer.byteLength(line) - Buffer.byteLength(start) - Buffer.byteLength(end);
  return `${start} … ${formatNumber(missing)} bytes of this line left out … ${end}`;
}

function linesOf(text: string): string[] {
  if (text === "") return [];
  return (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");
}
