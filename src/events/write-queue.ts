import { type Draft, draftOf } from "./record.ts";

/** A group is written when so many events wait, or so long after the first of them. */
const GROUP_EVENTS = 64;
const GROUP_MS = 5;
/** Most events of one transaction: others who want to write wait so long. */
const MAX_GROUP_EVENTS = 1_000;
/** Memory for what can't be written yet, and what an event takes of it besides its letters. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
const EVENT_BYTES = 256;
const MIN_RETRY_MS = 250;
const MAX_RETRY_MS = 5_000;

export interface WriteQueueOptions {
  /** Writes a group in one transaction. */
  readonly write: (drafts: readonly Draft[]) => Promise<void>;
  /** Once a spell in which nothing can be written. */
  readonly onTrouble?: ((error: Error) => void) | undefined;
}

interface Flush {
  /** How many have to be written, counted from the beginning. */
  readonly count: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Events on their way to the disk, in groups of one transaction. What can't be written stays, up to a limit, and is tried
 * again; what comes beyond the limit is lost, and an event in its place says how much.
 */
export class WriteQueue {
  readonly #options: WriteQueueOptions;
  #waiting: Draft[] = [];
  #bytes = 0;
  /** All that were ever taken, and of these those that were written. */
  #taken = 0;
  #written = 0;
  #lost = 0;
  #lostSince = "";
  #flushes: Flush[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing = false;
  #failures = 0;

  constructor(options: WriteQueueOptions) {
    this.#options = options;
  }

  push(draft: Draft): void {
    if (!this.#hasRoom()) {
      this.#lost += 1;
      this.#lostSince ||= draft.time;
      return;
    }
    if (this.#lost > 0) this.#tellLoss(draft.time);
    this.#take(draft);
    if (this.#failures > 0 || this.#writing) return;
    if (this.#waiting.length >= GROUP_EVENTS) this.#schedule(0);
    else this.#timer ??= setTimeout(() => void this.#write(), GROUP_MS);
  }

  /** Settles when everything taken before is written. @throws what writing throws: it is tried again by itself */
  flush(): Promise<void> {
    if (this.#lost > 0 && this.#hasRoom()) this.#tellLoss(new Date().toISOString());
    if (this.#written === this.#taken) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#flushes.push({ count: this.#taken, resolve, reject });
      if (!this.#writing) void this.#write();
    });
  }

  /** A last attempt. What can't be written is told, and lost. */
  async close(): Promise<void> {
    await this.flush().catch(() => {});
    clearTimeout(this.#timer);
    const left = this.#waiting.length + this.#lost;
    if (left > 0) this.#options.onTrouble?.(new Error(`${left} events were lost: they could not be written`));
  }

  #take(draft: Draft): void {
    this.#waiting.push(draft);
    this.#bytes += bytesOf(draft);
    this.#taken += 1;
  }

  #hasRoom(): boolean {
    return this.#bytes < MAX_WAITING_BYTES;
  }

  #tellLoss(until: string): void {
    const data = { count: this.#lost, since: this.#lostSince, until };
    const message = `${this.#lost} events could not be kept: the log could not be written for too long`;
    this.#lost = 0;
    this.#lostSince = "";
    this.#take(draftOf({ type: "log.gap", message, data }, until));
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#write(), ms);
  }

  async #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#writing || this.#waiting.length === 0) return;
    this.#writing = true;
    const group = this.#waiting.slice(0, MAX_GROUP_EVENTS);
    const startedMs = performance.now();
    let pauseMs: number;
    try {
      await this.#options.write(group);
      this.#waiting.splice(0, group.length);
      for (const draft of group) this.#bytes -= bytesOf(draft);
      this.#written += group.length;
      this.#failures = 0;
      // Others who write to the database get their turn.
      pauseMs = Math.min(GROUP_MS, Math.max(1, (performance.now() - startedMs) / 4));
      const done = this.#flushes.filter(({ count }) => count <= this.#written);
      this.#flushes = this.#flushes.filter(({ count }) => count > this.#written);
      for (const { resolve } of done) resolve();
      if (this.#lost > 0 && this.#waiting.length === 0) this.#tellLoss(new Date().toISOString());
    } catch (cause) {
      this.#failures += 1;
      pauseMs = Math.min(MIN_RETRY_MS * 2 ** (this.#failures - 1), MAX_RETRY_MS);
      for (const { reject } of this.#flushes.splice(0)) reject(cause);
      if (this.#failures === 1) this.#options.onTrouble?.(cause as Error);
    } finally {
      this.#writing = false;
    }
    if (this.#waiting.length > 0) this.#schedule(this.#flushes.length > 0 ? 0 : pauseMs);
  }
}

function bytesOf({ rest }: Draft): number {
  return EVENT_BYTES + rest.length;
}
