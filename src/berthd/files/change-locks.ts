import { deferred } from "../../contract/deferred.ts";

/**
 * Who changes a file waits for whoever does so already. Keys are those of real files, so that two names of one file are one
 * lock; all keys of a change are taken in one order, so that no two changes wait for each other.
 */
export class FileLocks {
  readonly #last = new Map<string, Promise<void>>();

  /** Settles when all of them are the caller's; `release` gives them back. */
  async acquire(
    keys: readonly string[],
  ): Promise<{ readonly waited: boolean; readonly release: () => void }> {
    let waited = false;
    const releases: (() => void)[] = [];
    for (const key of [...new Set(keys)].sort()) {
      const before = this.#last.get(key);
      const { promise, resolve } = deferred<void>();
      this.#last.set(key, promise);
      releases.push(() => {
        if (this.#last.get(key) === promise) this.#last.delete(key);
        resolve();
      });
      if (before === undefined) continue;
      waited = true;
      await before;
    }
    return {
      waited,
      release: () => {
        for (const release of releases.splice(0)) release();
      },
    };
  }

  /** Files that somebody has, or waits for. */
  get size(): number {
    return this.#last.size;
  }
}
