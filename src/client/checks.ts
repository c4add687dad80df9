import { type ErrorJson, errorFromJson } from "../api/json-errors.ts";
import { berthError } from "../contract/errors.ts";
import type { Connection } from "./connection.ts";
import type { components } from "./schema.ts";
import { serverEvents } from "./server-events.ts";

export type CheckEvent = components["schemas"]["CheckEvent"];

/** A workspace's place, or a configuration, URI or name of the berth.yaml of a project (id or directory). */
export type CheckedPlace =
  | { readonly workspace: string }
  | { readonly runtime: string | components["schemas"]["RuntimeConfig"]; readonly project?: string };

/**
 * Which step of a check begins, and how it ended; the report comes last. It is asked for once: a connection that is lost
 * is an error, as the check ends with it.
 * @throws runner.unreachable, auth.*, workspace.unknown, operation.aborted, what the runner answers
 */
export async function* followCheck(
  connection: Connection,
  place: CheckedPlace,
  signal: AbortSignal | undefined,
): AsyncGenerator<CheckEvent, void, undefined> {
  const [path, body] =
    "workspace" in place
      ? [`v1/workspaces/${encodeURIComponent(place.workspace)}/check`, undefined]
      : ["v1/runtimes/check", place];
  for await (const { event, data } of serverEvents(connection, path, { method: "POST", body, signal })) {
    if (event === "error") throw errorFromJson(data as ErrorJson);
    const told = data as CheckEvent;
    yield told;
    if (told.type === "end") return;
  }
  const context = { url: connection.url.origin, reason: "it ended within a check" };
  throw berthError("runner.unreachable", { context });
}
