import { setTimeout as delay } from "node:timers/promises";

/** Exponential backoff with jitter: wait n is a random time up to min(maxMs, baseMs × 2ⁿ). */
export interface RetryPolicy {
  /** Upper bound of the first wait, in ms. */
  readonly baseMs: number;
  /** Upper bound of every wait, in ms. */
  readonly maxMs: number;
  /** Share of the bound that is always waited, 0 to 1, so that an attempt that fails at once can't spin. */
  readonly floor: number;
}

export const DEFAULT_RETRY: RetryPolicy = { baseMs: 50, maxMs: 5_000, floor: 0.25 };

/** Milliseconds to wait behind failed attempt `attempt` (from 0). `random` is a seam for tests. */
export function backoffMs(attempt: number, policy: RetryPolicy, random: () => number = Math.random): number {
  const bound = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(attempt, 30));
  return bound * (policy.floor + (1 - policy.floor) * random());
}

export interface RetryOptions {
  readonly policy?: Partial<RetryPolicy> | undefined;
  /** Ends the waiting: the last error is thrown, or the signal's reason before the first attempt. */
  readonly signal?: AbortSignal | undefined;
  /** False ends it with that error. Called behind every failed attempt, before the wait. */
  readonly shouldRetry: (error: unknown, attempt: number) => boolean;
  /** Replaces the wait between attempts, for callers that can be woken early. */
  readonly wait?: (ms: number) => Promise<void>;
}

/** Runs `attempt` until it succeeds. The one retry of Berth; its callers say what may be repeated. */
export async function retry<T>(attempt: (number: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const policy = { ...DEFAULT_RETRY, ...options.policy };
  const wait =
    options.wait ??
    ((ms: number) =>
      delay(ms, undefined, options.signal === undefined ? {} : { signal: options.signal }).catch(() => {
        // Cut short by the signal; the loop sees it and throws the attempt's error, which says more.
      }));
  for (let number = 0; ; number++) {
    if (number === 0) options.signal?.throwIfAborted();
    try {
      return await attempt(number);
    } catch (error) {
      if (options.signal?.aborted || !options.shouldRetry(error, number)) throw error;
      await wait(backoffMs(number, policy));
      if (options.signal?.aborted) throw error;
    }
  }
}
