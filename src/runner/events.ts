import { type EventJson, eventToJson } from "../api/json-events.ts";
import { WORKSPACE_ID } from "../contract/config-fields.ts";
import { isBerthError } from "../contract/errors.ts";
import type { EventFilter, StoredEvent } from "../events/event-log.ts";
import type { Caller, RunnerContext } from "./context.ts";
import type { CallOf, Handlers, ServerEvent } from "./handlers.ts";
import { invalid, lastEventId } from "./http/input.ts";

type EventOperation = "listEvents" | "exportEvents" | "verifyEvents" | "eventHead";
type EventsQuery = CallOf<"listEvents">["query"];

/** The log over HTTP: as pages, live, as an export, and verified. */
export function eventHandlers(
  context: Pick<RunnerContext, "events" | "workspace">,
): Handlers<EventOperation> {
  const { events } = context;
  return {
    listEvents: async ({ query, headers, caller, signal }) => {
      const filter = await filterOf(context, query, caller);
      if (headers.accept?.includes("text/event-stream")) {
        if (query.until !== undefined || query.before !== undefined || query.order === "newest")
          throw invalid([
            { field: "query", reason: "until, before and order=newest are for pages: a stream goes on" },
          ]);
        const after = lastEventId(headers) ?? query.after;
        // Beginning at a time means what is stored, too.
        const from = after ?? (filter.since === undefined ? undefined : 0);
        return { status: 200, events: serverEvents(events.follow({ ...filter, after: from, signal })) };
      }
      // Who has just done something finds it; where the log can't be written, what is stored is shown all the same.
      await events.flush().catch(() => {});
      const { after, before, limit } = query;
      const newest = query.order === "newest";
      const items = await events.read({ ...filter, after, before, limit, newest });
      const next = items.length === limit ? (items.at(-1)?.event.sequence ?? null) : null;
      return { status: 200, body: { items: items.map(eventToJson), next } };
    },
    exportEvents: ({ query }) => ({ status: 200, stream: events.export({ after: query.after }) }),
    verifyEvents: async () => {
      const { ok, records, firstSequence, head, broken, signed, durationMs } = await events.verify();
      return {
        status: 200,
        body: {
          ok,
          records,
          first_sequence: firstSequence,
          head,
          broken,
          signed:
            signed === null
              ? null
              : { sequence: signed.sequence, hash: signed.hash, signed_at: signed.signedAt },
          duration_ms: durationMs,
        },
      };
    },
    eventHead: async () => {
      const { sequence, hash, publicKey, signature, signedAt } = await events.sign({ store: false });
      const signed = {
        algorithm: "ed25519",
        public_key: publicKey,
        value: signature,
        signed_at: signedAt,
      } as const;
      return { status: 200, body: { sequence, hash, signature: signed } };
    },
  };
}

/** What a query asks for, and of that what the caller may know. */
async function filterOf(
  context: Pick<RunnerContext, "workspace">,
  query: EventsQuery,
  caller: Caller,
): Promise<EventFilter> {
  const { process: processId, type: types, since, until, workspace } = query;
  return {
    processId,
    types,
    since,
    until,
    ...(workspace === undefined ? {} : { workspace: await workspaceId(context, workspace, caller) }),
    ...(caller.workspaces === undefined ? {} : { workspaces: [...caller.workspaces] }),
  };
}

/** Events outlive their workspace: the id of one that is gone names it still. */
async function workspaceId(
  context: Pick<RunnerContext, "workspace">,
  selector: string,
  caller: Caller,
): Promise<string> {
  try {
    return (await context.workspace(selector, caller)).id;
  } catch (cause) {
    const mayKnow = caller.workspaces === undefined || caller.workspaces.has(selector);
    if (isBerthError(cause, "workspace.unknown") && WORKSPACE_ID.test(selector) && mayKnow) return selector;
    throw cause;
  }
}

async function* serverEvents(events: AsyncIterable<StoredEvent>): AsyncGenerator<ServerEvent<EventJson>> {
  for await (const event of events) yield { id: String(event.event.sequence), data: eventToJson(event) };
}
