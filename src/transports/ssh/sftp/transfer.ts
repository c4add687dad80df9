import { abortedError } from "../../abort.ts";
import type { SftpClient, SftpHandle } from "./client.ts";

/**
 * Bytes under way at once of one file. With 100 ms a round trip it is 20 MB/s; a channel of OpenSSH has a window of
 * the same size.
 */
const WINDOW_BYTES = 2 * 1024 * 1024;

export interface SftpReadRange {
  readonly start: number;
  /** Bytes at most; undefined is to the end. */
  readonly length: number | undefined;
  /** Size of the file as far as it is known: so far everything is asked for at once. */
  readonly size?: number | undefined;
}

export interface SftpTransferOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called whenever an answer came. */
  readonly onProgress?: (() => void) | undefined;
}

interface Slot {
  readonly parts: readonly Buffer[];
  /** The file ends in it. */
  readonly ended: boolean;
}

/**
 * The bytes of an open file in order, with many reads under way and never more than the window in memory. A short
 * read is asked on from where it ended. The handle stays open.
 * @throws what `SftpClient.read` throws
 */
export async function* readChunks(
  client: SftpClient,
  handle: SftpHandle,
  range: SftpReadRange,
  options: SftpTransferOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  const end = range.length === undefined ? Number.MAX_SAFE_INTEGER : range.start + range.length;
  const size = range.size ?? 0;
  const queue: { readonly length: number; readonly beyond: boolean; readonly slot: Promise<Slot> }[] = [];
  let next = range.start;
  let queued = 0;
  /** Slots beyond the known size: there is an end there, or a file that grows or does not tell its size. */
  let guessed = 0;
  let guesses = 1;
  let left = false;

  async function read(offset: number, length: number): Promise<Slot> {
    const parts: Buffer[] = [];
    for (let got = 0; got < length && !left; ) {
      const bytes = await client.read(handle, offset + got, length - got);
      options.onProgress?.();
      if (bytes === undefined) return { parts, ended: true };
      parts.push(bytes);
      got += bytes.length;
    }
    return { parts, ended: false };
  }

  using gate = new Gate(options.signal);
  try {
    for (;;) {
      const { readBytes } = client.session.limits;
      while (next < end && queued < WINDOW_BYTES) {
        const beyond = next >= size;
        if (beyond && guessed >= guesses) break;
        // Nothing short is asked on where the size is known, so that its end is not a round trip of its own.
        const length = Math.min(readBytes, end - next, beyond ? readBytes : size - next);
        const slot = read(next, length);
        slot.catch(() => {});
        queue.push({ length, beyond, slot });
        if (beyond) guessed++;
        next += length;
        queued += length;
      }
      const first = queue.shift();
      if (first === undefined) return;
      const { parts, ended } = await gate.pass(first.slot);
      queued -= first.length;
      if (first.beyond) {
        guessed--;
        guesses++;
      }
      yield* parts;
      if (ended) return;
    }
  } finally {
    left = true;
  }
}

/**
 * Writes chunks one behind the other to an open file, with many writes under way and never more than the window.
 * The chunks must not be changed before they are written. The handle is given back behind the last write, without
 * waiting for it: requests are carried out as if in order.
 * @returns bytes written, all of which the server has confirmed
 * @throws what `SftpClient.write` throws, of the first write that failed; and what the source throws
 */
export async function writeChunks(
  client: SftpClient,
  handle: SftpHandle,
  source: AsyncIterable<Uint8Array>,
  options: SftpTransferOptions = {},
): Promise<number> {
  using gate = new Gate(options.signal);
  let room = Promise.withResolvers<void>();
  let queued = 0;
  let offset = 0;

  async function write(at: number, bytes: Uint8Array): Promise<void> {
    try {
      await client.write(handle, at, bytes);
      options.onProgress?.();
    } catch (error) {
      gate.shut(error);
    }
    queued -= bytes.length;
    room.resolve();
  }

  async function until(most: number): Promise<void> {
    while (queued > most) {
      room = Promise.withResolvers();
      await gate.pass(room.promise);
    }
  }

  const iterator = source[Symbol.asyncIterator]();
  let taken = false;
  let closed = false;
  try {
    for (;;) {
      const next = await gate.pass(iterator.next());
      if (next.done === true) break;
      const { writeBytes } = client.session.limits;
      for (let start = 0; start < next.value.length; start += writeBytes) {
        const bytes = next.value.subarray(start, start + writeBytes);
        await until(WINDOW_BYTES - bytes.length);
        await gate.pass(client.session.writable());
        queued += bytes.length;
        void write(offset, bytes);
        offset += bytes.length;
      }
    }
    taken = true;
    const closing = client.closeHandle(handle);
    closing.catch(() => {});
    closed = true;
    await until(0);
    await gate.pass(closing);
    return offset;
  } finally {
    if (!closed) client.closeHandle(handle).catch(() => undefined);
    // Not awaited: a generator that waits for something returns only when that has come.
    if (!taken) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

/**
 * What one flow waits at: an abort or a failure ends the wait that is on, and every later one. (Racing with a promise
 * that lives as long as the flow would keep something of every wait in memory.)
 */
class Gate implements Disposable {
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => this.shut(abortedError(this.#signal));
  #reason: { readonly error: unknown } | undefined;
  #waiting: ((reason: unknown) => void) | undefined;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (signal?.aborted) this.#onAbort();
  }

  shut(error: unknown): void {
    this.#reason ??= { error };
    this.#waiting?.(this.#reason.error);
  }

  pass<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting = reject;
      promise.then(resolve, reject);
      if (this.#reason !== undefined) reject(this.#reason.error);
    });
  }

  [Symbol.dispose](): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
  }
}
