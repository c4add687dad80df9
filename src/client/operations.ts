import type { Connection } from "./connection.ts";
import type { components } from "./schema.ts";
import { followServerEvents } from "./server-events.ts";

export type Operation = components["schemas"]["Operation"];
export type OperationEvent = components["schemas"]["OperationEvent"];

/**
 * What an operation does, until its end, which is the last event; also over lost connections, where output may come
 * again.
 * @throws operation.unknown, auth.*, operation.aborted
 */
export async function* followOperation(
  connection: Connection,
  id: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<OperationEvent, void, undefined> {
  const path = `v1/operations/${encodeURIComponent(id)}/progress`;
  for await (const { data } of followServerEvents(connection, path, { signal })) {
    const told = data as OperationEvent;
    yield told;
    if (told.type === "end") return;
  }
}
