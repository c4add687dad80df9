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
