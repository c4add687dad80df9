import { setTimeout as delay } from "node:timers/promises";

/** Exponential backoff with full jitter: attempt n waits a random time up to min(maxMs, baseMs × 2ⁿ). */
export interface RetryPolicy {
  /** Upper bound of the first wait, in ms. */
  readonly baseMs: number;
  /** Upper bound of every wait, in ms. */
  readonly maxMs: number;
  /** Share of the bound that is always waited, 0 to 1, so that a failing dial can't spin. */
  readonly floor: number;
}

export const DEFAULT_RETRY: RetryPolicy = { baseMs: 50, maxMs: 5_000, floor: 0.25 };

/** Milliseconds to wait before attempt `attempt` (0 is the first repeat). `random` is a seam for tests. */
export function backoffMs(attempt: number, policy: RetryPolicy, random: () => number = Math.random): number {
  const bound = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(attempt, 30));
  return bound * (policy.floor + (1 - policy.floor) * random());
}

export interface RetryOptions {
  readonly policy?: Partial<RetryPolicy>;
  /** Ends the waiting; the last error is thrown, or the signal's reason before the first attempt. */
  readonly signal?: AbortSignal;
  /** False ends it with that error. Called after every failed attempt, before the wait. */
  readonly shouldRetry: (error: unknown, attempt: number) => boolean;
}

/** Runs `attempt` until it succeeds. The one retry of Berth; callers say what may be repeated. */
export async function retry<T>(attempt: (number: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const policy = { ...DEFAULT_RETRY, ...options.policy };
  for (let number = 0; ; number++) {
    options.signal?.throwIfAborted();
    try {
      return await attempt(number);
    } catch (error) {
      if (options.signal?.aborted || !options.shouldRetry(error, number)) throw error;
      try {
        await delay(backoffMs(number, policy), undefined, { signal: options.signal });
      } catch {
        // The wait was cut short by the signal: the attempt's error says more than "aborted".
        throw error;
      }
    }
  }
}
