/** Median of a sorted copy. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Milliseconds of one call. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

/**
 * Median milliseconds of each of the ways, run in turns within one loop, so that what the machine does meanwhile
 * meets all of them alike. A few unmeasured turns go first.
 * @param inRow calls of a way in each of its turns: of what is called again and again, the first one of a turn pays for
 *   what the way before it leaves behind
 */
export async function inTurns<K extends string>(
  ways: Readonly<Record<K, () => Promise<unknown>>>,
  turns: number,
  warmUps = 3,
  inRow = 1,
): Promise<Record<K, number>> {
  const names = Object.keys(ways) as K[];
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<K, number[]>;
  for (let turn = -warmUps; turn < turns; turn++) {
    for (const name of names) {
      for (let call = 0; call < inRow; call++) {
        const ms = await timed(ways[name]);
        if (turn >= 0) times[name].push(ms);
      }
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(times[name])])) as Record<K, number>;
}

/** Calls a second, `lanes` at a time. */
export async function rate(work: () => Promise<unknown>, total: number, lanes: number): Promise<number> {
  let left = total;
  const startedMs = performance.now();
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (left > 0) {
        left -= 1;
        await work();
      }
    }),
  );
  return total / ((performance.now() - startedMs) / 1000);
}
