/** Punctuation and blanks of Unicode that models and editors write for those of ASCII. */
const LOOK_ALIKES: readonly (readonly [RegExp, string])[] = [
  [/[\u2018\u2019\u201a\u201b\u2032\u02bc]/g, "'"],
  [/[\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb]/g, '"'],
  [/[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]/g, "-"],
  [/\u2026/g, "..."],
  [/[\u00a0\u2000-\u200a\u202f\u205f\u3000]/g, " "],
  [/[\u200b\u2060\ufeff]/g, ""],
];

/** The text with ASCII in place of what looks like it. */
export function withoutLookAlikes(text: string): string {
  if (!/[^\0-\x7f]/.test(text)) return text;
  let plain = text;
  for (const [pattern, ascii] of LOOK_ALIKES) plain = plain.replace(pattern, ascii);
  return plain;
}

/**
 * The line without regard to blanks: none at the ends, and each run of them as one. Blanks of ASCII alone, so that it may be
 * bytes as well as text.
 */
export function withoutBlanks(line: string): string {
  return line.replace(/[ \t\r\f\v]+/g, " ").replace(/^ | $/g, "");
}

/** The line without blanks at its end. */
export function withoutBlankEnd(line: string): string {
  return line.replace(/[ \t\r\f\v]+$/, "");
}
