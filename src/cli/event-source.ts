import type * as z from "zod";
import type { eventVerification } from "../api/events.ts";
import { type EventJson, eventToJson } from "../api/json-events.ts";
import type { EventLog } from "../events/event-log.ts";
import { openEventLog } from "../events/open.ts";
import { stateDirectoryPath } from "../runtimes/state-directory.ts";
import { callRunner, eventsFromRunner, jsonFromRunner } from "./runner/calls.ts";
import type { RunnerTarget } from "./runner/target.ts";

/** An event as the API tells it, and the command with `--json`. */
export type ShownEvent = EventJson;
export type ShownVerification = z.infer<typeof eventVerification>;

const PAGE = 1_000;

export interface EventQuery {
  /** Id; by a runner elsewhere also a name. */
  readonly workspace?: string | undefined;
  readonly processId?: string | undefined;
  readonly types?: readonly string[] | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

/** Where the command finds events: the log of this user, or that of a runner elsewhere. */
export interface EventSource extends AsyncDisposable {
  page(
    query: EventQuery & {
      readonly after?: number | undefined;
      readonly before?: number | undefined;
      readonly limit: number;
      readonly newest?: boolean;
    },
  ): Promise<ShownEvent[]>;
  follow(query: EventQuery, after: number, signal: AbortSignal): AsyncIterable<ShownEvent>;
  /** Number of the last one. */
  last(): Promise<number>;
  export(after: number | undefined): AsyncIterable<string | Uint8Array>;
}

/** The log of this user's state directory, also beside a runner that writes it. */
export async function logHere(): Promise<EventLog> {
  return await openEventLog({
    stateDirectory: stateDirectoryPath(),
    database: process.env.BERTH_DATABASE || undefined,
    actor: "cli",
    threads: false,
  });
}

export function eventsHere(log: EventLog): EventSource {
  return {
    page: async (query) => (await log.read(query)).map(eventToJson),
    async *follow({ until: _, ...query }, after, signal) {
      for await (const found of log.follow({ ...query, after, signal })) yield eventToJson(found);
    },
    last: async () => (await log.head()).sequence,
    export: (after) => log.export({ after }),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}

export function eventsOfRunner(target: RunnerTarget): EventSource {
  return {
    async page({ after, before, limit, newest, ...query }) {
      const order = newest ? "newest" : "oldest";
      const answer = await jsonFromRunner(target, "/v1/events", {
        query: { ...asked(query), after, before, limit, order },
      });
      return (answer as { items: ShownEvent[] }).items;
    },
    async *follow(query, after, signal) {
      const call = { query: asked(query), after, signal };
      for await (const event of eventsFromRunner(target, "/v1/events", call)) yield event as ShownEvent;
    },
    last: async () => ((await jsonFromRunner(target, "/v1/events/head")) as { sequence: number }).sequence,
    async *export(after) {
      const { body } = await callRunner(target, "/v1/events/export", { query: { after } });
      yield* body ?? [];
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** Stored events in order, as pages: all of them, or the newest so many. */
export async function* storedEvents(
  source: Pick<EventSource, "page">,
  query: EventQuery,
  limit: number | undefined,
): AsyncIterable<readonly ShownEvent[]> {
  if (limit !== undefined) {
    // Where the newest so many begin is found by going back from the end.
    const pages: ShownEvent[][] = [];
    for (let left = limit, before: number | undefined; left > 0; ) {
      const asked = Math.min(left, PAGE);
      const page = await source.page({ ...query, before, limit: asked, newest: true });
      pages.unshift(page.toReversed());
      left -= page.length;
      before = page.at(-1)?.sequence;
      if (page.length < asked) break;
    }
    yield* pages;
    return;
  }
  for (let after = 0; ; ) {
    const page = await source.page({ ...query, after, limit: PAGE });
    yield page;
    const end = page.at(-1);
    if (page.length < PAGE || end === undefined) return;
    after = end.sequence;
  }
}

function asked({ processId, types, ...query }: EventQuery) {
  return { ...query, process: processId, type: types };
}
