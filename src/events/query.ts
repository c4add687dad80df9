import type { Value } from "./database.ts";

/** Lists of so many values or fewer are looked up one by one in the index, and merged. */
const MAX_MERGED = 200;

export interface EventsQuery {
  readonly workspace?: string | undefined;
  readonly workspaces?: readonly string[] | undefined;
  readonly processId?: string | undefined;
  /** As they are stored, no prefixes. */
  readonly types?: readonly string[] | undefined;
  /** Both exclusive. */
  readonly after: number;
  readonly before: number;
  readonly limit: number;
  readonly newest?: boolean | undefined;
}

interface Condition {
  readonly sql: string;
  readonly values: readonly Value[];
}

/**
 * The statement for a page of events. The most selective filter chooses the index: of each of its values as many rows as
 * the page has are taken in order, so that a page costs the same however many events there are. `sql` is "" when
 * nothing can fit.
 */
export function eventsQuery(query: EventsQuery): Condition {
  const { processId, types, after, before, limit } = query;
  const order = query.newest ? "desc" : "asc";
  const workspaces = workspacesOf(query);
  if (workspaces?.length === 0 || types?.length === 0 || after >= before - 1) return { sql: "", values: [] };
  const range: Condition = { sql: "sequence > ? and sequence < ?", values: [after, before] };
  const process = processId === undefined ? undefined : equals("process_id", [processId]);
  const filters = [
    process,
    workspaces === undefined ? undefined : equals("workspace", workspaces),
    types === undefined ? undefined : equals("type", types),
  ].filter((filter) => filter !== undefined);
  const merged: readonly [string, readonly string[]] | undefined =
    process !== undefined
      ? undefined
      : workspaces !== undefined
        ? ["workspace", workspaces]
        : types !== undefined
          ? ["type", types]
          : undefined;
  const columns = "select sequence, hash, record from event_log where";
  const end = `order by sequence ${order} limit ?`;
  if (merged === undefined || merged[1].length > MAX_MERGED) {
    const all = join([range, ...filters]);
    return { sql: `${columns} ${all.sql} ${end}`, values: [...all.values, limit] };
  }
  const [column, values] = merged;
  const parts = values.map((value): Condition => {
    const others = filters.filter((filter) => filter.column !== column);
    const all = join([equals(column, [value]), range, ...others]);
    return {
      sql: `select sequence from (select sequence from event_log where ${all.sql} ${end}) as part`,
      values: [...all.values, limit],
    };
  });
  return {
    sql: `${columns} sequence in (${parts.map(({ sql }) => sql).join(" union all ")}) ${end}`,
    values: [...parts.flatMap((part) => part.values), limit],
  };
}

function workspacesOf({ workspace, workspaces }: EventsQuery): readonly string[] | undefined {
  if (workspace === undefined) return workspaces;
  return workspaces === undefined || workspaces.includes(workspace) ? [workspace] : [];
}

function equals(column: string, values: readonly string[]): Condition & { readonly column: string } {
  return { column, sql: `${column} in (${values.map(() => "?").join()})`, values };
}

function join(conditions: readonly Condition[]): Condition {
  return {
    sql: conditions.map(({ sql }) => sql).join(" and "),
    values: conditions.flatMap(({ values }) => values),
  };
}
