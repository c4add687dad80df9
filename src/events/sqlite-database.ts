import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { berthError } from "../contract/errors.ts";
import { MIGRATIONS } from "../store/migrations.ts";
import { patiently } from "../store/patiently.ts";
import { isSqliteMissingTable, sqliteError } from "../store/sqlite-errors.ts";
import { openSqliteFile } from "../store/sqlite-file.ts";
import { type EventDatabase, Line, type Row, type Transaction, type Value } from "./database.ts";

/** Statements that are kept prepared; those of filters have no end of texts. */
const MAX_STATEMENTS = 64;

/**
 * A connection of its own to the file of the store, without the query builder: a short command has written its events
 * before that would be loaded.
 * @throws what openStore throws
 */
export async function openSqliteEvents(path: string, busyTimeoutMs: number): Promise<EventDatabase> {
  let database = await openSqliteFile(path, busyTimeoutMs);
  const version = versionOf(database, path);
  if (version > MIGRATIONS.length) {
    database.close();
    throw berthError("store.newer", { context: { path, version, known: MIGRATIONS.length } });
  }
  if (version < MIGRATIONS.length) {
    database.close();
    const { openStore } = await import("../store/open.ts");
    await (await openStore(path, { busyTimeoutMs }))[Symbol.asyncDispose]();
    database = await openSqliteFile(path, busyTimeoutMs);
  }
  return new SqliteEvents(path, database, busyTimeoutMs);
}

function versionOf(database: DatabaseSync, path: string): number {
  try {
    const row = database.prepare("select max(version) as version from berth_schema").get();
    return Number(row?.version ?? 0);
  } catch (cause) {
    if (isSqliteMissingTable(cause)) return 0;
    database.close();
    throw sqliteError(path, cause);
  }
}

class SqliteEvents implements EventDatabase {
  readonly engine = "sqlite";
  readonly location: string;
  readonly #database: DatabaseSync;
  readonly #busyTimeoutMs: number;
  readonly #line = new Line();
  /** The least recently used first. */
  readonly #statements = new Map<string, StatementSync>();

  constructor(path: string, database: DatabaseSync, busyTimeoutMs: number) {
    this.location = path;
    this.#database = database;
    this.#busyTimeoutMs = busyTimeoutMs;
  }

  all(sql: string, values: readonly Value[] = []): Promise<Row[]> {
    return this.#line.run(() => this.#patiently(() => this.#all(sql, values)));
  }

  write<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#line.run(async () => {
      await this.#patiently(() => this.#database.exec("begin immediate"));
      try {
        const result = await work({
          all: async (sql, values = []) => this.#all(sql, values),
          insert: async (table, columns, rows) => {
            const names = columns.map(({ name }) => name).join();
            const statement = this.#prepare(
              `insert into ${table} (${names}) values (${columns.map(() => "?").join()})`,
            );
            for (const row of rows) statement.run(...(row as SQLInputValue[]));
          },
        });
        this.#database.exec("commit");
        return result;
      } catch (cause) {
        // A full disk has rolled it back already.
        if (this.#database.isTransaction) this.#database.exec("rollback");
        throw sqliteError(this.location, cause);
      }
    });
  }

  async version(): Promise<number | undefined> {
    return Number((await this.all("pragma data_version"))[0]?.[0]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#line.run(async () => {
      if (this.#database.isOpen) this.#database.close();
    });
  }

  #all(sql: string, values: readonly Value[]): Row[] {
    return this.#prepare(sql).all(...(values as SQLInputValue[])) as unknown as Row[];
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    this.#statements.delete(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      statement.setReturnArrays(true);
    }
    this.#statements.set(sql, statement);
    const [oldest] = this.#statements.keys();
    if (this.#statements.size > MAX_STATEMENTS && oldest !== undefined) this.#statements.delete(oldest);
    return statement;
  }

  async #patiently<T>(work: () => T): Promise<T> {
    return await patiently(work, this.location, this.#busyTimeoutMs);
  }
}
