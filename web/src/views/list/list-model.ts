import type { Operation, Overview, Workspace } from "../../state/store.ts";
import { HEALTH_KINDS, type Health, type HealthKind, healthOf } from "./health.ts";
import { PLACE_KINDS, type PlaceKind, type PlaceWords, placeOf } from "./place-of.ts";

type OverviewPlace = Overview["places"][number];

/** What a row of the list shows. */
export interface Row {
  readonly workspace: Workspace;
  readonly place: PlaceWords;
  readonly health: Health;
  /** Processes that run; null while it is not known. */
  readonly running: number | null;
  readonly lastActivity: string;
}

export const SORTS = ["activity", "name", "created"] as const;
export type Sort = (typeof SORTS)[number];

/** What the address keeps. */
export interface ListQuery {
  readonly text: string;
  readonly place: PlaceKind | "";
  readonly state: HealthKind | "";
  readonly sort: Sort;
}

export function queryOf(search: string): ListQuery {
  const query = new URLSearchParams(search);
  const one = <Value extends string>(name: string, values: readonly Value[]): Value | "" =>
    values.find((value) => value === query.get(name)) ?? "";
  return {
    text: query.get("q") ?? "",
    place: one("place", PLACE_KINDS),
    state: one("state", HEALTH_KINDS),
    sort: one("sort", SORTS) || "activity",
  };
}

export function addressOf({ text, place, state, sort }: ListQuery): string {
  const query = new URLSearchParams();
  if (text !== "") query.set("q", text);
  if (place !== "") query.set("place", place);
  if (state !== "") query.set("state", state);
  if (sort !== "activity") query.set("sort", sort);
  return query.size === 0 ? "/" : `/?${query}`;
}

export function rowsOf(workspaces: readonly Workspace[], places: readonly OverviewPlace[]): readonly Row[] {
  const known = new Map(places.map((place) => [place.workspace, place]));
  return workspaces.map((workspace) => {
    const place = known.get(workspace.id);
    const last = place?.last_event_at ?? workspace.updated_at;
    return {
      workspace,
      place: placeOf(workspace.runtime),
      health: healthOf(workspace, place),
      running: place?.running ?? null,
      lastActivity: last > workspace.updated_at ? last : workspace.updated_at,
    };
  });
}

export interface Group {
  readonly project: Workspace["project"];
  readonly rows: readonly Row[];
}

/** Rows that the query lets through, by project; the projects by name, their rows as the query says. */
export function grouped(rows: readonly Row[], query: ListQuery): readonly Group[] {
  const words = query.text.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = rows.filter(
    (row) =>
      (query.place === "" || row.place.kind === query.place) &&
      (query.state === "" || row.health.kind === query.state) &&
      words.every((word) => textOf(row).includes(word)),
  );
  const groups = Map.groupBy(shown, ({ workspace }) => workspace.project.id);
  return [...groups.values()]
    .map((list) => ({
      project: list[0]!.workspace.project,
      rows: list.toSorted((a, b) => before(a, b, query.sort) || byName(a.workspace, b.workspace)),
    }))
    .sort((a, b) => byName(a.project, b.project));
}

function textOf({ workspace, place, health }: Row): string {
  const { name, branch, project } = workspace;
  return `${project.name}/${name} ${branch} ${place.word} ${place.detail ?? ""} ${health.word}`.toLowerCase();
}

function before(a: Row, b: Row, sort: Sort): number {
  if (sort === "activity") return b.lastActivity.localeCompare(a.lastActivity);
  if (sort === "created") return b.workspace.created_at.localeCompare(a.workspace.created_at);
  return 0;
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name.localeCompare(b.name, undefined, { numeric: true });
}

/** Operations that the tray shows: those that run, those that went wrong, and those that were seen to run. */
export function shownOperations(
  known: readonly Operation[],
  {
    begun,
    seen,
    dismissed,
  }: {
    readonly begun: readonly Operation[];
    readonly seen: ReadonlySet<string>;
    readonly dismissed: ReadonlySet<string>;
  },
): readonly Operation[] {
  const missing = begun.filter(({ id }) => !known.some((one) => one.id === id));
  return [...missing, ...known].filter(
    ({ id, state }) => state === "running" || (!dismissed.has(id) && (state !== "succeeded" || seen.has(id))),
  );
}
