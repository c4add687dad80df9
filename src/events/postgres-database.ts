import { CompiledQuery, type Kysely } from "kysely";
import { openStore, type Store } from "../store/open.ts";
import type { EventDatabase, Row, Transaction, Value } from "./database.ts";

/** Any number that no other program on the same PostgreSQL takes for its lock: "Event" in ASCII. */
const APPEND_LOCK = 0x4576656e74;

/** @throws what openStore throws */
export async function openPostgresEvents(url: string, busyTimeoutMs: number): Promise<EventDatabase> {
  return new PostgresEvents(await openStore(url, { busyTimeoutMs }));
}

class PostgresEvents implements EventDatabase {
  readonly engine = "postgres";
  readonly location: string;
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
    this.location = store.location;
  }

  all(sql: string, values: readonly Value[] = []): Promise<Row[]> {
    return all(this.#store.db, sql, values);
  }

  write<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#store.db.transaction().execute(async (db) => {
      await all(db, `select pg_advisory_xact_lock(${APPEND_LOCK})`, []);
      return await work({
        all: (sql, values = []) => all(db, sql, values),
        insert: async (table, columns, rows) => {
          if (rows.length === 0) return;
          const names = columns.map(({ name }) => name).join();
          const lists = columns.map(({ type }, at) => `$${at + 1}::${type}[]`).join();
          const values = columns.map((_, at) => rows.map((row) => row[at]));
          await db.executeQuery(
            CompiledQuery.raw(`insert into ${table} (${names}) select * from unnest(${lists})`, values),
          );
        },
      });
    });
  }

  async version(): Promise<undefined> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
  }
}

async function all(
  db: Pick<Kysely<never>, "executeQuery">,
  sql: string,
  values: readonly Value[],
): Promise<Row[]> {
  let at = 0;
  const numbered = sql.replace(/\?/g, () => `$${++at}`);
  const { rows } = await db.executeQuery(CompiledQuery.raw(numbered, [...values]));
  return rows.map((row) => Object.values(row as Record<string, unknown>));
}
