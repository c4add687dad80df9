/** Asks how fast the process writes only where so many bytes a second go to clients. */
const LOOK_FROM_BYTES = 32 * 1024 * 1024;
const LOOK_EVERY_MS = 250;
/** A process that writes faster than this, and so far ahead of its clients, can't be followed by many. */
const FLOOD_BYTES_PER_SECOND = 32 * 1024 * 1024;
const FLOOD_LAG_BYTES = 16 * 1024 * 1024;
/** What clients then get in all, so that the copies that nobody can keep up with don't take the processor from the process. */
const FLOOD_DELIVERY_BYTES_PER_SECOND = 192 * 1024 * 1024;
/** Pauses shorter than this are added up. */
const MIN_PAUSE_MS = 5;

/**
 * Keeps what is delivered of a flooding process from slowing it. As long as clients keep up, or the process writes at a
 * rate that they may catch up with, nothing is held back.
 */
export class Pace {
  readonly #outputEnd: () => Promise<number>;
  #flooding = false;
  #since = 0;
  #delivered = 0;
  #read = 0;
  #looking = false;
  #last: { readonly at: number; readonly end: number } | undefined;
  /** Until then what has been delivered is paid for. */
  #paidUntil = 0;

  /** @param outputEnd asks for the cursor of the log's end */
  constructor(outputEnd: () => Promise<number>) {
    this.#outputEnd = outputEnd;
  }

  /** So many bytes up to the cursor go to so many clients. Settles when more may be read; undefined: now. */
  taken(bytes: number, clients: number, cursor: number): Promise<void> | undefined {
    const now = performance.now();
    this.#delivered += bytes * clients;
    this.#read = Math.max(this.#read, cursor);
    if (now - this.#since >= LOOK_EVERY_MS) {
      const rate = (this.#delivered * 1000) / (now - this.#since);
      this.#since = now;
      this.#delivered = 0;
      if (rate >= LOOK_FROM_BYTES || this.#flooding) void this.#look();
      else this.#last = undefined;
    }
    if (!this.#flooding) return undefined;
    this.#paidUntil =
      Math.max(this.#paidUntil, now) + (bytes * clients * 1000) / FLOOD_DELIVERY_BYTES_PER_SECOND;
    const pauseMs = this.#paidUntil - now;
    if (pauseMs < MIN_PAUSE_MS) return undefined;
    return new Promise((resolve) => setTimeout(resolve, pauseMs));
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const end = await this.#outputEnd();
      const at = performance.now();
      const last = this.#last;
      this.#last = { at, end };
      if (last === undefined || at - last.at < LOOK_EVERY_MS / 2) return;
      const rate = ((end - last.end) * 1000) / (at - last.at);
      this.#flooding = rate >= FLOOD_BYTES_PER_SECOND && end - this.#read >= FLOOD_LAG_BYTES;
    } catch {
      // Whoever reads hears of it.
      this.#flooding = false;
    } finally {
      this.#looking = false;
    }
  }
}
