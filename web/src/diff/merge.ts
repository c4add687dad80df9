import { diffSequences, type Edit } from "./sequences.ts";

export interface Merged {
  readonly text: string;
  /** Places where both sides say something else; each is in the text with markers. */
  readonly conflicts: number;
}

export const MARKERS = {
  mine: "<<<<<<< yours",
  base: "||||||| before",
  middle: "=======",
  theirs: ">>>>>>> in the place",
} as const;

/**
 * Both changes of one text, line by line. What only one side has changed is taken; what both have changed alike is taken
 * once; the rest stands with markers as git writes them, to be merged by hand.
 */
export function mergeTexts(base: string, mine: string, theirs: string): Merged {
  const [from, left, right] = [base.split("\n"), mine.split("\n"), theirs.split("\n")];
  const result: string[] = [];
  let conflicts = 0;
  let at = 0;
  for (const { baseStart, baseEnd, mineLines, theirLines } of regions(from, left, right)) {
    result.push(...from.slice(at, baseStart));
    at = baseEnd;
    const before = from.slice(baseStart, baseEnd);
    if (same(mineLines, theirLines) || same(theirLines, before)) result.push(...mineLines);
    else if (same(mineLines, before)) result.push(...theirLines);
    else {
      conflicts += 1;
      result.push(
        MARKERS.mine,
        ...mineLines,
        MARKERS.base,
        ...before,
        MARKERS.middle,
        ...theirLines,
        MARKERS.theirs,
      );
    }
  }
  result.push(...from.slice(at));
  return { text: result.join("\n"), conflicts };
}

/** How many conflicts a text still has markers of. */
export function conflictsIn(text: string): number {
  return text.split("\n").filter((line) => line === MARKERS.mine).length;
}

interface Region {
  readonly baseStart: number;
  readonly baseEnd: number;
  readonly mineLines: readonly string[];
  readonly theirLines: readonly string[];
}

/** Stretches of the base that one side or both have changed; changes that overlap or touch are one. */
function* regions(
  base: readonly string[],
  mine: readonly string[],
  theirs: readonly string[],
): Generator<Region, void, undefined> {
  const left = new Side(diffSequences(base, mine), mine);
  const right = new Side(diffSequences(base, theirs), theirs);
  for (;;) {
    const start = Math.min(left.nextStart(), right.nextStart());
    if (start === Number.POSITIVE_INFINITY) return;
    let end = start;
    for (let before = -1; before !== end; ) {
      before = end;
      end = Math.max(left.reach(end), right.reach(end));
    }
    yield {
      baseStart: start,
      baseEnd: end,
      mineLines: left.take(start, end),
      theirLines: right.take(start, end),
    };
  }
}

class Side {
  readonly #edits: readonly Edit[];
  readonly #lines: readonly string[];
  #at = 0;
  /** Where this side's lines stand for the base's line behind the last region. */
  #shift = 0;

  constructor(edits: readonly Edit[], lines: readonly string[]) {
    this.#edits = edits;
    this.#lines = lines;
  }

  nextStart(): number {
    return this.#edits[this.#at]?.aStart ?? Number.POSITIVE_INFINITY;
  }

  /** Where edits end that begin up to this place. */
  reach(end: number): number {
    let far = end;
    for (let at = this.#at; ; at++) {
      const edit = this.#edits[at];
      if (edit === undefined || edit.aStart > far) return far;
      far = Math.max(far, edit.aEnd);
    }
  }

  take(start: number, end: number): readonly string[] {
    const from = start + this.#shift;
    for (;;) {
      const edit = this.#edits[this.#at];
      if (edit === undefined || edit.aStart > end) break;
      this.#shift = edit.bEnd - edit.aEnd;
      this.#at += 1;
    }
    return this.#lines.slice(from, end + this.#shift);
  }
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, index) => line === b[index]);
}
