/** One of the terminal's own colours by its number (0 to 15), or one of all colours. */
export type AnsiColour = number | `#${string}`;

/** How a piece of output looks. Frozen, and the same object as long as nothing changes. */
export interface TextStyle {
  readonly colour?: AnsiColour | undefined;
  readonly background?: AnsiColour | undefined;
  readonly bold?: true | undefined;
  readonly dim?: true | undefined;
  readonly italic?: true | undefined;
  readonly underline?: true | undefined;
  readonly strike?: true | undefined;
  readonly inverse?: true | undefined;
  readonly hidden?: true | undefined;
}

export const PLAIN: TextStyle = Object.freeze({});

type Mark = Exclude<keyof TextStyle, "colour" | "background">;

const ON: Readonly<Record<number, Mark>> = {
  1: "bold",
  2: "dim",
  3: "italic",
  4: "underline",
  7: "inverse",
  8: "hidden",
  9: "strike",
  21: "underline",
};
const OFF: Readonly<Record<number, readonly Mark[]>> = {
  22: ["bold", "dim"],
  23: ["italic"],
  24: ["underline"],
  27: ["inverse"],
  28: ["hidden"],
  29: ["strike"],
};

/** The style behind `CSI parameters m` (ECMA-48 8.3.117; colours by number and in RGB as xterm has them). */
export function styleAfter(style: TextStyle, parameters: string): TextStyle {
  let next: TextStyle = style;
  const codes = parameters.split(";");
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] ?? "";
    const [head = "", ...parts] = code.split(":");
    const number = Number(head);
    if (number === 38 || number === 48) {
      const [colour, used] =
        parts.length > 0
          ? [extended(parts[0] === "2" && parts.length > 4 ? ["2", ...parts.slice(2)] : parts)[0], 0]
          : extended(codes.slice(at + 1));
      at += used;
      if (colour !== undefined) next = { ...next, [number === 38 ? "colour" : "background"]: colour };
    } else next = simple(next, number, parts[0] === "0");
  }
  return next === style ? style : Object.freeze(next);
}

function simple(style: TextStyle, code: number, isOff: boolean): TextStyle {
  if (code === 0) return PLAIN;
  const mark = ON[code];
  if (mark !== undefined) return isOff ? without(style, [mark]) : { ...style, [mark]: true };
  const ends = OFF[code];
  if (ends !== undefined) return without(style, ends);
  if (code >= 30 && code <= 37) return { ...style, colour: code - 30 };
  if (code >= 90 && code <= 97) return { ...style, colour: code - 90 + 8 };
  if (code === 39) return without(style, ["colour"]);
  if (code >= 40 && code <= 47) return { ...style, background: code - 40 };
  if (code >= 100 && code <= 107) return { ...style, background: code - 100 + 8 };
  if (code === 49) return without(style, ["background"]);
  return style;
}

function without(style: TextStyle, fields: readonly (keyof TextStyle)[]): TextStyle {
  const next = { ...style };
  for (const field of fields) delete next[field];
  return next;
}

/** The colour behind 38 or 48, and how many parameters told it. */
function extended(codes: readonly string[]): readonly [AnsiColour | undefined, number] {
  if (codes[0] === "5") return [colourOf(Number(codes[1])), 2];
  if (codes[0] === "2") return [rgb(codes.slice(1, 4).map(Number)), 4];
  return [undefined, 0];
}

function colourOf(number: number): AnsiColour | undefined {
  if (!Number.isInteger(number) || number < 0 || number > 255) return undefined;
  if (number < 16) return number;
  if (number >= 232) return rgb(Array(3).fill(8 + (number - 232) * 10));
  const step = (value: number) => (value === 0 ? 0 : 55 + value * 40);
  const cube = number - 16;
  return rgb([Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map(step));
}

function rgb(values: readonly number[]): AnsiColour | undefined {
  if (values.length < 3 || !values.every((value) => Number.isInteger(value) && value >= 0 && value <= 255))
    return undefined;
  return `#${values.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

/** What a text for a terminal is made of. */
export type AnsiPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "style"; readonly parameters: string }
  /** "\n", "\r", "\b" */
  | { readonly type: "control"; readonly control: string }
  /** CSI K: 0 to the end of the line, 1 to its beginning, 2 all of it. */
  | { readonly type: "erase"; readonly what: number };

/** A sequence that is longer than this is no sequence: what began it is dropped. */
const MAX_SEQUENCE = 4096;
const SPECIAL = /[\x00-\x08\x0a-\x1f\x7f\x80-\x9f]/g;
const CSI = /^\x1b\[([\x30-\x3f]*)[\x20-\x2f]*([\x40-\x7e])/;

/** Tells text, styles and what moves in a line apart; everything else that a terminal would obey is left out. */
export class AnsiParser {
  /** The beginning of a sequence whose rest is still to come. */
  #held = "";

  *parts(given: string): Generator<AnsiPart, void, undefined> {
    const text = this.#held + given;
    this.#held = "";
    let at = 0;
    while (at < text.length) {
      SPECIAL.lastIndex = at;
      const special = SPECIAL.exec(text);
      const end = special?.index ?? text.length;
      if (end > at) yield { type: "text", text: text.slice(at, end) };
      if (special === null) return;
      const character = text[end] ?? "";
      if (character !== "\x1b") {
        if (character === "\n" || character === "\r" || character === "\b")
          yield { type: "control", control: character };
        at = end + 1;
        continue;
      }
      const rest = text.slice(end, end + MAX_SEQUENCE);
      const length = sequenceLength(rest);
      if (length === undefined) {
        if (text.length - end < MAX_SEQUENCE) {
          this.#held = text.slice(end);
          return;
        }
        at = end + 1;
        continue;
      }
      const [, parameters = "", final] = CSI.exec(rest.slice(0, length)) ?? [];
      if (final === "m" && !/[<=>?]/.test(parameters)) yield { type: "style", parameters };
      else if (final === "K") yield { type: "erase", what: Number(parameters) || 0 };
      at = end + length;
    }
  }
}

/** Of the sequence at the beginning of the text; undefined while its end is missing. */
function sequenceLength(text: string): number | undefined {
  const kind = text[1];
  if (kind === undefined) return undefined;
  if (kind === "[") {
    for (let at = 2; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code >= 0x40 && code <= 0x7e) return at + 1;
      // A control character in it: whatever this was, it ends before.
      if (code < 0x20 || code > 0x7e) return at;
    }
    return undefined;
  }
  // Strings (titles, links): up to BEL or ESC \.
  if (kind === "]" || kind === "P" || kind === "X" || kind === "^" || kind === "_") {
    const found = /\x07|\x1b\\|\x9c/.exec(text);
    return found === null ? undefined : found.index + found[0].length;
  }
  // ESC ( B and its like: one more character.
  if (/[ #%()*+\-./]/.test(kind)) return text.length > 2 ? 3 : undefined;
  return 2;
}
