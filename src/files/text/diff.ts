/** Lines `from` to `to` of the old text become lines `newFrom` to `newTo` of the new one; counted from 0, the ends behind. */
export interface Change {
  readonly from: number;
  readonly to: number;
  readonly newFrom: number;
  readonly newTo: number;
}

/** Lines that are compared at once; a difference that is found in them is the shortest one there. */
const WINDOW_LINES = 2_000;
/** Up to this window a way is sought to where both texts meet again. */
const MAX_WINDOW_LINES = 32_000;
/** Changed lines up to which the shortest difference is sought; the work grows with their square. */
const MAX_DISTANCE = 512;

/**
 * How one text becomes another, line by line. The time is about that of reading both: in texts that differ much the
 * difference is a right one, but not the shortest.
 */
export function diffLines(old: readonly string[], now: readonly string[]): Change[] {
  const changes: Change[] = [];
  const add = (change: Change): void => {
    const last = changes.at(-1);
    if (last !== undefined && last.to === change.from && last.newTo === change.newFrom) {
      changes[changes.length - 1] = { ...last, to: change.to, newTo: change.newTo };
    } else changes.push(change);
  };
  let end = old.length;
  let newEnd = now.length;
  let at = 0;
  let newAt = 0;
  while (at < end && newAt < newEnd && old[at] === now[newAt]) {
    at += 1;
    newAt += 1;
  }
  while (end > at && newEnd > newAt && old[end - 1] === now[newEnd - 1]) {
    end -= 1;
    newEnd -= 1;
  }
  let size = WINDOW_LINES;
  while (at < end || newAt < newEnd) {
    if (at < end && newAt < newEnd && old[at] === now[newAt]) {
      at += 1;
      newAt += 1;
      continue;
    }
    const to = Math.min(end, at + size);
    const newTo = Math.min(newEnd, newAt + size);
    const found = compare(old, now, { from: at, to, newFrom: newAt, newTo });
    const whole = to === end && newTo === newEnd;
    if (whole) {
      for (const change of found) add(change);
      break;
    }
    // What is behind the last line in common may go on behind the window.
    const last = found.at(-1);
    const open = last !== undefined && last.to === to && last.newTo === newTo;
    const sure = open || last === undefined ? found.slice(0, -1) : found;
    const stop = sure.at(-1);
    if (open && last.from === at && last.newFrom === newAt) {
      if (size < MAX_WINDOW_LINES) {
        size *= 2;
        continue;
      }
      add(last);
      at = to;
      newAt = newTo;
    } else {
      for (const change of sure) add(change);
      at = open ? last.from : (stop?.to ?? at);
      newAt = open ? last.newFrom : (stop?.newTo ?? newAt);
      // Lines in common behind the last change are walked over above.
    }
    size = WINDOW_LINES;
  }
  return changes;
}

/** Differences within two ranges that begin with different lines. */
function compare(old: readonly string[], now: readonly string[], range: Change): Change[] {
  let { to, newTo } = range;
  const { from, newFrom } = range;
  while (to > from && newTo > newFrom && old[to - 1] === now[newTo - 1]) {
    to -= 1;
    newTo -= 1;
  }
  let start = from;
  let newStart = newFrom;
  while (start < to && newStart < newTo && old[start] === now[newStart]) {
    start += 1;
    newStart += 1;
  }
  if (start === to && newStart === newTo) return [];
  const rest: Change = { from: start, to, newFrom: newStart, newTo };
  if (start === to || newStart === newTo) return [rest];
  const shortest = myers(old, now, rest);
  if (shortest !== undefined) return shortest;
  const anchors = uniqueAnchors(old, now, rest);
  if (anchors.length === 0) return [rest];
  const changes: Change[] = [];
  let before = { from: start, newFrom: newStart };
  for (const [line, newLine] of [...anchors, [to, newTo] as const]) {
    changes.push(...compare(old, now, { ...before, to: line, newTo: newLine }));
    before = { from: line + 1, newFrom: newLine + 1 };
  }
  return changes;
}

/**
 * The shortest difference by the algorithm of Myers ("An O(ND) Difference Algorithm and Its Variations", 1986); undefined
 * when it is longer than MAX_DISTANCE.
 */
function myers(old: readonly string[], now: readonly string[], range: Change): Change[] | undefined {
  const { from, newFrom } = range;
  const n = range.to - from;
  const m = range.newTo - newFrom;
  const most = Math.min(n + m, MAX_DISTANCE);
  // reach[k + most + 1]: how far into the old lines a way of so many changes comes on diagonal k.
  const reach = new Int32Array(2 * most + 3);
  const trace: Int32Array[] = [];
  for (let d = 0; d <= most; d++) {
    trace.push(reach.slice(most + 1 - d, most + 2 + d));
    for (let k = -d; k <= d; k += 2) {
      const at = most + 1 + k;
      const down = k === -d || (k !== d && reach[at - 1]! < reach[at + 1]!);
      let x = down ? reach[at + 1]! : reach[at - 1]! + 1;
      let y = x - k;
      while (x < n && y < m && old[from + x] === now[newFrom + y]) {
        x += 1;
        y += 1;
      }
      reach[at] = x;
      if (x >= n && y >= m) return backtrack(trace, d, range);
    }
  }
  return undefined;
}

/** Follows the traces from the end to the start. `trace[d]` is `reach` on the diagonals -d to d before step d. */
function backtrack(trace: readonly Int32Array[], distance: number, range: Change): Change[] {
  const changes: Change[] = [];
  let x = range.to - range.from;
  let y = range.newTo - range.newFrom;
  for (let d = distance; d > 0; d--) {
    const reach = trace[d]!;
    const before = (k: number): number => reach[k + d] ?? 0;
    const k = x - y;
    const down = k === -d || (k !== d && before(k - 1) < before(k + 1));
    const fromK = down ? k + 1 : k - 1;
    const fromX = before(fromK);
    const fromY = fromX - fromK;
    const toX = down ? fromX : fromX + 1;
    const toY = down ? fromY + 1 : fromY;
    const step: Change = {
      from: range.from + fromX,
      to: range.from + toX,
      newFrom: range.newFrom + fromY,
      newTo: range.newFrom + toY,
    };
    const next = changes.at(-1);
    if (next !== undefined && next.from === step.to && next.newFrom === step.newTo) {
      changes[changes.length - 1] = { ...step, to: next.to, newTo: next.newTo };
    } else changes.push(step);
    x = fromX;
    y = fromY;
  }
  return changes.reverse();
}

/** Lines that are once in both ranges, as many of them as keep their order ("patience"). */
function uniqueAnchors(
  old: readonly string[],
  now: readonly string[],
  { from, to, newFrom, newTo }: Change,
): (readonly [number, number])[] {
  const oldAt = once(old, from, to);
  const newAt = once(now, newFrom, newTo);
  const pairs: (readonly [number, number])[] = [];
  for (const [line, at] of oldAt) {
    const other = newAt.get(line);
    if (at >= 0 && other !== undefined && other >= 0) pairs.push([at, other]);
  }
  // Longest increasing run of the new numbers; `pairs` is in the order of the old ones.
  const tails: number[] = [];
  const previous: number[] = [];
  pairs.forEach(([, other], index) => {
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (pairs[tails[middle]!]![1] < other) low = middle + 1;
      else high = middle;
    }
    previous[index] = low === 0 ? -1 : tails[low - 1]!;
    tails[low] = index;
  });
  const chosen: (readonly [number, number])[] = [];
  for (let index = tails.at(-1) ?? -1; index >= 0; index = previous[index]!) chosen.push(pairs[index]!);
  return chosen.reverse();
}

/** Where each line of a range is; -1 for one that is there more than once. */
function once(lines: readonly string[], from: number, to: number): Map<string, number> {
  const found = new Map<string, number>();
  for (let at = from; at < to; at++) found.set(lines[at]!, found.has(lines[at]!) ? -1 : at);
  return found;
}
