import { berthError, isBerthError } from "../contract/errors.ts";

const BASE_MS = 100;
const MAX_MS = 5_000;

/** Before the attempt of this number (0: the first after a success), with a part by chance so that not all come at once. */
export function backoffMs(attempt: number): number {
  return Math.min(BASE_MS * 2 ** attempt, MAX_MS) * (0.75 + Math.random() / 4);
}

/** @throws operation.aborted */
export function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(abortedBy(signal));
    };
    if (signal?.aborted) {
      reject(abortedBy(signal));
      return;
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

export function abortedBy(signal: AbortSignal | undefined) {
  const reason: unknown = signal?.reason;
  return isBerthError(reason) ? reason : berthError("operation.aborted", { cause: reason });
}
