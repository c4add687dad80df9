import { promises as fs } from "node:fs";
import { join } from "node:path";
import { RunTable } from "./run-table.ts";

/** Bytes after which a new segment begins. */
export const SEGMENT_BYTES = 4 * 1024 * 1024;
/** Runs after which a new segment begins, so that its table stays small however the streams alternate. */
const MAX_SEGMENT_RUNS = 65_536;
/** Large blocks for those who say much: each is a piece of work for the garbage collector. */
const LARGEST_BLOCK_BYTES = 512 * 1024;
/** First block of a process: most processes say little, and there may be thousands. */
const SMALLEST_BLOCK_BYTES = 1024;

/** Part of a segment's bytes in memory. `bytes` below `used` never change again, so readers share them. */
interface Block {
  readonly offset: number;
  readonly bytes: Uint8Array;
  used: number;
}

/** A stretch of a log: raw bytes in `<from>.log`, their runs in `<from>.idx`. */
export class Segment {
  readonly from: number;
  length = 0;
  /** Bytes that are in the file. */
  written = 0;
  /** In memory: the bytes from `residentFrom` (offset) to `length`. Those between `written` and it are gone. */
  residentFrom = 0;
  /** Taken out of its log; a reader that still holds it looks for another. */
  dropped = false;
  runs: RunTable | undefined = new RunTable();
  readonly #blocks: Block[] = [];

  constructor(from: number) {
    this.from = from;
  }

  get end(): number {
    return this.from + this.length;
  }

  get full(): boolean {
    return this.length >= SEGMENT_BYTES || (this.runs?.size ?? 0) >= MAX_SEGMENT_RUNS;
  }

  /** First offset that can still be read. */
  get heldFrom(): number {
    return this.written > 0 ? 0 : this.residentFrom;
  }

  get residentBytes(): number {
    return this.length - this.residentFrom;
  }

  /** Copies as much as fits into this segment; returns how much that was. */
  append(channel: number, bytes: Uint8Array): number {
    let taken = 0;
    while (taken < bytes.length && this.length < SEGMENT_BYTES) {
      let block = this.#blocks[this.#blocks.length - 1];
      if (block === undefined || block.used === block.bytes.length) {
        const size = Math.min(
          LARGEST_BLOCK_BYTES,
          Math.max(SMALLEST_BLOCK_BYTES, this.length, bytes.length - taken),
        );
        // allocUnsafeSlow: a slice of Node's shared pool would keep 8 KiB alive for every block.
        block = { offset: this.length, bytes: Buffer.allocUnsafeSlow(size), used: 0 };
        this.#blocks.push(block);
      }
      const count = Math.min(
        bytes.length - taken,
        block.bytes.length - block.used,
        SEGMENT_BYTES - this.length,
      );
      block.bytes.set(count === bytes.length ? bytes : bytes.subarray(taken, taken + count), block.used);
      block.used += count;
      this.length += count;
      taken += count;
    }
    this.runs?.append(channel, taken);
    return taken;
  }

  /** Slices in memory that cover `from` to `to` (offsets; from ≥ residentFrom). */
  slices(from: number, to: number): Uint8Array[] {
    const result: Uint8Array[] = [];
    for (let index = this.#blockAt(from); index < this.#blocks.length; index++) {
      const block = this.#blocks[index]!;
      if (block.offset >= to) break;
      const start = Math.max(0, from - block.offset);
      const end = Math.min(block.used, to - block.offset);
      if (start < end) result.push(block.bytes.subarray(start, end));
    }
    return result;
  }

  #blockAt(offset: number): number {
    let low = 0;
    let high = this.#blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#blocks[middle]!.offset <= offset) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }

  /** Lets go of whole blocks before `offset`; of bytes that are not in the file only when `lose` is set. */
  release(offset: number, lose: boolean): number {
    const before = this.residentFrom;
    while (this.#blocks.length > 0) {
      const block = this.#blocks[0]!;
      const end = block.offset + block.used;
      const replaceable = block.used === block.bytes.length || end === this.length;
      if (end > offset || !replaceable || (!lose && end > this.written)) break;
      // A block that is still being filled stays, unless all of the segment is let go.
      if (block.used < block.bytes.length && offset < this.length) break;
      this.#blocks.shift();
      this.residentFrom = end;
    }
    if (this.#blocks.length === 0 && this.written === this.length) this.runs = undefined;
    return this.residentFrom - before;
  }

  /** Writes what the file lacks up to the offset `to`. The index goes first: after a crash it may be ahead, never behind. */
  async write(directory: string, to: number): Promise<number> {
    const from = this.written;
    if (from === to || this.runs === undefined) return 0;
    await appendFile(join(directory, this.indexName), [this.runs.encode(from, to)]);
    await appendFile(join(directory, this.dataName), this.slices(from, to));
    this.written = to;
    return to - from;
  }

  /** Bytes `from` to `to` (offsets) out of the file. */
  async readFile(directory: string, from: number, to: number): Promise<Uint8Array> {
    const file = await fs.open(join(directory, this.dataName), "r");
    try {
      const buffer = Buffer.allocUnsafeSlow(to - from);
      let done = 0;
      while (done < buffer.length) {
        const { bytesRead } = await file.read(buffer, done, buffer.length - done, from + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return buffer.subarray(0, done);
    } finally {
      await file.close();
    }
  }

  async readRuns(directory: string): Promise<RunTable> {
    return this.runs ?? RunTable.decode(await fs.readFile(join(directory, this.indexName)), this.written);
  }

  /** Removes the files; what readers hold open stays readable to them. */
  async removeFiles(directory: string): Promise<void> {
    if (this.written === 0) return;
    await fs.rm(join(directory, this.dataName), { force: true });
    await fs.rm(join(directory, this.indexName), { force: true });
  }

  get dataName(): string {
    return `${String(this.from).padStart(16, "0")}.log`;
  }

  get indexName(): string {
    return `${String(this.from).padStart(16, "0")}.idx`;
  }

  /** A segment that an earlier daemon wrote. */
  static onDisk(from: number, bytes: number): Segment {
    const segment = new Segment(from);
    segment.length = bytes;
    segment.written = bytes;
    segment.residentFrom = bytes;
    segment.runs = undefined;
    return segment;
  }
}

async function appendFile(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const file = await fs.open(path, "a", 0o600);
  try {
    for (let at = 0; at < parts.length; at += MAX_IOVECS) {
      await writeAll(file, parts.slice(at, at + MAX_IOVECS));
    }
  } finally {
    await file.close();
  }
}

/** writev may write less than asked for; the rest follows, or its error (ENOSPC) comes out. */
export async function writeAll(file: fs.FileHandle, parts: readonly Uint8Array[]): Promise<void> {
  let rest = parts;
  while (rest.length > 0) {
    let { bytesWritten } = await file.writev(rest);
    const next: Uint8Array[] = [];
    for (const part of rest) {
      if (bytesWritten >= part.length) bytesWritten -= part.length;
      else {
        next.push(bytesWritten > 0 ? part.subarray(bytesWritten) : part);
        bytesWritten = 0;
      }
    }
    rest = next;
  }
}

/** Linux's IOV_MAX. */
const MAX_IOVECS = 1024;
