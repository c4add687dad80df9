import { isPostgres } from "../store/engine.ts";
import { EventRows } from "./rows.ts";
import type { StorageData } from "./storage.ts";

/**
 * Opens the stored chain in this thread.
 * @throws what openStore throws
 */
export async function openRows({ location, busyTimeoutMs }: StorageData): Promise<EventRows> {
  if (isPostgres(location)) {
    const { openPostgresEvents } = await import("./postgres-database.ts");
    return new EventRows(await openPostgresEvents(location, busyTimeoutMs));
  }
  const { openSqliteEvents } = await import("./sqlite-database.ts");
  return new EventRows(await openSqliteEvents(location, busyTimeoutMs));
}
