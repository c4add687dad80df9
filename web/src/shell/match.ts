/** Those whose text has all letters of the query in their order, the closest ones first; all of them without a query. */
export function ranked<Item>(
  items: readonly Item[],
  query: string,
  textOf: (item: Item) => string,
): readonly Item[] {
  const wanted = query.trim().toLowerCase();
  if (wanted === "") return items;
  return items
    .map((item) => ({ item, score: scoreOf(textOf(item).toLowerCase(), wanted) }))
    .filter(({ score }) => score !== undefined)
    .sort((a, b) => (a.score ?? 0) - (b.score ?? 0))
    .map(({ item }) => item);
}

/** Lower is closer; undefined: a letter is missing. */
function scoreOf(text: string, query: string): number | undefined {
  const whole = text.indexOf(query);
  if (whole !== -1) return whole === 0 || text[whole - 1] === " " ? 0 : 1 + whole / 1000;
  let at = -1;
  let score = 10;
  for (const letter of query) {
    if (letter === " ") continue;
    const next = text.indexOf(letter, at + 1);
    if (next === -1) return undefined;
    score += next - at - 1;
    at = next;
  }
  return score;
}
