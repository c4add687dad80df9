import type { Column, EventDatabase, Queries, Value } from "./database.ts";
import type { EventFilter, EventHead } from "./event-log.ts";
import { eventsQuery } from "./query.ts";
import { type Draft, draftOf, hashOf, recordOf, timeOf, toHex, ZERO_HASH } from "./record.ts";
import type { SignedHead } from "./signature.ts";
import { type Verification, type VerifyOptions, verifyChain } from "./verify.ts";

const COLUMNS: readonly Column[] = [
  { name: "sequence", type: "bigint" },
  { name: "hash", type: "bytea" },
  { name: "type", type: "text" },
  { name: "workspace", type: "text" },
  { name: "process_id", type: "text" },
  { name: "source", type: "text" },
  { name: "record", type: "text" },
];
/** Records that are removed in one transaction: who wants to write waits so long. */
const PRUNE_BATCH = 2_000;
/** Signed heads that are kept. */
const MAX_HEADS = 100;

/** End of the chain, or what stands before its first record. */
export interface Link {
  readonly sequence: number;
  readonly hash: Uint8Array;
}

/** A record with its hash in hex. */
export interface StoredRow extends EventHead {
  readonly record: string;
}

/** A row with the columns that it is found by. */
export interface FullRow extends Link, Omit<Draft, "time" | "rest"> {
  readonly record: string;
}

export interface RowsQuery extends EventFilter {
  readonly after?: number | undefined;
  readonly before?: number | undefined;
  readonly limit: number;
  readonly newest?: boolean | undefined;
}

export interface RowsPage {
  readonly rows: readonly StoredRow[];
  /** Everything up to this number has been looked at. */
  readonly through: number;
}

/** The stored chain, in either engine. What it is given and gives can be sent between threads. */
export class EventRows {
  readonly #database: EventDatabase;
  /** Version of the database at the last look, and the end of the chain then. */
  #seen: { version: number; head: EventHead } | undefined;

  constructor(database: EventDatabase) {
    this.#database = database;
  }

  /**
   * Appends a group in one transaction, those left out whose `source` is there already.
   * @throws store.busy, store.unreachable, ENOSPC and other errors of files
   */
  async append(drafts: readonly Draft[]): Promise<EventHead> {
    // This connection's own commits don't change the version.
    this.#seen = undefined;
    return await this.#database.write(async (transaction) => {
      const last = await lastOf(transaction);
      const known = await knownSources(transaction, drafts);
      let { sequence, hash, time } = last;
      const rows: Value[][] = [];
      for (const draft of drafts) {
        const { type, workspace, processId, source } = draft;
        if (source !== null) {
          if (known.has(source)) continue;
          known.add(source);
        }
        sequence += 1;
        // The clock was set back, or another program's is ahead.
        if (draft.time > time) time = draft.time;
        const record = recordOf(draft, sequence, time);
        hash = hashOf(hash, record);
        rows.push([sequence, hash, type, workspace, processId, source, record]);
      }
      await transaction.insert("event_log", COLUMNS, rows);
      return headOf({ sequence, hash });
    });
  }

  async head(): Promise<EventHead> {
    return headOf(await lastOf(this.#database));
  }

  /** The same, without a look at the table when nobody has written since the last one. */
  async headIfChanged(): Promise<EventHead> {
    const version = await this.#database.version();
    if (this.#seen !== undefined && this.#seen.version === version) return this.#seen.head;
    const head = await this.head();
    this.#seen = version === undefined ? undefined : { version, head };
    return head;
  }

  /** What stands before the first record that is kept. */
  async anchor(): Promise<EventHead> {
    return headOf(await this.anchorLink());
  }

  async anchorLink(): Promise<Link> {
    return await anchorOf(this.#database);
  }

  async read(query: RowsQuery): Promise<RowsPage> {
    const [since, until] = [utc(query.since), utc(query.until)];
    // Before the rows: what is committed in between is left to the next page.
    const { sequence: end } = await this.head();
    const bounds = {
      after: Math.max(query.after ?? 0, since === undefined ? 0 : (await this.#firstFrom(since)) - 1),
      before: Math.min(
        query.before ?? end + 1,
        end + 1,
        until === undefined ? end + 1 : await this.#firstFrom(timeBehind(until)),
      ),
    };
    const types = query.types === undefined ? undefined : await this.#exactTypes(query.types);
    const { sql, values } = eventsQuery({ ...query, ...bounds, types });
    const rows = sql === "" ? [] : (await this.#database.all(sql, values)).map(storedRow);
    const last = rows.at(-1)?.sequence;
    return { rows, through: rows.length === query.limit && last !== undefined ? last : end };
  }

  /** Rows behind a number as they stand, for verification. */
  async full(after: number, limit: number): Promise<FullRow[]> {
    const names = COLUMNS.map(({ name }) => name).join();
    const rows = await this.#database.all(
      `select ${names} from event_log where sequence > ? order by sequence limit ?`,
      [after, limit],
    );
    return rows.map(([sequence, hash, type, workspace, processId, source, record]) => ({
      sequence: Number(sequence),
      hash: hash as Uint8Array,
      type: type as string,
      workspace: workspace as string | null,
      processId: processId as string | null,
      source: source as string | null,
      record: record as string,
    }));
  }

  /** Lines "HASH RECORD" of the rows behind a number, and the last of these rows; undefined: there are none. */
  async lines(after: number, limit: number): Promise<{ text: string; last: EventHead } | undefined> {
    const rows = await this.#database.all(
      "select sequence, hash, record from event_log where sequence > ? order by sequence limit ?",
      [after, limit],
    );
    const last = rows.at(-1);
    if (last === undefined) return undefined;
    const text = rows
      .map(([, hash, record]) => `${toHex(hash as Uint8Array)} ${record as string}\n`)
      .join("");
    return { text, last: storedRow(last) };
  }

  /**
   * Removes the records that are older than a time, the oldest first; the newest one stays. What it removes is said by a
   * record of its own before the first one goes.
   * @returns how many
   */
  async prune(olderThan: string, actor: string): Promise<number> {
    const anchor = await this.anchor();
    const head = await this.head();
    const last = Math.min((await this.#firstFrom(olderThan)) - 1, head.sequence - 1);
    if (last <= anchor.sequence) return 0;
    const [row] = await this.#database.all("select hash from event_log where sequence = ?", [last]);
    if (row === undefined) return 0;
    const count = last - anchor.sequence;
    const data = { count, through: last, hash: toHex(row[0] as Uint8Array), older_than: olderThan };
    const message = `${count} records up to number ${last} were removed: they are older than ${olderThan}`;
    await this.append([draftOf({ type: "log.pruned", message, actor, data }, new Date().toISOString())]);
    for (let through = anchor.sequence; through < last; ) {
      through = Math.min(through + PRUNE_BATCH, last);
      await this.#removeThrough(through);
    }
    return count;
  }

  async #removeThrough(through: number): Promise<void> {
    await this.#database.write(async (transaction) => {
      const [row] = await transaction.all("select hash from event_log where sequence = ?", [through]);
      // Another program removed them.
      if (row === undefined) return;
      await transaction.all("delete from event_log where sequence <= ?", [through]);
      await transaction.all("delete from event_head where sequence <= ?", [through]);
      await transaction.all("delete from event_anchor");
      await transaction.all("insert into event_anchor (id, sequence, hash) values (1, ?, ?)", [
        through,
        row[0] as Uint8Array,
      ]);
    });
  }

  /** Signed heads that are stored, the newest first. */
  async signedHeads(): Promise<SignedHead[]> {
    const rows = await this.#database.all(
      "select sequence, hash, signed_at, public_key, signature from event_head order by sequence desc",
    );
    return rows.map(([sequence, hash, signedAt, publicKey, signature]) => ({
      sequence: Number(sequence),
      hash: toHex(hash as Uint8Array),
      signedAt: signedAt as string,
      publicKey: publicKey as string,
      signature: signature as string,
    }));
  }

  async storeSignedHead(head: SignedHead): Promise<void> {
    await this.#database.write(async (transaction) => {
      const { sequence, hash, signedAt, publicKey, signature } = head;
      await transaction.all("delete from event_head where sequence = ?", [sequence]);
      await transaction.all(
        "insert into event_head (sequence, hash, signed_at, public_key, signature) values (?, ?, ?, ?, ?)",
        [sequence, Buffer.from(hash, "hex"), signedAt, publicKey, signature],
      );
      await transaction.all(
        `delete from event_head where sequence not in (select sequence from event_head order by sequence desc limit ${MAX_HEADS})`,
      );
    });
  }

  /** Checks the whole chain; see verifyChain. */
  async verify(
    options: VerifyOptions,
    onProgress?: (records: number, total: number) => void,
  ): Promise<Verification> {
    return await verifyChain(this, options, onProgress);
  }

  async close(): Promise<void> {
    await this.#database[Symbol.asyncDispose]();
  }

  /** Number of the first record at or behind a time: times never go backwards. */
  async #firstFrom(time: string): Promise<number> {
    let low = (await this.anchor()).sequence + 1;
    let high = (await this.head()).sequence + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const [row] = await this.#database.all("select record from event_log where sequence = ?", [middle]);
      if (timeOf(String(row?.[0])) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The types that there are of these dotted prefixes. */
  async #exactTypes(prefixes: readonly string[]): Promise<string[]> {
    // Jumps from each type to the next one in the index.
    const rows = await this.#database.all(
      `with recursive found(type) as (select min(type) from event_log union all
       select (select min(type) from event_log where type > found.type) from found where found.type is not null)
       select type from found where type is not null`,
    );
    return rows.map(([type]) => type as string).filter((type) => hasPrefix(type, prefixes));
  }
}

function hasPrefix(type: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => type === prefix || type.startsWith(`${prefix}.`));
}

/** As records have it. */
function utc(time: string | undefined): string | undefined {
  return time === undefined ? undefined : new Date(time).toISOString();
}

/** The first millisecond behind a time. */
function timeBehind(time: string): string {
  return new Date(Date.parse(time) + 1).toISOString();
}

function storedRow([sequence, hash, record]: readonly unknown[]): StoredRow {
  return { sequence: Number(sequence), hash: toHex(hash as Uint8Array), record: record as string };
}

/** The last record's number, hash and time, or the anchor. */
async function lastOf(queries: Queries): Promise<Link & { readonly time: string }> {
  const [row] = await queries.all(
    "select sequence, hash, record from event_log order by sequence desc limit 1",
  );
  if (row === undefined) return { ...(await anchorOf(queries)), time: "" };
  return { sequence: Number(row[0]), hash: row[1] as Uint8Array, time: timeOf(row[2] as string) };
}

function headOf({ sequence, hash }: Link): EventHead {
  return { sequence, hash: toHex(hash) };
}

async function anchorOf(queries: Queries): Promise<Link> {
  const [row] = await queries.all("select sequence, hash from event_anchor");
  return row === undefined
    ? { sequence: 0, hash: ZERO_HASH }
    : { sequence: Number(row[0]), hash: row[1] as Uint8Array };
}

async function knownSources(queries: Queries, drafts: readonly Draft[]): Promise<Set<string>> {
  const known = new Set<string>();
  for (const { source } of drafts) {
    if (source === null) continue;
    const [row] = await queries.all("select 1 from event_log where source = ?", [source]);
    if (row !== undefined) known.add(source);
  }
  return known;
}
