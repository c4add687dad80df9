import { diffLines } from "../../files/text/diff.ts";

/** A line, numbered from 1. */
export interface NumberedLine {
  readonly number: number;
  readonly text: string;
}

/** A line that was seen and is gone, or one that is there in its place or between. */
export type ChangedLine = NumberedLine & { readonly kind: "gone" | "new" };

export interface Difference {
  /** In the order of the file. */
  readonly changed: readonly ChangedLine[];
  /** Lines of now that were seen, and those that are new. */
  readonly known: ReadonlyMap<number, string>;
}

/**
 * How lines that were seen differ from those that are there now. Lines that were never seen, before, behind and between those
 * that were, are no difference.
 */
export function differenceOf(seen: readonly NumberedLine[], now: readonly NumberedLine[]): Difference {
  const changed: ChangedLine[] = [];
  const known = new Map<number, string>();
  const know = (lines: readonly NumberedLine[]) => {
    for (const { number, text } of lines) known.set(number, text);
  };
  const textsOf = (lines: readonly NumberedLine[]) => lines.map(({ text }) => text);
  let newAt = 0;
  for (const { from, to, newFrom, newTo } of diffLines(textsOf(seen), textsOf(now))) {
    know(now.slice(newAt, newFrom));
    newAt = newTo;
    const gone = seen.slice(from, to);
    const fresh = now.slice(newFrom, newTo);
    const before = from === 0 ? 0 : seen[from - 1]!.number;
    // Between neighbours all that is new was put there; elsewhere what is new stands for what is gone.
    const neighbours = seen[to]?.number === before + gone.length + 1;
    const last = Math.max(0, fresh.length - gone.length);
    const meant = neighbours ? fresh : from === 0 ? fresh.slice(last) : fresh.slice(0, gone.length);
    changed.push(...gone.map((line) => ({ ...line, kind: "gone" as const })));
    changed.push(...meant.map((line) => ({ ...line, kind: "new" as const })));
    know(meant);
  }
  know(now.slice(newAt));
  return { changed, known };
}
