import type { Dialect } from "kysely";
import { SqliteDialect } from "./sqlite-dialect.ts";
import { openSqliteFile } from "./sqlite-file.ts";

/** @throws what openSqliteFile throws */
export async function openSqlite(path: string, busyTimeoutMs: number): Promise<Dialect> {
  const database = await openSqliteFile(path, busyTimeoutMs);
  return new SqliteDialect({ path, database, busyTimeoutMs });
}
