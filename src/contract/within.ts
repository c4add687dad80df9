import { deferred } from "./deferred.ts";

/**
 * What a promise gives; undefined when that takes longer. What it stands for goes on.
 * @throws what the promise throws in time
 */
export async function within<Value>(limitMs: number, promise: Promise<Value>): Promise<Value | undefined> {
  const { promise: limit, resolve } = deferred<undefined>();
  const timer = setTimeout(resolve, limitMs, undefined);
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
