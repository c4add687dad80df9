import type { BerthEvent, BerthEventInput } from "../contract/events.ts";
import type { SignedHead } from "./signature.ts";
import type { Verification, VerifyOptions } from "./verify.ts";

/** Which events; all that are given have to fit. */
export interface EventFilter {
  /** Id of a workspace. */
  readonly workspace?: string | undefined;
  /** Ids of workspaces, one of which it has to be. */
  readonly workspaces?: readonly string[] | undefined;
  readonly processId?: string | undefined;
  /** Dotted prefixes: "process" takes "process.started". */
  readonly types?: readonly string[] | undefined;
  /** ISO times, both inclusive. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

/** End of the chain: number and hash (64 hex digits) of the last record; { 0, 64 zeros } when it is empty. */
export interface EventHead {
  readonly sequence: number;
  readonly hash: string;
}

export interface StoredEvent {
  readonly event: BerthEvent;
  /** The stored bytes, of which the hash is made. */
  readonly record: string;
  readonly hash: string;
}

/**
 * The append-only log of what happened. Sequence numbers are assigned, stored and delivered in one order, delivered
 * after the commit; several programs of a user append to the same log.
 */
export interface EventLog extends AsyncDisposable {
  /**
   * Hands an event over; it is written in the next group (64 of them, or 5 ms later) by a thread of its own. Never throws and
   * never waits: what can't be written (a full disk) is kept in memory up to a limit, and told by `onTrouble`.
   */
  append(event: BerthEventInput): void;
  /** Settles when everything appended before is on the disk. @throws store.* */
  flush(): Promise<void>;
  head(): Promise<EventHead>;
  /** Stored ones behind number `after` in order, at most `limit` (default 1,000); the newest first with `newest`. */
  read(
    options?: EventFilter & {
      readonly after?: number | undefined;
      readonly before?: number | undefined;
      readonly limit?: number | undefined;
      readonly newest?: boolean | undefined;
    },
  ): Promise<StoredEvent[]>;
  /**
   * Stored ones behind number `after` (default: from this call on), then new ones as they are committed, by this program
   * or another one, with no gap and no repeat, until the signal. A slow reader reads from the store, and holds up nobody.
   */
  follow(
    options?: Omit<EventFilter, "until"> & {
      readonly after?: number | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): AsyncIterable<StoredEvent>;
  /** Text in the format berth.events.v1 (docs/events.md), in pieces: the records behind a number. */
  export(options?: { readonly after?: number | undefined }): AsyncIterable<string>;
  /** Computes the chain of all stored records anew, and looks whether signed heads agree with it. */
  verify(
    options?: VerifyOptions & { readonly onProgress?: (records: number, total: number) => void },
  ): Promise<Verification>;
  /**
   * The head as it is now, signed with the key of the state directory, which is made at its first use; stored unless
   * `store` is false.
   * @throws store.*, errors of files
   */
  sign(options?: { readonly store?: boolean }): Promise<SignedHead>;
  /** Removes what is older than so many days; returns how many records. The chain stays verifiable. */
  prune(keepDays: number): Promise<number>;
}

/** Where a part of Berth hands over what happens in it, and finds what has happened. */
export type EventSink = Pick<EventLog, "append" | "flush" | "read">;

export interface OpenEventLogOptions {
  readonly stateDirectory: string;
  /** A `postgres://` URL. Default: `berth.db` in the state directory. */
  readonly database?: string | undefined;
  /** Masks secrets in the serialized record before it is hashed; ids, times and types are not given to it. */
  readonly mask?: ((record: string) => string) | undefined;
  /** Events that can't be written now, or never will be: once a spell. */
  readonly onTrouble?: ((error: Error) => void) | undefined;
  /** Retention; undefined keeps everything. */
  readonly keepDays?: number | undefined;
  /** Who is named where an event names nobody. */
  readonly actor?: string | undefined;
  /**
   * Default true: writing and reading each have a thread, and the head is signed every minute and at the end. false is for
   * short programs.
   */
  readonly threads?: boolean | undefined;
  /** How long other programs may hold the database. Default 10,000. */
  readonly busyTimeoutMs?: number | undefined;
}
