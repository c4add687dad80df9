import { berthError } from "../../contract/errors.ts";
import { connectPort } from "./connect.ts";

const FIRST_PAUSE_MS = 10;
const MAX_PAUSE_MS = 250;

export interface WaitForPortOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Settles when something accepts connections on a port of the place, on 127.0.0.1 or ::1. It connects and closes
 * again, with pauses growing from 10 to 250 ms.
 * @throws operation.timeout; the signal's reason, or operation.aborted without one
 */
export async function waitForPort(port: number, options: WaitForPortOptions): Promise<void> {
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const { signal } = options;
  const either = new AbortController();
  const stop = (): void => either.abort();
  deadline.addEventListener("abort", stop, { once: true });
  signal?.addEventListener("abort", stop, { once: true });
  if (signal?.aborted === true) stop();
  try {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 1.5)) {
      if (signal?.aborted === true) throw abortReason(signal);
      if (deadline.aborted) {
        throw berthError("operation.timeout", {
          hop: "berthd",
          message: `nothing accepted a connection on port ${port} within ${options.timeoutMs} ms`,
          context: { port, timeoutMs: options.timeoutMs },
        });
      }
      try {
        const socket = await connectPort(port, undefined, either.signal);
        socket.destroy();
        return;
      } catch {
        // Refused so far, or the end of the wait, which the top of the loop tells apart.
      }
      await pause(pauseMs, either.signal);
    }
  } finally {
    deadline.removeEventListener("abort", stop);
    signal?.removeEventListener("abort", stop);
  }
}

function abortReason(signal: AbortSignal): unknown {
  const reason: unknown = signal.reason;
  const isDefault = reason instanceof Error && reason.name === "AbortError";
  return isDefault ? berthError("operation.aborted", { hop: "berthd", cause: reason }) : reason;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}
