import type { BerthEvent, BerthEventInput } from "../contract/events.ts";

/** Which events; all that are given have to fit. */
export interface EventFilter {
  /** Id of a workspace. */
  readonly workspace?: string | undefined;
  /** Ids of workspaces, one of which it has to be. */
  readonly workspaces?: readonly string[] | undefined;
  readonly processId?: string | undefined;
  /** Dotted prefixes: "process" takes "process.started". */
  readonly types?: readonly string[] | undefined;
  /** ISO time, inclusive. */
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
  /** Stored ones behind number `after` in order, at most `limit` (default 1,000); backwards with `newest`. */
  read(
    options?: EventFilter & {
      readonly after?: number;
      readonly before?: number;
      readonly limit?: number;
      readonly newest?: boolean;
    },
  ): Promise<StoredEvent[]>;
  /**
   * Stored ones behind number `after` (default: from now on), then new ones as they are committed, by this program or
   * another one, with no gap and no repeat, until the signal. A slow reader reads from the store, and holds up nobody.
   */
  follow(
    options?: EventFilter & { readonly after?: number; readonly signal?: AbortSignal },
  ): AsyncIterable<StoredEvent>;
}

export interface OpenEventLogOptions {
  readonly stateDirectory: string;
  /** A `postgres://` URL. Default: `berth.db` in the state directory. */
  readonly database?: string | undefined;
  /** Masks secrets in the whole serialized record before it is hashed. */
  readonly mask?: ((record: string) => string) | undefined;
  /** Events that could not be written, once a spell. */
  readonly onTrouble?: ((error: Error) => void) | undefined;
  /** Retention; undefined keeps everything. */
  readonly keepDays?: number | undefined;
}
