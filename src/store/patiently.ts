import { setTimeout as delay } from "node:timers/promises";
import { isBusy, sqliteError } from "./sqlite-errors.ts";

/** Longest pause between two attempts at a database that another connection writes. */
const MAX_PAUSE_MS = 25;

/**
 * Does something with the database as soon as others let it. SQLite's own busy handler sleeps in this thread, so that a
 * transaction of the same process could not come to its end meanwhile.
 * @throws store.busy after `busyTimeoutMs`, and what sqliteError says
 */
export async function patiently<T>(work: () => T, path: string, busyTimeoutMs: number): Promise<T> {
  const endMs = performance.now() + busyTimeoutMs;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    try {
      return work();
    } catch (cause) {
      if (!isBusy(cause) || performance.now() >= endMs) throw sqliteError(path, cause);
    }
    await delay(pauseMs * (0.5 + Math.random()));
  }
}
