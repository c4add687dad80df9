import { type Kysely, sql, type Transaction } from "kysely";
import { berthError } from "../contract/errors.ts";
import type { Engine, Migration } from "./migrations.ts";
import { isPostgresMissingTable } from "./postgres-errors.ts";
import { isSqliteMissingTable } from "./sqlite-errors.ts";

interface VersionTable {
  berth_schema: { version: number; applied_at: string };
}

/** Any number that no other program on the same PostgreSQL takes for its lock: "Berth" in ASCII. */
const MIGRATION_LOCK = 0x4265727468;

/**
 * Brings a database to the newest version. Each migration is a transaction with its number in it, and one runs at a
 * time, so that any number of programs may do this at once, and be killed at any moment.
 * @throws store.newer, store.damaged
 */
export async function migrate(
  db: Kysely<unknown>,
  engine: Engine,
  migrations: readonly Migration[],
  location: string,
): Promise<void> {
  const versions = db as Kysely<VersionTable>;
  let version = await versionOf(versions);
  while (version < migrations.length) {
    version = await versions.transaction().execute(async (transaction) => {
      const before = await lockedVersion(transaction, engine, location);
      const migration = migrations[before];
      // Another program was quicker.
      if (migration === undefined) return before;
      await migration(transaction as unknown as Kysely<unknown>, engine);
      const row = { version: before + 1, applied_at: new Date().toISOString() };
      await transaction.insertInto("berth_schema").values(row).execute();
      return row.version;
    });
  }
  if (version > migrations.length)
    throw berthError("store.newer", { context: { path: location, version, known: migrations.length } });
}

async function versionOf(db: Kysely<VersionTable>): Promise<number> {
  try {
    const row = await db
      .selectFrom("berth_schema")
      .select(({ fn }) => fn.max("version").as("version"))
      .executeTakeFirst();
    return row?.version ?? 0;
  } catch (cause) {
    if (isSqliteMissingTable(cause) || isPostgresMissingTable(cause)) return 0;
    throw cause;
  }
}

/** The version, which nobody else can change until this transaction ends. */
async function lockedVersion(
  transaction: Transaction<VersionTable>,
  engine: Engine,
  location: string,
): Promise<number> {
  if (engine === "postgres") {
    await sql`select pg_advisory_xact_lock(${sql.lit(MIGRATION_LOCK)})`.execute(transaction);
  } else if (await isForeign(transaction)) {
    throw berthError("store.damaged", {
      message: `${location} is a database of another program`,
      context: { path: location },
    });
  }
  await transaction.schema
    .createTable("berth_schema")
    .ifNotExists()
    .addColumn("version", "integer", (column) => column.primaryKey())
    .addColumn("applied_at", "text", (column) => column.notNull())
    .execute();
  return await versionOf(transaction);
}

/** A file with tables, and not Berth's among them. */
async function isForeign(transaction: Transaction<VersionTable>): Promise<boolean> {
  const { rows } = await sql<{ name: string }>`select name from sqlite_master where type = 'table'`.execute(
    transaction,
  );
  return rows.length > 0 && !rows.some(({ name }) => name === "berth_schema");
}
