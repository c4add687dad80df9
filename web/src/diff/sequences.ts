/** A stretch of `a` that stands in `b` as another one; either may be empty. Ends are exclusive. */
export interface Edit {
  readonly aStart: number;
  readonly aEnd: number;
  readonly bStart: number;
  readonly bEnd: number;
}

/** Edits behind which a shortest script is not looked for: its cost grows with their square. */
const MOST_EDITS = 1200;

/**
 * What differs between two sequences, in order, with something common between any two edits. Shortest where they are alike
 * enough; where they are not, elements that each has once are what is kept (patience), and the rest is one edit.
 */
export function diffSequences<T>(a: readonly T[], b: readonly T[]): Edit[] {
  const edits: Edit[] = [];
  compare(a, b, 0, a.length, 0, b.length, edits, 0);
  return joined(edits);
}

function compare<T>(
  a: readonly T[],
  b: readonly T[],
  aFrom: number,
  aTo: number,
  bFrom: number,
  bTo: number,
  edits: Edit[],
  depth: number,
): void {
  let [aStart, aEnd, bStart, bEnd] = [aFrom, aTo, bFrom, bTo];
  while (aStart < aEnd && bStart < bEnd && a[aStart] === b[bStart]) {
    aStart += 1;
    bStart += 1;
  }
  while (aStart < aEnd && bStart < bEnd && a[aEnd - 1] === b[bEnd - 1]) {
    aEnd -= 1;
    bEnd -= 1;
  }
  if (aStart === aEnd && bStart === bEnd) return;
  if (aStart === aEnd || bStart === bEnd) {
    edits.push({ aStart, aEnd, bStart, bEnd });
    return;
  }
  if (shortest(a, b, aStart, aEnd, bStart, bEnd, edits)) return;
  const anchors = depth > 20 ? [] : uniqueInBoth(a, b, aStart, aEnd, bStart, bEnd);
  if (anchors.length === 0) {
    edits.push({ aStart, aEnd, bStart, bEnd });
    return;
  }
  let [fromA, fromB] = [aStart, bStart];
  for (const [inA, inB] of anchors) {
    compare(a, b, fromA, inA, fromB, inB, edits, depth + 1);
    [fromA, fromB] = [inA + 1, inB + 1];
  }
  compare(a, b, fromA, aEnd, fromB, bEnd, edits, depth + 1);
}

/** Myers' greedy search; false when it would take more than MOST_EDITS. */
function shortest<T>(
  a: readonly T[],
  b: readonly T[],
  aStart: number,
  aEnd: number,
  bStart: number,
  bEnd: number,
  edits: Edit[],
): boolean {
  const [n, m] = [aEnd - aStart, bEnd - bStart];
  const most = Math.min(n + m, MOST_EDITS);
  const furthest = new Int32Array(2 * most + 3);
  const middle = most + 1;
  const trace: Int32Array[] = [];
  for (let d = 0; d <= most; d++) {
    for (let k = -d; k <= d; k += 2) {
      const isDown =
        k === -d || (k !== d && (furthest[middle + k - 1] ?? 0) < (furthest[middle + k + 1] ?? 0));
      let x = isDown ? (furthest[middle + k + 1] ?? 0) : (furthest[middle + k - 1] ?? 0) + 1;
      while (x < n && x - k < m && a[aStart + x] === b[bStart + x - k]) x += 1;
      furthest[middle + k] = x;
      if (x >= n && x - k >= m) {
        const found: Edit[] = [];
        walkBack(trace, d, n, m, aStart, bStart, found);
        edits.push(...found.reverse());
        return true;
      }
    }
    trace.push(furthest.slice(middle - d, middle + d + 1));
  }
  return false;
}

function walkBack(
  trace: readonly Int32Array[],
  steps: number,
  n: number,
  m: number,
  aStart: number,
  bStart: number,
  found: Edit[],
): void {
  let [x, y] = [n, m];
  for (let d = steps; d > 0; d--) {
    const before = trace[d - 1];
    const at = (k: number) => before?.[k + d - 1] ?? 0;
    const k = x - y;
    const isDown = k === -d || (k !== d && at(k - 1) < at(k + 1));
    const from = isDown ? k + 1 : k - 1;
    x = at(from);
    y = x - from;
    found.push({
      aStart: aStart + x,
      aEnd: aStart + x + (isDown ? 0 : 1),
      bStart: bStart + y,
      bEnd: bStart + y + (isDown ? 1 : 0),
    });
  }
}

/** Pairs of places of what is there once on each side, in order on both. */
function uniqueInBoth<T>(
  a: readonly T[],
  b: readonly T[],
  aStart: number,
  aEnd: number,
  bStart: number,
  bEnd: number,
): [number, number][] {
  const once = (list: readonly T[], start: number, end: number) => {
    const places = new Map<T, number>();
    for (let at = start; at < end; at++) {
      const item = list[at] as T;
      places.set(item, places.has(item) ? -1 : at);
    }
    return places;
  };
  const inB = once(b, bStart, bEnd);
  const pairs: [number, number][] = [];
  for (const [item, at] of once(a, aStart, aEnd)) {
    const other = inB.get(item) ?? -1;
    if (at >= 0 && other >= 0) pairs.push([at, other]);
  }
  return longestRising(pairs.sort(([one], [two]) => one - two));
}

/** The most pairs whose second numbers rise. */
function longestRising(pairs: readonly [number, number][]): [number, number][] {
  const tails: number[] = [];
  const before: number[] = [];
  for (const [index, [, value]] of pairs.entries()) {
    let [low, high] = [0, tails.length];
    while (low < high) {
      const half = (low + high) >> 1;
      if ((pairs[tails[half] ?? 0]?.[1] ?? 0) < value) low = half + 1;
      else high = half;
    }
    before[index] = low > 0 ? (tails[low - 1] ?? -1) : -1;
    tails[low] = index;
  }
  const chain: [number, number][] = [];
  for (let at = tails.at(-1) ?? -1; at >= 0; at = before[at] ?? -1) chain.push(pairs[at] as [number, number]);
  return chain.reverse();
}

/** Edits that touch are one. */
function joined(edits: readonly Edit[]): Edit[] {
  const result: Edit[] = [];
  for (const edit of edits) {
    const last = result.at(-1);
    if (last !== undefined && last.aEnd === edit.aStart && last.bEnd === edit.bStart) {
      result[result.length - 1] = { ...last, aEnd: edit.aEnd, bEnd: edit.bEnd };
    } else result.push(edit);
  }
  return result;
}
