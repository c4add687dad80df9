import { type ByteText, fromByteText } from "./byte-text.ts";
import { withoutBlanks, withoutLookAlikes } from "./look-alikes.ts";

/** Longer files are not searched for what comes near: the hint has to cost less than the edit. */
const MAX_LOOKED_BYTES = 4 * 1024 * 1024;
const MAX_LOOKED_LINES = 50_000;
/** Lines of a hint. */
const MAX_SHOWN_LINES = 12;
const MAX_SHOWN_BYTES = 300;
/** Share of pairs of letters in common, below which a line is no hint. */
const ALIKE = 0.5;

export type Difference = "lineEnds" | "blanks" | "quotes";

/** What must not count for a text to be found in another one; undefined when that is not all. */
export function differsIn(text: ByteText, wanted: ByteText): Difference | undefined {
  if (text.length > MAX_LOOKED_BYTES) return undefined;
  const file = fromByteText(text).replaceAll("\r", "");
  const given = fromByteText(wanted).replaceAll("\r", "");
  if (given.trim() === "") return undefined;
  if (file.includes(given)) return "lineEnds";
  if (tight(file).includes(tight(given))) return "blanks";
  const plainFile = withoutLookAlikes(file);
  const plainGiven = withoutLookAlikes(given);
  if (plainFile.includes(plainGiven) || tight(plainFile).includes(tight(plainGiven))) return "quotes";
  return undefined;
}

function tight(text: string): string {
  return text.replace(/\s+/g, "");
}

export interface Nearest {
  /** From 1. */
  readonly line: number;
  readonly lines: readonly ByteText[];
}

/** The lines of a text that come nearest to some others; undefined when none does. */
export function nearestLines(text: ByteText, wanted: ByteText): Nearest | undefined {
  if (text.length > MAX_LOOKED_BYTES) return undefined;
  const lines = text.split("\n", MAX_LOOKED_LINES);
  if (lines.at(-1) === "") lines.pop();
  const old = wanted.split("\n");
  while (old.length > 1 && old.at(-1)!.trim() === "") old.pop();
  const start = sharedStart(lines, old) ?? similarStart(lines, old);
  if (start === undefined) return undefined;
  const shown = lines
    .slice(start, start + Math.min(old.length, MAX_SHOWN_LINES))
    .map((line) => line.slice(0, MAX_SHOWN_BYTES));
  return shown.length === 0 ? undefined : { line: start + 1, lines: shown };
}

/** Where most of the lines are what they are to be, blanks aside. */
function sharedStart(lines: readonly string[], old: readonly string[]): number | undefined {
  const wanted = new Map<string, number[]>();
  old.slice(0, 200).forEach((line, index) => {
    const key = withoutBlanks(line);
    if (key.length < 2) return;
    const places = wanted.get(key) ?? [];
    places.push(index);
    wanted.set(key, places);
  });
  const votes = new Map<number, number>();
  lines.forEach((line, index) => {
    for (const offset of wanted.get(withoutBlanks(line)) ?? []) {
      const start = Math.max(0, index - offset);
      votes.set(start, (votes.get(start) ?? 0) + 1);
    }
  });
  let best: number | undefined;
  let most = 0;
  for (const [start, count] of votes) {
    if (count > most || (count === most && best !== undefined && start < best)) {
      most = count;
      best = start;
    }
  }
  return best;
}

/** Where a line is like the longest of them. */
function similarStart(lines: readonly string[], old: readonly string[]): number | undefined {
  const longest = old.reduce(
    (best, line, index) => (line.trim().length > old[best]!.trim().length ? index : best),
    0,
  );
  const wanted = pairs(old[longest]!);
  if (wanted.size === 0) return undefined;
  let best: number | undefined;
  let most = ALIKE;
  lines.forEach((line, index) => {
    const own = pairs(line);
    let common = 0;
    for (const pair of own) if (wanted.has(pair)) common += 1;
    const score = (2 * common) / (own.size + wanted.size);
    if (score <= most) return;
    most = score;
    best = Math.max(0, index - longest);
  });
  return best;
}

/** Pairs of letters of a line, blanks aside. */
function pairs(line: string): Set<string> {
  const text = tight(line.slice(0, 500)).toLowerCase();
  const found = new Set<string>();
  for (let at = 0; at + 1 < text.length; at++) found.add(text.slice(at, at + 2));
  return found;
}
