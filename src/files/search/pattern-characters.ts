/** `\w`, `\d` and `\s` as ripgrep has them (Unicode, annex C of UTS 18). */
export const WORD = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}";
export const DIGIT = "\\p{Nd}";
export const BLANK = "\\t\\v\\f \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
/** What ends a line is in no set of characters, where lines are looked at. */
export const LINE_END = "\\n\\r";
/** Bytes that are no UTF-8 are lone surrogates here (names.ts); nothing but `onlyHere` looks matches them. */
export const NO_TEXT = "\\udc80-\\udcff";

export const POSIX: { readonly [name: string]: string } = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: "\\x00-\\x7f",
  blank: "\\t ",
  cntrl: "\\x00-\\x1f\\x7f",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`{-~",
  space: "\\t\\n\\v\\f\\r ",
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};

export const ESCAPED: { readonly [letter: string]: string } = {
  t: "\t",
  n: "\n",
  r: "\r",
  f: "\f",
  v: "\v",
  a: "\x07",
};

export function hexadecimal(code: number): string {
  return `\\u{${code.toString(16)}}`;
}

/** Both cases of a character, for a set of them. */
export function bothCases(character: string): string {
  const forms = new Set([character, character.toLowerCase(), character.toUpperCase()]);
  return [...forms]
    .filter((form) => [...form].length === 1)
    .map((form) => hexadecimal(form.codePointAt(0) ?? 0))
    .join("");
}

/** The other case of the ASCII letters of a range. */
export function otherCase(from: number, to: number): string {
  let added = "";
  for (let code = Math.max(from, 0x41); code <= Math.min(to, 0x7a); code++) {
    const character = String.fromCharCode(code);
    if (/[A-Za-z]/.test(character)) added += bothCases(character);
  }
  return added;
}
