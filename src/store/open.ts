import { Kysely } from "kysely";
import { isPostgres } from "./engine.ts";
import { migrate } from "./migrate.ts";
import { type Engine, MIGRATIONS, type Migration } from "./migrations.ts";
import { isPostgresUniqueViolation, withoutCredentials } from "./postgres-errors.ts";
import type { Schema } from "./schema.ts";
import { openSqlite } from "./sqlite.ts";
import { isSqliteUniqueViolation } from "./sqlite-errors.ts";

/** Short transactions only are held: longer than this, somebody does something else with the file. */
const BUSY_TIMEOUT_MS = 10_000;

export interface StoreOptions {
  /** How long other programs may hold the database. Default 10,000. */
  readonly busyTimeoutMs?: number | undefined;
  /** Default: all of this version. */
  readonly migrations?: readonly Migration[] | undefined;
}

/** Berth's database, at the newest version of its schema. */
export interface Store extends AsyncDisposable {
  readonly db: Kysely<Schema>;
  readonly engine: Engine;
  /** The file, or the URL without its credentials. */
  readonly location: string;
}

/**
 * Opens the database: the path of a file, which is made if it is missing, or a `postgres://` URL. Programs that open it
 * at once wait for each other.
 * @throws store.newer, store.damaged, store.busy, store.unreachable, config.invalid (the URL), errors of files (ENOSPC, EACCES, EROFS, …)
 */
export async function openStore(location: string, options: StoreOptions = {}): Promise<Store> {
  const { busyTimeoutMs = BUSY_TIMEOUT_MS, migrations = MIGRATIONS } = options;
  const engine: Engine = isPostgres(location) ? "postgres" : "sqlite";
  const shown = engine === "postgres" ? withoutCredentials(location) : location;
  const open = engine === "postgres" ? (await import("./postgres.ts")).openPostgres : openSqlite;
  const db = new Kysely<Schema>({ dialect: await open(location, busyTimeoutMs) });
  try {
    await migrate(db as unknown as Kysely<unknown>, engine, migrations, shown);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return { db, engine, location: shown, [Symbol.asyncDispose]: () => db.destroy() };
}

/** A row with that key is there already: another program was quicker. */
export function isUniqueViolation(error: unknown): boolean {
  return isSqliteUniqueViolation(error) || isPostgresUniqueViolation(error);
}
