import { type BerthError, berthError, isBerthError } from "../contract/errors.ts";

/** What an operation whose signal was aborted throws: the caller's own BerthError, or operation.aborted. */
export function abortedError(signal: AbortSignal | undefined): BerthError {
  const reason: unknown = signal?.reason;
  return isBerthError(reason) ? reason : berthError("operation.aborted", { cause: reason });
}

/** @throws operation.aborted */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedError(signal);
}

/**
 * What a promise gives, or at once operation.aborted; what it stands for goes on.
 * @throws what the promise throws, operation.aborted
 */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(abortedError(signal));
    const over = () => signal.removeEventListener("abort", onAbort);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(over);
    if (signal.aborted) onAbort();
  });
}
