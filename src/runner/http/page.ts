import { invalid } from "./input.ts";

interface PageQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/**
 * One page of a list. The cursor names the last item of the page before, and where it was: when that item has gone
 * meanwhile, the page begins at its place.
 * @throws request.invalid: the cursor is of no page
 */
export function pageOf<Item, Json>(
  all: readonly Item[],
  { limit, cursor }: PageQuery,
  keyOf: (item: Item) => string,
  toJson: (item: Item) => Json,
): { items: Json[]; next: string | null } {
  const start = cursor === undefined ? 0 : startBehind(all, cursor, keyOf);
  const items = all.slice(start, start + limit);
  const last = items.at(-1);
  const end = start + items.length;
  const next =
    last === undefined || end >= all.length
      ? null
      : Buffer.from(JSON.stringify([end, keyOf(last)])).toString("base64url");
  return { items: items.map(toJson), next };
}

function startBehind<Item>(all: readonly Item[], cursor: string, keyOf: (item: Item) => string): number {
  const [end, key] = decoded(cursor);
  const at = all.findIndex((item) => keyOf(item) === key);
  return at === -1 ? Math.max(0, end - 1) : at + 1;
}

function decoded(cursor: string): readonly [number, string] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
    if (
      Array.isArray(value) &&
      Number.isSafeInteger(value[0]) &&
      value[0] > 0 &&
      typeof value[1] === "string"
    ) {
      return [value[0] as number, value[1]];
    }
  } catch {
    // Said below.
  }
  throw invalid([{ field: "query.cursor", reason: "is not the `next` of a page of this list" }]);
}
