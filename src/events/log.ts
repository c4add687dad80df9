import { setTimeout as delay } from "node:timers/promises";
import type { BerthEventInput } from "../contract/events.ts";
import type { EventHead, EventLog, OpenEventLogOptions, StoredEvent } from "./event-log.ts";
import { exportLines } from "./export.ts";
import { draftOf, eventOf } from "./record.ts";
import type { RowsPage } from "./rows.ts";
import { EventKey, type SignedHead } from "./signature.ts";
import type { EventStorage } from "./storage.ts";
import type { Verification } from "./verify.ts";
import { WriteQueue } from "./write-queue.ts";

const DEFAULT_LIMIT = 1_000;
/** Events that a follower reads at once. */
const FOLLOW_PAGE = 500;
/** How often a log that is followed is looked at for what other programs write. */
const LOOK_EVERY_MS = 50;
/** A follower that has caught up reads again at most so often, also when every commit has something for it. */
const FOLLOW_PAUSE_MS = 5;
const SIGN_EVERY_MS = 60_000;
const PRUNE_EVERY_MS = 3_600_000;
/** The first look at what is too old is not part of the start. */
const FIRST_PRUNE_MS = 60_000;
const DAY_MS = 24 * 3_600_000;

export interface LogParts {
  /** Writes. */
  readonly writer: EventStorage;
  /** Reads; the same one where there is one thread. */
  readonly reader: EventStorage;
}

/** The log over its storage: groups, followers, and what is done at intervals. */
export class StoredEventLog implements EventLog {
  readonly #writer: EventStorage;
  readonly #reader: EventStorage;
  readonly #options: OpenEventLogOptions;
  readonly #queue: WriteQueue;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #waiting = new Set<() => void>();
  /** Number of the last record that this program knows to be committed. */
  #end = 0;
  #followers = 0;
  #looking: NodeJS.Timeout | undefined;
  #key: EventKey | undefined;
  #signedSequence = 0;
  #closed: Promise<void> | undefined;
  readonly #closing = new AbortController();

  constructor({ writer, reader }: LogParts, options: OpenEventLogOptions) {
    this.#writer = writer;
    this.#reader = reader;
    this.#options = options;
    this.#queue = new WriteQueue({
      write: async (drafts) => this.#committed((await writer.append(drafts)).sequence),
      onTrouble: options.onTrouble,
    });
    if (options.threads !== false) this.#every(SIGN_EVERY_MS, () => this.#signIfMoved());
    const { keepDays } = options;
    if (keepDays !== undefined) {
      const prune = () => this.prune(keepDays);
      this.#timers.push(setTimeout(() => void prune().catch(() => {}), FIRST_PRUNE_MS).unref());
      this.#every(PRUNE_EVERY_MS, prune);
    }
  }

  append(event: BerthEventInput): void {
    if (this.#closed !== undefined) return;
    const { actor = this.#options.actor, ...given } = event;
    this.#queue.push(draftOf({ ...given, actor }, new Date().toISOString(), this.#options.mask));
  }

  flush(): Promise<void> {
    return this.#queue.flush();
  }

  head(): Promise<EventHead> {
    return this.#reader.head();
  }

  read: EventLog["read"] = async ({ limit = DEFAULT_LIMIT, ...query } = {}) =>
    storedEvents(await this.#reader.read({ ...query, limit }));

  follow: EventLog["follow"] = ({ after, signal, ...filter } = {}) => {
    // Now, and not when the first event is asked for.
    const from = this.#start(after);
    from.catch(() => {});
    return this.#follow(from, filter, signal);
  };

  async #start(after: number | undefined): Promise<number> {
    const { sequence } = await this.#reader.head();
    return Math.min(after ?? sequence, sequence);
  }

  async *#follow(
    from: Promise<number>,
    filter: Omit<NonNullable<Parameters<EventLog["follow"]>[0]>, "after" | "signal">,
    signal: AbortSignal | undefined,
  ): AsyncIterable<StoredEvent> {
    const ended =
      signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
    if (ended.aborted) return;
    let after = await from;
    this.#beginLooking();
    try {
      while (!ended.aborted) {
        const page = await this.#reader.read({ ...filter, after, limit: FOLLOW_PAGE });
        for (const event of storedEvents(page)) {
          if (ended.aborted) return;
          yield event;
        }
        after = page.through;
        if (page.rows.length < FOLLOW_PAGE) await this.#moved(after, ended);
      }
    } finally {
      this.#endLooking();
    }
  }

  /** Waits until there are records behind a number. */
  async #moved(after: number, signal: AbortSignal): Promise<void> {
    await delay(FOLLOW_PAUSE_MS, undefined, { signal }).catch(() => {});
    if (this.#end > after || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    this.#waiting.add(wake);
    signal.addEventListener("abort", wake);
    await promise;
    this.#waiting.delete(wake);
    signal.removeEventListener("abort", wake);
  }

  #committed(sequence: number): void {
    if (sequence <= this.#end) return;
    this.#end = sequence;
    for (const wake of this.#waiting) wake();
  }

  #beginLooking(): void {
    this.#followers += 1;
    if (this.#followers > 1) return;
    let busy = false;
    this.#looking = setInterval(async () => {
      if (busy) return;
      busy = true;
      try {
        this.#committed((await this.#reader.headIfChanged()).sequence);
      } catch {
        // The next look says it, or the reading that it leads to.
      } finally {
        busy = false;
      }
    }, LOOK_EVERY_MS);
  }

  #endLooking(): void {
    this.#followers -= 1;
    if (this.#followers === 0) clearInterval(this.#looking);
  }

  export: EventLog["export"] = (options = {}) =>
    exportLines(this.#reader, { ...options, key: EventKey.ifThere(this.#options.stateDirectory) });

  async verify({ onProgress, ...options }: Parameters<EventLog["verify"]>[0] = {}): Promise<Verification> {
    await this.#queue.flush();
    const publicKey = options.publicKey ?? EventKey.ifThere(this.#options.stateDirectory)?.publicKey;
    return await this.#reader.verify({ ...options, publicKey }, onProgress);
  }

  async sign({ store = true }: { readonly store?: boolean } = {}): Promise<SignedHead> {
    if (store) await this.#queue.flush();
    const head = await this.#reader.head();
    this.#key ??= EventKey.open(this.#options.stateDirectory);
    const signed = this.#key.sign(head);
    if (!store) return signed;
    await this.#writer.storeSignedHead(signed);
    this.#signedSequence = head.sequence;
    return signed;
  }

  async prune(keepDays: number): Promise<number> {
    await this.#queue.flush();
    const olderThan = new Date(Date.now() - keepDays * DAY_MS).toISOString();
    const count = await this.#writer.prune(olderThan, this.#options.actor ?? "berth");
    if (count > 0) this.#committed((await this.#reader.head()).sequence);
    return count;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#closing.abort();
    clearInterval(this.#looking);
    await this.#queue.close();
    // What can't be signed now was signed a minute ago.
    if (this.#options.threads !== false) await this.#signIfMoved().catch(() => {});
    await this.#writer.close();
    if (this.#reader !== this.#writer) await this.#reader.close();
  }

  async #signIfMoved(): Promise<void> {
    const { sequence } = await this.#reader.head();
    if (sequence > this.#signedSequence) await this.sign();
  }

  #every(ms: number, work: () => Promise<unknown>): void {
    const timer = setInterval(() => {
      work().catch((cause: unknown) => this.#options.onTrouble?.(cause as Error));
    }, ms);
    this.#timers.push(timer.unref());
  }
}

function storedEvents({ rows }: RowsPage): StoredEvent[] {
  return rows.map(({ record, hash }) => ({ event: eventOf(record), record, hash }));
}
