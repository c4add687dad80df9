import type { Connection } from "./connection.ts";
import type { components } from "./schema.ts";
import { followServerEvents } from "./server-events.ts";

export type WatchEvent = components["schemas"]["WatchEvent"];

export interface WatchFilesOptions {
  /** Below which. Default: the workspace's directory. */
  readonly path?: string | undefined;
  /** Default true. */
  readonly recursive?: boolean | undefined;
  /** Glob patterns relative to the path; one without a slash matches a name at any depth. */
  readonly ignore?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Changes below a path for as long as they are read. "ready" says that changes from now on are told; when it comes again,
 * the connection was lost, and what happened meanwhile is known to nobody.
 * @throws workspace.unknown, runtime.capability_unsupported, auth.*, operation.aborted, what the place answers
 */
export async function* watchFiles(
  connection: Connection,
  workspace: string,
  { path, recursive, ignore = [], signal }: WatchFilesOptions,
): AsyncGenerator<WatchEvent, void, undefined> {
  const query = new URLSearchParams();
  if (path !== undefined) query.set("path", path);
  if (recursive !== undefined) query.set("recursive", String(recursive));
  for (const pattern of ignore) query.append("ignore", pattern);
  const target = `v1/workspaces/${encodeURIComponent(workspace)}/files/watch?${query}`;
  for await (const { data } of followServerEvents(connection, target, { signal })) yield data as WatchEvent;
}
