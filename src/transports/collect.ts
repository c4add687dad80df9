import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { berthError } from "../contract/errors.ts";
import { abortedError } from "./abort.ts";
import type { RawProcess, RunResult } from "./transport.ts";

const DEFAULT_LIMIT_BYTES = 1024 * 1024;

export interface CollectOptions {
  /** Written to stdin, which is then closed. A stream that fails ends the command. */
  readonly input?: string | Uint8Array | Readable;
  /** Kept of each stream, from its start; the rest is read and dropped. Default 1 MiB. */
  readonly limitBytes?: number;
  readonly signal?: AbortSignal;
  /** Milliseconds until operation.timeout. */
  readonly deadlineMs?: number;
}

/**
 * Reads a bootstrap command to its end.
 * @throws operation.timeout, operation.aborted; what the transport throws when the way to the place fails
 */
export async function collect(process: RawProcess, options: CollectOptions = {}): Promise<RunResult> {
  const limit = options.limitBytes ?? DEFAULT_LIMIT_BYTES;
  const ended = Promise.all([
    text(process.stdout, limit),
    text(process.stderr, limit),
    process.exit,
    feed(process, options.input),
  ]);
  try {
    const [stdout, stderr, exit] = await withDeadline(ended, options);
    return { ...exit, stdout, stderr };
  } catch (error) {
    process.close();
    throw error;
  }
}

/** The command may end without reading its input: then what it answered counts, not the broken pipe. */
async function feed(process: RawProcess, input: CollectOptions["input"]): Promise<void> {
  if (!(input instanceof Readable)) {
    process.stdin.on("error", () => {});
    process.stdin.end(input);
    return;
  }
  let cause: Error | undefined;
  input.once("error", (error) => {
    // When the command has closed its input first, that is why the source was ended.
    if (!process.stdin.destroyed) cause = error;
  });
  await pipeline(input, process.stdin).catch(() => {});
  if (cause !== undefined) throw cause;
}

async function text(stream: Readable, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let kept = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (kept < limit) chunks.push(chunk.subarray(0, limit - kept));
    kept += chunk.length;
  }
  return Buffer.concat(chunks).toString("utf8");
}

/**
 * Waits for a promise, but not longer than the deadline nor past an abort. What it would have settled with later
 * is ignored.
 * @throws operation.timeout, operation.aborted
 */
export async function withDeadline<T>(
  promise: Promise<T>,
  options: {
    readonly deadlineMs?: number;
    readonly signal?: AbortSignal | undefined;
    readonly message?: string;
  },
): Promise<T> {
  promise.catch(() => {});
  const { promise: cut, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(abortedError(options.signal));
  const timer =
    options.deadlineMs === undefined
      ? undefined
      : setTimeout(
          () =>
            reject(
              berthError("operation.timeout", {
                ...(options.message === undefined ? {} : { message: options.message }),
              }),
            ),
          options.deadlineMs,
        );
  if (options.signal?.aborted) onAbort();
  options.signal?.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, cut]);
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
  }
}
