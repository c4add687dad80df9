import { diffSequences } from "./sequences.ts";

/** A part of a line, and whether it is only on its side. */
export interface LinePart {
  readonly text: string;
  readonly changed: boolean;
}

/** Lines that are longer are not looked into. */
const LONGEST = 2000;
/** Share of both lines that has to be common: below it marks of words say less than the line as a whole. */
const LEAST_COMMON = 0.3;

const WORDS = /[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu;

/** Which words of two lines differ; undefined: these are different lines, or too long to tell. */
export function diffWords(
  before: string,
  after: string,
): { readonly before: readonly LinePart[]; readonly after: readonly LinePart[] } | undefined {
  if (before.length > LONGEST || after.length > LONGEST) return undefined;
  const a = before.match(WORDS) ?? [];
  const b = after.match(WORDS) ?? [];
  const edits = diffSequences(a, b);
  const isWord = (word: string) => word.trim() !== "";
  const lengthOf = (words: readonly string[]) =>
    words.reduce((sum, word) => sum + (isWord(word) ? word.length : 0), 0);
  const differing = edits.reduce(
    (sum, { aStart, aEnd, bStart, bEnd }) =>
      sum + lengthOf(a.slice(aStart, aEnd)) + lengthOf(b.slice(bStart, bEnd)),
    0,
  );
  const whole = lengthOf(a) + lengthOf(b);
  if (whole === 0 || 1 - differing / whole < LEAST_COMMON) return undefined;
  return {
    before: parts(
      a,
      edits.map(({ aStart, aEnd }) => [aStart, aEnd]),
    ),
    after: parts(
      b,
      edits.map(({ bStart, bEnd }) => [bStart, bEnd]),
    ),
  };
}

function parts(words: readonly string[], ranges: readonly (readonly [number, number])[]): LinePart[] {
  const result: LinePart[] = [];
  const add = (start: number, end: number, changed: boolean) => {
    if (start < end) result.push({ text: words.slice(start, end).join(""), changed });
  };
  let at = 0;
  for (const [start, end] of ranges) {
    add(at, start, false);
    add(start, end, true);
    at = end;
  }
  add(at, words.length, false);
  return result;
}
