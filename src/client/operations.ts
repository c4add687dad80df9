import { type ErrorJson, errorFromJson } from "../api/json-errors.ts";
import { mayPass } from "./answers.ts";
import type { Connection } from "./connection.ts";
import { abortedBy, backoffMs, pause } from "./retry.ts";
import type { components } from "./schema.ts";
import { serverEvents } from "./server-events.ts";

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
  for (let failures = 0; ; failures++) {
    try {
      const path = `v1/operations/${encodeURIComponent(id)}/progress`;
      for await (const { event, data } of serverEvents(connection, path, { signal })) {
        if (event === "error") throw errorFromJson(data as ErrorJson);
        failures = -1;
        const told = data as OperationEvent;
        yield told;
        if (told.type === "end") return;
      }
    } catch (error) {
      if (signal?.aborted) throw abortedBy(signal);
      if (!mayPass(error)) throw error;
    }
    await pause(backoffMs(Math.max(failures, 0)), signal);
  }
}
