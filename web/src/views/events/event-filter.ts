import type { BerthEvent } from "../../../../src/client/index.ts";
import type { EventQuery, EventRecord } from "./event-page.ts";

/** An event as it is shown; the hash of its record is asked for when it is wanted. */
export type ShownEvent = Omit<EventRecord, "hash">;

/** What one wants to see; all of it is kept in the address. */
export interface EventFilter {
  /** Dotted prefixes; none: all types. */
  readonly types: readonly string[];
  readonly workspace?: string | undefined;
  readonly process?: string | undefined;
  /** Id of a request, operation or event. */
  readonly cause?: string | undefined;
  /** ISO times. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly text: string;
}

const TYPE = /^[a-z][a-z_]*(?:\.[a-z_]+)?$/;

/** What an address asks for; what is no such thing is left out. */
export function filterOf(query: URLSearchParams): EventFilter {
  const text = (name: string) => query.get(name) || undefined;
  const time = (name: string) => {
    const ms = Date.parse(query.get(name) ?? "");
    return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
  };
  return {
    types: (query.get("type") ?? "").split(",").filter((type) => TYPE.test(type)),
    workspace: text("workspace"),
    process: text("process"),
    cause: text("cause"),
    since: time("since"),
    until: time("until"),
    text: query.get("text") ?? "",
  };
}

/** The filter for an address; what is not asked for is not in it. */
export function addressOf({ types, ...rest }: EventFilter): Record<string, string> {
  const all = { type: types.join(","), ...rest };
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, string] => (entry[1] ?? "") !== ""),
  );
}

/** The part of it that the runner looks for. */
export function queryOf({ types, workspace, process, since, until }: EventFilter): EventQuery {
  return {
    ...(types.length === 0 ? {} : { type: [...types] }),
    ...(workspace === undefined ? {} : { workspace }),
    ...(process === undefined ? {} : { process }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
}

/** Whether "process" takes "process.started": it does, and "proc" does not. */
export function takesType(prefix: string, type: string): boolean {
  return type === prefix || type.startsWith(`${prefix}.`);
}

/** Whether an event that has just come is one that the runner would have given. */
export function isAskedFor(event: ShownEvent, filter: EventFilter): boolean {
  const { types, workspace, process, since, until } = filter;
  return (
    (types.length === 0 || types.some((prefix) => takesType(prefix, event.type))) &&
    (workspace === undefined || event.workspace === workspace) &&
    (process === undefined || event.process_id === process) &&
    (since === undefined || Date.parse(event.time) >= Date.parse(since)) &&
    (until === undefined || Date.parse(event.time) <= Date.parse(until))
  );
}

/** The part that is looked for in what is there: cause and words. */
export function isShown(event: ShownEvent, { cause, text }: EventFilter): boolean {
  if (cause !== undefined && event.cause !== cause) return false;
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const hay = JSON.stringify(event).toLowerCase();
  return words.every((word) => hay.includes(word));
}

export function isNarrowed({ cause, text }: EventFilter): boolean {
  return cause !== undefined || text.trim() !== "";
}

/** An event of the stream, as pages have it. */
export function shownEvent({ processId, data, ...event }: BerthEvent): ShownEvent {
  return {
    ...event,
    ...(processId === undefined ? {} : { process_id: processId }),
    ...(data === undefined ? {} : { data: { ...data } }),
  } as ShownEvent;
}

/** A line of the timeline. */
export type TimelineItem =
  | { readonly kind: "event"; readonly event: ShownEvent }
  /** Many of one type in a row; the newest first. */
  | { readonly kind: "burst"; readonly events: readonly ShownEvent[] };

const BURST_MS = 5_000;
const BURST_EVENTS = 4;

/**
 * Puts together what comes many times in a row: one type, of one process and workspace, none long after the other.
 * @param markOf what is different of two numbers keeps their events apart
 */
export function withBursts(
  events: readonly ShownEvent[],
  markOf: (sequence: number) => unknown = () => undefined,
): TimelineItem[] {
  const items: TimelineItem[] = [];
  let run: ShownEvent[] = [];
  const end = () => {
    if (run.length >= BURST_EVENTS) items.push({ kind: "burst", events: run });
    else items.push(...run.map((event) => ({ kind: "event", event }) as const));
    run = [];
  };
  for (const event of events) {
    const last = run.at(-1);
    const isNext =
      last !== undefined && isSameRun(last, event) && markOf(last.sequence) === markOf(event.sequence);
    if (!isNext) end();
    run.push(event);
  }
  end();
  return items;
}

function isSameRun(newer: ShownEvent, older: ShownEvent): boolean {
  return (
    newer.type === older.type &&
    newer.workspace === older.workspace &&
    newer.process_id === older.process_id &&
    Date.parse(newer.time) - Date.parse(older.time) <= BURST_MS
  );
}

/** Of the item: the number of its oldest event, which stays when newer ones come to it. */
export function itemNumber(item: TimelineItem): number {
  return item.kind === "event" ? item.event.sequence : (item.events.at(-1)?.sequence ?? 0);
}

/** Whether the type tells of something that went wrong. */
export function isTrouble(type: string): boolean {
  return /(?:failed|lost|down|refused|gap|interrupted|missed|left_behind)$/.test(type);
}
