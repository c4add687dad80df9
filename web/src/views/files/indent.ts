/** Lines that are looked at. */
const LOOKED_AT = 2000;

/** By what a text indents its lines: a tab, or two, four or eight spaces; two where nothing is indented. */
export function indentOf(text: string): string {
  const found = new Map<string, number>();
  let before = 0;
  for (const line of text.split("\n", LOOKED_AT)) {
    const space = /^[ \t]*/.exec(line)?.[0] ?? "";
    if (space.length === line.length) continue;
    if (space.startsWith("\t")) found.set("\t", (found.get("\t") ?? 0) + 1);
    const step = space.length - before;
    if (!space.includes("\t") && [2, 4, 8].includes(step)) {
      const unit = " ".repeat(step);
      found.set(unit, (found.get(unit) ?? 0) + 1);
    }
    before = space.includes("\t") ? 0 : space.length;
  }
  const [best] = [...found].sort(([, a], [, b]) => b - a);
  return best?.[0] ?? "  ";
}
