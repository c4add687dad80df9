import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import {
  type CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type Kysely,
  type QueryCompiler,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type TransactionSettings,
} from "kysely";
import { patiently } from "./patiently.ts";

/** Statements that are kept prepared; queries with lists of values have no end of texts. */
const MAX_STATEMENTS = 128;

export interface SqliteOptions {
  readonly path: string;
  readonly database: DatabaseSync;
  /** How long others may hold the database. */
  readonly busyTimeoutMs: number;
}

/** Kysely over Node's own SQLite: one connection, which its users take in turn. */
export class SqliteDialect implements Dialect {
  readonly #options: SqliteOptions;

  constructor(options: SqliteOptions) {
    this.#options = options;
  }

  createDriver(): Driver {
    return new SqliteDriver(this.#options);
  }

  createQueryCompiler(): QueryCompiler {
    return new SqliteQueryCompiler();
  }

  createAdapter(): DialectAdapter {
    return new SqliteAdapter();
  }

  createIntrospector(db: Kysely<unknown>): DatabaseIntrospector {
    return new SqliteIntrospector(db);
  }
}

class SqliteDriver implements Driver {
  readonly #database: DatabaseSync;
  readonly #connection: SqliteConnection;
  /** Settles when the last one in line gives the connection back. */
  #line: Promise<void> = Promise.resolve();
  #leave: () => void = () => {};

  constructor(options: SqliteOptions) {
    this.#database = options.database;
    this.#connection = new SqliteConnection(options);
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    const before = this.#line;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#line = promise;
    await before;
    this.#leave = resolve;
    return this.#connection;
  }

  async releaseConnection(): Promise<void> {
    this.#leave();
  }

  async beginTransaction(_: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    // A transaction that begins by reading can't write once another has written since: IMMEDIATE waits at the start.
    await this.#connection.run(settings.accessMode === "read only" ? "begin" : "begin immediate");
  }

  async commitTransaction(): Promise<void> {
    await this.#connection.run("commit");
  }

  async rollbackTransaction(): Promise<void> {
    // A full disk has rolled it back already.
    if (this.#database.isTransaction) await this.#connection.run("rollback");
  }

  async destroy(): Promise<void> {
    if (this.#database.isOpen) this.#database.close();
  }
}

class SqliteConnection implements DatabaseConnection {
  readonly #options: SqliteOptions;
  /** The least recently used first. */
  readonly #statements = new Map<string, { statement: StatementSync; answers: boolean }>();

  constructor(options: SqliteOptions) {
    this.#options = options;
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    return await this.#patiently(() => {
      const { statement, answers } = this.#prepare(sql);
      const values = parameters as SQLInputValue[];
      if (answers) return { rows: statement.all(...values) as R[] };
      const { changes, lastInsertRowid } = statement.run(...values);
      return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
    });
  }

  /** All rows at once: what Berth asks for is small. */
  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    yield await this.executeQuery<R>(query);
  }

  async run(sql: string): Promise<void> {
    await this.#patiently(() => this.#options.database.exec(sql));
  }

  #prepare(sql: string) {
    const known = this.#statements.get(sql);
    this.#statements.delete(sql);
    const prepared = known ?? this.#compile(sql);
    this.#statements.set(sql, prepared);
    const [oldest] = this.#statements.keys();
    if (this.#statements.size > MAX_STATEMENTS && oldest !== undefined) this.#statements.delete(oldest);
    return prepared;
  }

  #compile(sql: string) {
    const statement = this.#options.database.prepare(sql);
    return { statement, answers: statement.columns().length > 0 };
  }

  async #patiently<T>(work: () => T): Promise<T> {
    return await patiently(work, this.#options.path, this.#options.busyTimeoutMs);
  }
}
