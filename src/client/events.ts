import { type EventJson, eventFromJson } from "../api/json-events.ts";
import type { BerthEvent } from "../contract/events.ts";
import type { Connection } from "./connection.ts";
import { followServerEvents } from "./server-events.ts";

export interface FollowEventsOptions {
  /** Number of an event: those behind it. Default: from now on. */
  readonly after?: number | undefined;
  /** Id, name, or PROJECT/NAME. */
  readonly workspace?: string | undefined;
  /** Id of a process. */
  readonly process?: string | undefined;
  /** Dotted prefixes: "process" takes "process.started". */
  readonly types?: readonly string[] | undefined;
  /** Told when the connection was lost, and when it is there again. */
  readonly onConnection?: ((state: "lost" | "restored") => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Events as they are stored, in order, with no gap and no repeat: a connection that is lost is made again behind the
 * last event, also to a runner that was started anew. Ends by `return`, or by the signal.
 * @param head number of the newest event now
 * @throws auth.*, workspace.unknown, request.invalid, operation.aborted
 */
export async function* followEvents(
  connection: Connection,
  { after, workspace, process, types = [], onConnection, signal }: FollowEventsOptions,
  head: () => Promise<number>,
): AsyncGenerator<BerthEvent, void, undefined> {
  const query = new URLSearchParams();
  if (workspace !== undefined) query.set("workspace", workspace);
  if (process !== undefined) query.set("process", process);
  for (const type of types) query.append("type", type);
  // Without a number what happens while a lost connection is made again would be missed.
  const start = async () => String(after ?? (await head()));
  for await (const { data } of followServerEvents(connection, `v1/events?${query}`, {
    start,
    onConnection,
    signal,
  })) {
    yield eventFromJson(data as EventJson);
  }
}
