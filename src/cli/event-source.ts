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
    query: EventQuery & { readonly after?: number; readonly limit: number; readonly newest?: boolean },
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
    async page({ after, limit, newest, ...query }) {
      const order = newest ? "newest" : "oldest";
      const answer = await jsonFromRunner(target, "/v1/events", {
        query: { ...asked(query), after, limit, order },
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

function asked({ processId, types, ...query }: EventQuery) {
  return { ...query, process: processId, type: types };
}
