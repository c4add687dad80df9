import { berthError } from "../../contract/errors.ts";
import type { FileOptions, ReadOptions } from "../../contract/files.ts";
import type { FileRuns } from "./file-runs.ts";
import { type ReadRange, readBody } from "./file-scripts.ts";
import type { ScriptRun } from "./script-run.ts";

/** Queued bytes from which on the place is not read any further, and below which it is read again. */
const HIGH_WATER_BYTES = 256 * 1024;
const LOW_WATER_BYTES = 64 * 1024;
/** More can't be one array. */
const MAX_READ_BYTES = 2 ** 31 - 1;

/** @throws EINVAL */
export function readRange(options: ReadOptions, path: string): ReadRange {
  const { start = 0, end } = options;
  for (const value of [start, end ?? 0]) {
    if (!Number.isInteger(value) || value < 0) {
      throw berthError("EINVAL", { message: "start and end are whole numbers from 0 on", context: { path } });
    }
  }
  const length = end === undefined ? undefined : Math.max(0, end + 1 - start);
  return { start, length, special: options.special === true };
}

/** @throws fs.too_large and what the file system says */
export async function readWhole(runs: FileRuns, path: string, options: ReadOptions): Promise<Uint8Array> {
  const range = readRange(options, path);
  const body = readBody(path, range, await runs.tools());
  const chunks: Buffer[] = [];
  let length = 0;
  await runs.run(body, path, options, {
    onData: (bytes, run) => {
      length += bytes.length;
      if (length > MAX_READ_BYTES) run.fail(berthError("fs.too_large", { context: { path } }));
      else chunks.push(bytes);
    },
  });
  return join(chunks, length);
}

/** One array of its own, so that no receive buffer stays in memory with it. */
function join(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The chunks of a file as they come, with backpressure; leaving early ends the run. */
export async function* readChunks(
  runs: FileRuns,
  path: string,
  options: ReadOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const body = readBody(path, readRange(options, path), await runs.tools());
  yield* chunksOf(runs, body, path, options);
}

/** The stdout of a script as it comes, with backpressure; leaving early ends the run. */
export async function* chunksOf(
  runs: FileRuns,
  body: string,
  path: string,
  options: FileOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let source: ScriptRun | undefined;
  let over = false;
  let wake = Promise.withResolvers<void>();
  const left = new AbortController();
  const signal = options.signal === undefined ? left.signal : AbortSignal.any([options.signal, left.signal]);
  const run = runs
    .run(
      body,
      path,
      { ...options, signal },
      {
        onData: (chunk, from) => {
          source = from;
          chunks.push(chunk);
          bytes += chunk.length;
          if (bytes > HIGH_WATER_BYTES) from.pause();
          wake.resolve();
        },
      },
    )
    .finally(() => {
      over = true;
      wake.resolve();
    });
  run.catch(() => {});
  try {
    for (;;) {
      const chunk = chunks.shift();
      if (chunk !== undefined) {
        bytes -= chunk.length;
        if (bytes < LOW_WATER_BYTES) source?.resume();
        yield chunk;
      } else if (over) {
        await run;
        return;
      } else {
        await wake.promise;
        wake = Promise.withResolvers();
      }
    }
  } finally {
    if (!over) left.abort();
  }
}
