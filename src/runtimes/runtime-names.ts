import { type BerthError, berthError } from "../contract/errors.ts";

/** The error of a name that nothing has, with the nearest one that something has. */
export function unknownRuntime(name: string, known: Iterable<string>): BerthError {
  const names = [...known];
  const near = nearest(name, names);
  const list = names.length === 0 ? "berth.yaml names no runtimes" : `the names are ${names.join(", ")}`;
  return berthError("config.unknown_runtime", {
    hint:
      near === undefined
        ? `${list}; a URI such as docker://web or local: works without a name.`
        : `Did you mean ${near}? \`berth runtimes\` lists the names.`,
    context: { name, known: names, ...(near === undefined ? {} : { suggestion: near }) },
  });
}

/** The known word that differs least, if it differs little. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3));
  let best: { name: string; distance: number } | undefined;
  for (const name of known) {
    const distance = editDistance(word.toLowerCase(), name.toLowerCase());
    if (distance <= limit && distance < (best?.distance ?? Number.POSITIVE_INFINITY))
      best = { name, distance };
  }
  return best?.name ?? known.find((name) => name.startsWith(word) || word.startsWith(name));
}

/** Insertions, deletions, changes and swaps of neighbours that turn one word into the other. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      const above = rows[i - 1] ?? [];
      let distance = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (above[j - 1] ?? 0) + cost);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) distance = Math.min(distance, (rows[i - 2]?.[j - 2] ?? 0) + 1);
      row.push(distance);
    }
    rows.push(row);
  }
  return rows[a.length]?.[b.length] ?? 0;
}
