import { readFile } from "node:fs";

/** The kernel's default of fs.inotify.max_queued_events. */
const DEFAULT_QUEUE_EVENTS = 16_384;

/**
 * Finds out when inotify may have lost events. The kernel drops them when its queue is full, which happens while
 * this loop does not come round; libuv does not pass its overflow mark on. But what is in the queue is delivered in
 * one turn of the loop, so a turn with half as many events as the queue holds counts as one that lost some.
 */
export class WatchLoad {
  readonly #listeners = new Set<() => void>();
  #limit = DEFAULT_QUEUE_EVENTS / 2;
  #count = 0;
  #known = false;

  /** Called when events may have been lost. */
  subscribe(listener: () => void): () => void {
    this.#readLimit();
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Counts one event of inotify. */
  count(): void {
    if (this.#count === 0) {
      setImmediate(() => {
        const overflow = this.#count >= this.#limit;
        this.#count = 0;
        if (overflow) for (const listener of this.#listeners) listener();
      });
    }
    this.#count += 1;
  }

  #readLimit(): void {
    if (this.#known) return;
    this.#known = true;
    readFile("/proc/sys/fs/inotify/max_queued_events", "latin1", (error, text) => {
      const events = Number(text);
      if (error === null && events > 0) this.#limit = events / 2;
    });
  }
}
