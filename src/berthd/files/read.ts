import fs, { type Stats } from "node:fs";
import { Socket } from "node:net";
import { berthError } from "../../contract/errors.ts";
import { type FileCalls, OPEN_READ } from "../../files/calls.ts";
import { errnoOf, toFileStat } from "../../files/stat.ts";
import type { Spot } from "../../files/walk.ts";
import type { Params } from "../../wire/messages.ts";
import type { WireStream } from "../../wire/types.ts";
import { errno, type FileContext } from "./context.ts";
import { statSpot } from "./metadata.ts";
import { Outgoing } from "./stream-life.ts";

/** Up to here a file is read by one call and answered in one go. */
const SMALL_BYTES = 64 * 1024;
/** One read of a stream: four DATA frames, so that the way through the thread pool costs little a byte. */
const CHUNK_BYTES = 256 * 1024;
/** Reads under way at once: one is sent while the next ones are on their way. */
const READ_AHEAD = 2;
/** Devices without readiness events are asked again after this long, doubled up to the second. */
const RETRY_MS = 5;
const MAX_RETRY_MS = 250;

interface Opened {
  readonly fd: number;
  readonly stats: Stats;
  /** What was read along with opening it; whole when it has `stats.size` bytes. */
  readonly head: Buffer | undefined;
}

/** fs.read: RESPONSE { stat }, DATA, END. */
export async function read(
  context: FileContext,
  params: Params<"fs.read">,
  stream: WireStream,
): Promise<void> {
  const outgoing = new Outgoing(stream);
  const first = params.start ?? 0;
  const wanted = params.end === undefined ? Number.POSITIVE_INFINITY : Math.max(0, params.end + 1 - first);
  await context.at(params, params.path, { follow: true }, async (spot, calls) => {
    const { fd, stats, head } = await openForReading(calls, spot, params.special, first, wanted);
    let owned = true;
    try {
      if (!stats.isFile()) {
        stream.respond({ stat: toFileStat(stats) });
        if (stats.isFIFO()) {
          owned = false;
          await pumpFifo(fd, outgoing, first, wanted);
        } else await pumpSequential(calls, fd, outgoing, first, wanted);
      } else if (stats.size === 0) {
        await readUnsized(calls, fd, stats, params, outgoing, first, wanted, head);
      } else {
        const length = Math.min(wanted, Math.max(0, stats.size - first));
        if (length > (params.maxBytes ?? Number.POSITIVE_INFINITY)) throw tooLarge(params.path, stats.size);
        stream.respond({ stat: toFileStat(stats) });
        if (head !== undefined && head.length >= length) {
          if (length > 0) stream.data(head.length === length ? head : head.subarray(0, length));
        } else {
          await pump(calls, fd, outgoing, first, length);
        }
      }
    } finally {
      if (owned) void calls.close(fd);
    }
  });
  stream.end();
}

/**
 * Looks before it opens: opening a FIFO would already wake (and then break) its writer, and opening a device may
 * do something. The head of a small file is read beside the fstat that finds its true size.
 */
export async function openForReading(
  calls: FileCalls,
  spot: Spot,
  special: boolean,
  first: number,
  wanted: number,
): Promise<Opened> {
  const seen = await statSpot(calls, spot, true);
  requireReadable(seen, special, calls.path);
  const flags = OPEN_READ | (spot.pinned ? fs.constants.O_NOFOLLOW : 0);
  const fd = await calls.open(spot.at, flags).catch((error: unknown) => {
    throw errnoOf(error) === "ENXIO" ? notRegular(calls.path) : error;
  });
  try {
    const length = Math.min(wanted, seen.size - first);
    if (!seen.isFile() || length > SMALL_BYTES || length < 0) {
      const stats = await calls.fstat(fd);
      requireReadable(stats, special, calls.path);
      return { fd, stats, head: undefined };
    }
    // A file of "size 0" may be one of /proc, whose size is not known before it is read.
    const buffer = Buffer.allocUnsafeSlow(length === 0 && seen.size === 0 ? 4096 : Math.max(1, length));
    const [stats, bytes] = await Promise.all([
      calls.fstat(fd),
      calls.read(fd, buffer, 0, buffer.length, first).catch((error: unknown) => error),
    ]);
    requireReadable(stats, special, calls.path);
    if (typeof bytes !== "number") {
      if (stats.isFile() && seen.size > 0) throw bytes;
      return { fd, stats, head: undefined };
    }
    const same = stats.size === seen.size && (seen.size === 0 || bytes === length);
    return { fd, stats, head: same ? buffer.subarray(0, bytes) : undefined };
  } catch (error) {
    void calls.close(fd);
    throw error;
  }
}

function requireReadable(stats: Stats, special: boolean, path: string): void {
  if (stats.isFile()) return;
  if (stats.isDirectory()) throw errno("EISDIR");
  if (!special || stats.isSocket()) throw notRegular(path);
}

function notRegular(path: string): Error {
  return berthError("fs.not_a_regular_file", { hop: "berthd", context: { path } });
}

function tooLarge(path: string, size: number): Error {
  return berthError("fs.too_large", { hop: "berthd", context: { path, size } });
}

/** A range of a regular file. It ends early where the file got shorter meanwhile. */
async function pump(
  calls: FileCalls,
  fd: number,
  outgoing: Outgoing,
  first: number,
  length: number,
): Promise<void> {
  const { stream } = outgoing;
  const stop = first + length;
  let next = first;
  let inFlight = 0;
  const ahead: Promise<Buffer>[] = [];
  try {
    for (;;) {
      while (ahead.length < READ_AHEAD && next < stop && stream.writable() > inFlight) {
        const size = Math.min(CHUNK_BYTES, stop - next);
        const reading = readFully(calls, fd, next, size);
        reading.catch(() => {});
        ahead.push(reading);
        next += size;
        inFlight += size;
      }
      const reading = ahead.shift();
      if (reading === undefined) {
        if (next >= stop) return;
        await outgoing.writable();
        if (outgoing.aborted) return;
        continue;
      }
      const size = Math.min(CHUNK_BYTES, stop - (next - inFlight));
      const chunk = await reading;
      inFlight -= size;
      if (outgoing.aborted) return;
      if (chunk.length > 0) stream.data(chunk);
      if (chunk.length < size) return;
    }
  } finally {
    // The descriptor is closed behind this; a read on its way would meet whatever gets its number.
    await Promise.allSettled(ahead);
  }
}

/** Fewer bytes than asked for only at the end of the file. */
export async function readFully(
  calls: FileCalls,
  fd: number,
  position: number,
  size: number,
): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  while (filled < size) {
    const bytes = await calls.read(fd, buffer, filled, size - filled, position + filled);
    if (bytes === 0) return buffer.subarray(0, filled);
    filled += bytes;
  }
  return buffer;
}

/** Files of /proc and the like, whose size is 0 until they are read; and files that are empty. */
async function readUnsized(
  calls: FileCalls,
  fd: number,
  stats: Stats,
  params: Params<"fs.read">,
  outgoing: Outgoing,
  first: number,
  wanted: number,
  head: Buffer | undefined,
): Promise<void> {
  const { stream } = outgoing;
  const limit = params.maxBytes ?? 0;
  const parts: Buffer[] = [];
  let bytes = 0;
  if (head === undefined || head.length > 0) {
    // Up to maxBytes are held back, as more of them is an error before any DATA.
    while (bytes < wanted && bytes <= limit) {
      const chunk = await readFully(calls, fd, first + bytes, Math.min(SMALL_BYTES, wanted - bytes));
      if (chunk.length > 0) parts.push(chunk);
      bytes += chunk.length;
      if (chunk.length < SMALL_BYTES) break;
    }
    if (params.maxBytes !== undefined && bytes > params.maxBytes) throw tooLarge(params.path, bytes);
  }
  stream.respond({ stat: toFileStat(stats) });
  if (bytes > 0) stream.data(...parts);
  while (bytes > 0 && bytes % SMALL_BYTES === 0 && bytes < wanted && params.maxBytes === undefined) {
    await outgoing.writable();
    if (outgoing.aborted) return;
    const chunk = await readFully(calls, fd, first + bytes, Math.min(SMALL_BYTES, wanted - bytes));
    if (chunk.length > 0) stream.data(chunk);
    bytes += chunk.length;
    if (chunk.length === 0) return;
  }
}

/** Devices: read where the descriptor is; one without data yet is asked again after a pause. */
async function pumpSequential(
  calls: FileCalls,
  fd: number,
  outgoing: Outgoing,
  skip: number,
  wanted: number,
): Promise<void> {
  let left = wanted;
  let toSkip = skip;
  let pauseMs = RETRY_MS;
  while (left > 0) {
    await outgoing.writable();
    if (outgoing.aborted) return;
    const buffer = Buffer.allocUnsafeSlow(Math.min(SMALL_BYTES, toSkip + left));
    let bytes: number;
    try {
      bytes = await calls.read(fd, buffer, 0, buffer.length, null);
    } catch (error) {
      if (errnoOf(error) !== "EAGAIN") throw error;
      await pause(pauseMs);
      pauseMs = Math.min(MAX_RETRY_MS, pauseMs * 2);
      continue;
    }
    pauseMs = RETRY_MS;
    if (bytes === 0) return;
    const useful = buffer.subarray(Math.min(toSkip, bytes), Math.min(bytes, toSkip + left));
    toSkip -= Math.min(toSkip, bytes);
    left -= useful.length;
    if (useful.length > 0) outgoing.stream.data(useful);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * A FIFO by readiness, so that waiting for its writer takes no thread. It ends when the last writer has gone. The
 * descriptor is the one that let the writer in: another one, opened after the writer had gone, would wait for the
 * next (fifo(7)). It is closed here.
 */
async function pumpFifo(fd: number, outgoing: Outgoing, skip: number, wanted: number): Promise<void> {
  const socket = new Socket({ fd, readable: true, writable: false });
  let left = wanted;
  let toSkip = skip;
  const ended = new Promise<void>((resolve, reject) => {
    socket.on("data", (chunk: Buffer) => {
      const useful = chunk.subarray(Math.min(toSkip, chunk.length), Math.min(chunk.length, toSkip + left));
      toSkip -= Math.min(toSkip, chunk.length);
      left -= useful.length;
      if (outgoing.aborted || left <= 0) {
        if (!outgoing.aborted && useful.length > 0) outgoing.stream.data(useful);
        resolve();
      } else if (useful.length > 0 && !outgoing.stream.data(useful)) {
        socket.pause();
        void outgoing.writable().then(() => (outgoing.aborted ? resolve() : socket.resume()));
      }
    });
    socket.on("end", resolve);
    socket.on("error", reject);
    outgoing.onAbort = resolve;
  });
  try {
    await ended;
  } finally {
    outgoing.onAbort = undefined;
    socket.destroy();
  }
}
