import { berthError } from "../../contract/errors.ts";
import type { FileOptions, ReadOptions } from "../../contract/files.ts";
import { nameFromBytes } from "../../files/names.ts";
import type { FileRuns } from "./file-runs.ts";
import { type ReadRange, readBody, readSmallBody } from "./file-scripts.ts";
import type { ScriptRun } from "./script-run.ts";
import { parseStat } from "./stat-format.ts";

/** Queued bytes from which on the place is not read any further, and below which it is read again. */
const HIGH_WATER_BYTES = 256 * 1024;
const LOW_WATER_BYTES = 64 * 1024;
/** Content up to this length goes with the run that looks at the file, which is one round trip; more goes by SFTP. */
export const SMALL_BYTES = 64 * 1024;
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
  const chunks: Uint8Array[] = [];
  let length = 0;
  if (bySftp(runs, range, options)) {
    for await (const chunk of readLookedAt(runs, path, range, options)) {
      length += chunk.length;
      if (length > MAX_READ_BYTES) throw berthError("fs.too_large", { context: { path } });
      chunks.push(chunk);
    }
    return join(chunks, length);
  }
  const body = readBody(runs.scriptPath(path, options), range, await runs.tools());
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
  const range = readRange(options, path);
  if (bySftp(runs, range, options)) yield* readLookedAt(runs, path, range, options);
  else
    yield* chunksOf(runs, readBody(runs.scriptPath(path, options), range, await runs.tools()), path, options);
}

/** What is no regular file is opened only by the shell: an open that waits would stop the SFTP server. */
function bySftp(runs: FileRuns, range: ReadRange, { contained }: FileOptions): boolean {
  // SFTP knows paths alone, which may lead elsewhere by the time that they are used.
  return runs.sftp?.usable === true && !range.special && contained === undefined;
}

/** A run looks at the file and gives what is small; SFTP gives what is large, or another run where it can't. */
async function* readLookedAt(
  runs: FileRuns,
  path: string,
  range: ReadRange,
  options: ReadOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const tools = await runs.tools();
  const look = chunksOf(runs, readSmallBody(path, range, SMALL_BYTES, tools), path, options);
  let head: Buffer = Buffer.alloc(0);
  while (!head.includes(0x0a)) {
    const next = await look.next();
    if (next.done === true) throw unknownAnswer();
    head = Buffer.concat([head, next.value]);
  }
  const end = head.indexOf(0x0a);
  const found = parseStat(head.toString("latin1", 0, end), tools.stat);
  const isLarge = found.size > SMALL_BYTES && !(range.length !== undefined && range.length <= SMALL_BYTES);
  if (!isLarge) {
    if (head.length > end + 1) yield head.subarray(end + 1);
    yield* look;
    return;
  }
  let at: Buffer = head.subarray(end + 1);
  for await (const chunk of look) at = Buffer.concat([at, chunk]);
  const read = yield* runs.sftp!.read(nameFromBytes(at), path, range, found, options);
  if (!read) yield* chunksOf(runs, readBody(path, range, tools), path, options);
}

function unknownAnswer() {
  return berthError("internal", { hop: "transport", message: "the place's shell prints something else" });
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
