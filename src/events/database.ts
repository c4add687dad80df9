import type { Engine } from "../store/migrations.ts";

export type Value = string | number | Uint8Array | null;

/** The values of a row in the order of the columns. Numbers of PostgreSQL's bigint come as texts. */
export type Row = readonly unknown[];

export interface Queries {
  /** Parameters are written as `?` for both engines. */
  all(sql: string, values?: readonly Value[]): Promise<Row[]>;
}

export interface Transaction extends Queries {
  /** Inserts rows of `columns` values each into a table. */
  insert(table: string, columns: readonly Column[], rows: readonly (readonly Value[])[]): Promise<void>;
}

export interface Column {
  readonly name: string;
  /** Of PostgreSQL. */
  readonly type: "bigint" | "bytea" | "text";
}

/** The database as the event log uses it: light to load, and the same for both engines. */
export interface EventDatabase extends Queries, AsyncDisposable {
  readonly engine: Engine;
  /** The file, or the URL without its credentials. */
  readonly location: string;
  /**
   * A transaction that has the log to itself from its beginning: other programs, and other calls here, wait.
   * @throws store.busy, store.unreachable, ENOSPC and other errors of files
   */
  write<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /** Changes when another connection has committed something; undefined: that can't be told. */
  version(): Promise<number | undefined>;
}

/** One after the other, in the order of the calls. */
export class Line {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}
