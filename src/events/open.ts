import { databasePath, isPostgres } from "../store/engine.ts";
import type { EventLog, OpenEventLogOptions } from "./event-log.ts";
import { StoredEventLog } from "./log.ts";
import { openRows } from "./open-rows.ts";

const BUSY_TIMEOUT_MS = 10_000;

/**
 * Opens the log of a state directory: SQLite in threads of their own, unless `threads` is false; PostgreSQL from here, as
 * another program does the waiting there. Nothing of what is stored is read.
 * @throws store.newer, store.damaged, store.busy, store.unreachable, config.invalid (the URL), errors of files
 */
export async function openEventLog(options: OpenEventLogOptions): Promise<EventLog> {
  const { stateDirectory, busyTimeoutMs = BUSY_TIMEOUT_MS, threads = true } = options;
  const location = options.database ?? databasePath(stateDirectory);
  const data = { location, busyTimeoutMs };
  if (!threads || isPostgres(location)) {
    const rows = await openRows(data);
    return new StoredEventLog({ writer: rows, reader: rows }, options);
  }
  const { openThreaded } = await import("./threaded.ts");
  const writer = await openThreaded(data);
  try {
    return new StoredEventLog({ writer, reader: await openThreaded(data) }, options);
  } catch (cause) {
    await writer.close();
    throw cause;
  }
}
