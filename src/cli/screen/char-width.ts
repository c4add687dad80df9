import type { IUnicodeVersionProvider } from "@xterm/headless";

/** East Asian wide and full-width characters; emoji are told by their own property. */
const WIDE: readonly (readonly [from: number, to: number])[] = [
  [0x1100, 0x115f],
  [0x2329, 0x232a],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18aff],
  [0x1b000, 0x1b2fb],
  [0x1f200, 0x1f265],
  [0x20000, 0x3fffd],
];
const ZERO = /^[\p{Mn}\p{Me}\u200b-\u200f\u2060-\u2064\ufeff\u1160-\u11ff]$/u;
const EMOJI = /^\p{Emoji_Presentation}$/u;

type Width = 0 | 1 | 2;

/** Columns that a character takes in the terminals of today; the emulator's own table is that of Unicode 6. */
export function charWidth(code: number): Width {
  if (code < 0x300) return code < 0x20 || (code >= 0x7f && code < 0xa0) ? 0 : 1;
  const character = String.fromCodePoint(code);
  if (ZERO.test(character)) return 0;
  if (WIDE.some(([from, to]) => code >= from && code <= to)) return 2;
  return EMOJI.test(character) ? 2 : 1;
}

const known = new Map<number, Width>();

function cachedWidth(code: number): Width {
  if (code < 0x300) return charWidth(code);
  let width = known.get(code);
  if (width === undefined) {
    width = charWidth(code);
    known.set(code, width);
  }
  return width;
}

/** For the emulator: a character of no width joins the one before it. */
export const CHAR_WIDTHS: IUnicodeVersionProvider = {
  version: "berth",
  wcwidth: cachedWidth,
  charProperties(code, preceding) {
    const before = (preceding >> 1) & 3;
    const own = cachedWidth(code);
    const joins = own === 0 && before > 0;
    return ((joins ? before : own) << 1) | (joins ? 1 : 0);
  },
};
