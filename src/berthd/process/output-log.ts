import { promises as fs } from "node:fs";
import { dirname, join } from "node:path";
import type { DiskBudget } from "./disk-budget.ts";
import type { LogStorage } from "./log-storage.ts";
import type { RunHint, RunTable } from "./run-table.ts";
import { Segment } from "./segment.ts";

/** Bytes of a log kept in memory behind what the file has, so that readers at the end need no disk. */
const RESIDENT_BYTES = 4 * 1024 * 1024;
/** Read from the disk at once by a reader that is behind; it takes them piece by piece. */
const READ_AHEAD_BYTES = 512 * 1024;
/** Bytes kept in memory when there is no disk to write to. */
const MEMORY_ONLY_BYTES = 4 * 1024 * 1024;
/** Unwritten bytes at which the writer is asked to wait for the disk. */
const CONGESTED_BYTES = 8 * 1024 * 1024;
/** Unwritten bytes at which a write begins without waiting for the sweep. */
const WRITE_BATCH_BYTES = 1024 * 1024;

export interface LogRun {
  readonly channel: number;
  readonly length: number;
}

/** What a reader finds at its cursor. `pending`: it is on the disk; `end`: nothing more for now. */
export type LogRead =
  | { readonly type: "data"; readonly runs: LogRun[]; readonly parts: Uint8Array[]; readonly next: number }
  | { readonly type: "gap"; readonly from: number; readonly to: number }
  | { readonly type: "end" };

/** Place of a reader in the log. */
export interface LogPosition {
  cursor: number;
  /** Private to the log. */
  segment?: Segment;
  hint?: RunHint;
  diskRuns?: { readonly segment: Segment; readonly runs: RunTable };
  /** Bytes from the disk that are not taken yet. */
  ahead?: {
    readonly from: number;
    readonly bytes: Uint8Array;
    readonly segment: Segment;
    readonly runs: RunTable;
  };
}

export interface OutputLogOptions {
  /** Where segments go; undefined: memory only. Created at the first write. */
  readonly directory: string | undefined;
  readonly limitBytes: number;
  readonly storage: LogStorage;
  /** Made before the directory, as a link to it, so that the next daemon finds it wherever it is. */
  readonly link?: string | undefined;
}

/**
 * A process's output: raw bytes with byte cursors over all streams. It is the only reader of the process; every
 * client is a cursor into it. Bytes go to memory at once and to segment files soon after; the oldest go when
 * `limitBytes` is reached. A disk that is full or fails means memory only and gaps, never a stopped process.
 */
export class OutputLog {
  readonly directory: string | undefined;
  readonly limitBytes: number;
  readonly #storage: LogStorage;
  readonly #link: string | undefined;
  /** Of the file system that the directory is on, once that is there. */
  #disk: DiskBudget | undefined;
  #segments: Segment[] = [];
  #end = 0;
  #unwritten = 0;
  #resident = 0;
  #writing: Promise<void> | undefined;
  #diskFailed = false;
  #wanted = false;
  #closed = false;
  /** Lossless readers: what they have not got yet is not dropped. */
  readonly holders = new Set<{ readonly cursor: number }>();
  /** Writes the output to a file, without making the process wait: what it has not got yet is not dropped either. */
  keeper: { readonly cursor: number } | undefined;
  /** Called after every append and whenever the writer may go on. */
  onChange: () => void = () => {};

  constructor(options: OutputLogOptions) {
    this.directory = options.directory;
    this.limitBytes = options.limitBytes;
    this.#storage = options.storage;
    this.#link = options.link;
  }

  /** Cursor behind the last byte. */
  get end(): number {
    return this.#end;
  }

  /** First cursor that is still held (there may be gaps behind it). */
  get start(): number {
    const first = this.#segments[0];
    return first === undefined ? this.#end : first.from + first.heldFrom;
  }

  /** Cursor from which on a lossless reader still needs the log. */
  get floor(): number {
    let floor = Number.POSITIVE_INFINITY;
    for (const holder of this.holders) floor = Math.min(floor, holder.cursor);
    return floor;
  }

  /** Cursor from which on anybody still needs the log. */
  get #needed(): number {
    return Math.min(this.floor, this.keeper?.cursor ?? Number.POSITIVE_INFINITY);
  }

  /** True while the disk is behind; the writer should wait for onChange. */
  get congested(): boolean {
    return (
      !this.#closed && !this.#diskFailed && this.directory !== undefined && this.#unwritten >= CONGESTED_BYTES
    );
  }

  get residentBytes(): number {
    return this.#resident;
  }

  get unwrittenBytes(): number {
    return this.#unwritten;
  }

  /** Bytes in the files. */
  get diskBytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.written, 0);
  }

  /** After `close` bytes are only counted: children of a removed process may still write. */
  append(channel: number, bytes: Uint8Array): void {
    if (this.#closed) {
      this.#end += bytes.length;
      return;
    }
    let rest = bytes;
    while (rest.length > 0) {
      let segment = this.#segments[this.#segments.length - 1];
      if (segment === undefined || segment.full || segment.runs === undefined) {
        segment = new Segment(this.#end);
        this.#segments.push(segment);
      }
      const taken = segment.append(channel, rest);
      this.#end += taken;
      this.#unwritten += taken;
      this.#count(taken);
      rest = taken === rest.length ? EMPTY : rest.subarray(taken);
    }
    if (this.#unwritten >= WRITE_BATCH_BYTES) this.flush();
    else this.#storage.writeSoon(this);
    this.#trim();
    this.onChange();
  }

  /** What is at the position, at most `limit` bytes of one stretch; moves nothing. */
  read(position: LogPosition, limit: number): LogRead | Promise<LogRead> {
    const { cursor } = position;
    if (cursor >= this.#end) return { type: "end" };
    const { ahead } = position;
    if (ahead !== undefined) {
      if (cursor >= ahead.from && cursor < ahead.from + ahead.bytes.length)
        return takeAhead(position, ahead, limit);
      delete position.ahead;
    }
    const segment = this.#segmentAt(position);
    if (segment === undefined) return { type: "end" };
    const offset = cursor - segment.from;
    if (offset < segment.heldFrom || (offset >= segment.written && offset < segment.residentFrom)) {
      return { type: "gap", from: cursor, to: this.#nextHeld(segment, offset) };
    }
    if (offset >= segment.residentFrom && segment.runs !== undefined) {
      const to = Math.min(segment.length, offset + limit);
      position.hint ??= { index: 0, start: 0 };
      const runs = [...segment.runs.pieces(offset, to, position.hint)];
      return { type: "data", runs, parts: segment.slices(offset, to), next: segment.from + to };
    }
    return this.#readFromDisk(position, segment, offset, limit);
  }

  #segmentAt(position: LogPosition): Segment | undefined {
    const { cursor } = position;
    const held = position.segment;
    if (held !== undefined && cursor >= held.from && cursor < held.end && !held.dropped) return held;
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const candidate = this.#segments[middle]!;
      if (candidate.end > cursor) high = middle;
      else low = middle + 1;
    }
    const segment = this.#segments[low];
    if (segment === undefined) delete position.segment;
    else position.segment = segment;
    delete position.hint;
    return segment;
  }

  /** End of the gap that the offset of this segment is in; it may go on in the next ones. */
  #nextHeld(segment: Segment, offset: number): number {
    let to = segment.from + (offset < segment.heldFrom ? segment.heldFrom : segment.residentFrom);
    for (const next of this.#segments) {
      if (next.end <= to) continue;
      if (next.from > to || (next.from === to && next.heldFrom > 0)) to = next.from + next.heldFrom;
      else break;
    }
    return to;
  }

  async #readFromDisk(
    position: LogPosition,
    segment: Segment,
    offset: number,
    limit: number,
  ): Promise<LogRead> {
    const to = Math.min(segment.written, offset + READ_AHEAD_BYTES);
    const lost = (): LogRead => ({
      type: "gap",
      from: position.cursor,
      to: segment.from + Math.max(to, offset + 1),
    });
    if (this.directory === undefined) return lost();
    try {
      if (position.diskRuns?.segment !== segment) {
        position.diskRuns = { segment, runs: await segment.readRuns(this.directory) };
        position.hint = { index: 0, start: 0 };
      }
      const { runs } = position.diskRuns;
      const bytes = await segment.readFile(this.directory, offset, to);
      if (bytes.length === 0) return lost();
      position.ahead = { from: position.cursor, bytes, segment, runs };
      return takeAhead(position, position.ahead, limit);
    } catch {
      // Removed by the limit while it was read, or the disk fails: either way these bytes can't be had.
      delete position.segment;
      return lost();
    }
  }

  /** Begins to write what the files lack; writes of one log never overlap. */
  flush(): void {
    if (this.directory === undefined || this.#diskFailed || this.#closed) return;
    this.#wanted = true;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
      this.onChange();
    });
  }

  /** Settles when everything appended before is in the files, or the disk has failed. */
  async flushed(): Promise<void> {
    this.flush();
    while (this.#writing !== undefined) await this.#writing;
  }

  async #write(): Promise<void> {
    const directory = this.directory;
    if (directory === undefined) return;
    try {
      while (this.#wanted) {
        this.#wanted = false;
        const disk = await this.#ensureDirectory(directory);
        for (const segment of this.#segments.filter((candidate) => candidate.written < candidate.length)) {
          await this.#writeSegment(directory, disk, segment);
        }
        this.#trim();
        if (this.#unwritten >= WRITE_BATCH_BYTES) this.#wanted = true;
      }
    } catch {
      // Full, read-only, quota or gone: the process goes on, the log lives in memory and shows gaps.
      this.#diskFailed = true;
      this.#trim();
    }
  }

  async #ensureDirectory(directory: string): Promise<DiskBudget> {
    if (this.#disk === undefined) {
      if (this.#link !== undefined) {
        await fs.mkdir(dirname(this.#link), { recursive: true, mode: 0o700 });
        await fs.symlink(directory, this.#link);
      }
      await fs.mkdir(directory, { recursive: true, mode: 0o700 });
      this.#disk = await this.#storage.disks.of(directory);
    }
    return this.#disk;
  }

  async #writeSegment(directory: string, disk: DiskBudget, segment: Segment): Promise<void> {
    const to = segment.length;
    const reserved = to - segment.written;
    if (!(await this.#storage.reserve(reserved, this, disk, directory))) throw new Error("quota");
    let bytes = 0;
    try {
      bytes = await segment.write(directory, to);
      this.#unwritten -= bytes;
    } finally {
      // What is not in a file after all, or in one that was given up meanwhile.
      disk.usedBytes -= segment.dropped ? reserved : reserved - bytes;
    }
  }

  /** Keeps memory and disk within their limits. */
  #trim(): void {
    const keep = this.#diskFailed || this.directory === undefined ? MEMORY_ONLY_BYTES : RESIDENT_BYTES;
    if (this.#resident > keep) this.releaseMemory(keep);
    while (this.#segments.length > 1) {
      const first = this.#segments[0]!;
      if (this.#end - first.end < this.limitBytes || first.end > this.#needed) break;
      if (first.written < first.length && !this.#diskFailed && this.directory !== undefined) break;
      this.#drop(first);
    }
  }

  /** Lets go of memory but the last `keep` bytes; without a disk that loses them (a gap). Returns what was freed. */
  releaseMemory(keep: number): number {
    const lose = this.#diskFailed || this.directory === undefined;
    const until = this.#end - keep;
    let freed = 0;
    for (const segment of this.#segments) {
      if (segment.from >= until) break;
      if (segment.residentBytes > 0)
        freed += segment.release(Math.min(until - segment.from, segment.length), lose);
    }
    this.#count(-freed);
    if (lose) this.#segments = this.#segments.filter((segment) => segment.heldFrom < segment.length);
    return freed;
  }

  #count(deltaBytes: number): void {
    this.#resident += deltaBytes;
    this.#storage.count(this, deltaBytes);
  }

  /** Drops the oldest segment to make room on the disk. Returns the bytes freed there; 0 when none may go. */
  dropOldest(): number {
    const first = this.#segments[0];
    if (first === undefined || this.#segments.length === 1 || first.end > this.#needed) return 0;
    if (first.written < first.length) return 0;
    this.#drop(first);
    return first.written;
  }

  #drop(segment: Segment): void {
    this.#segments.shift();
    this.#count(-segment.residentBytes);
    segment.dropped = true;
    if (this.directory !== undefined && segment.written > 0) {
      this.#freed(segment.written);
      void segment.removeFiles(this.directory).catch(() => {
        // Files that can't be removed are removed with their directory, or by the next daemon's sweep.
      });
    }
  }

  /** Gives memory and, with `remove`, the files back. Readers get a gap. */
  async close(options: { readonly remove: boolean }): Promise<void> {
    if (!options.remove) await this.flushed();
    this.#closed = true;
    await this.#writing;
    this.#storage.forget(this);
    this.#count(-this.#resident);
    if (options.remove && this.directory !== undefined) {
      this.abandonDisk();
      await fs.rm(this.directory, { recursive: true, force: true });
    }
    // A writer that waited for the disk may go on.
    this.onChange();
  }

  /** Counts the files as free at once, since they are about to be removed. Returns their bytes. */
  abandonDisk(): number {
    let bytes = 0;
    for (const segment of this.#segments) {
      bytes += segment.written;
      segment.dropped = true;
    }
    this.#segments = [];
    this.#freed(bytes);
    return bytes;
  }

  #freed(bytes: number): void {
    if (this.#disk !== undefined) this.#disk.usedBytes -= bytes;
  }

  isOn(disk: DiskBudget): boolean {
    return this.#disk === disk;
  }

  /** The log that an earlier daemon left in `options.directory`. */
  static async recover(options: OutputLogOptions & { readonly directory: string }): Promise<OutputLog> {
    const log = new OutputLog(options);
    const names = await fs.readdir(options.directory);
    const disk = await options.storage.disks.of(options.directory);
    log.#disk = disk;
    for (const name of names.filter((candidate) => /^\d{16}\.log$/.test(candidate)).sort()) {
      const { size } = await fs.stat(join(options.directory, name));
      if (size === 0) continue;
      const segment = Segment.onDisk(Number(name.slice(0, 16)), size);
      log.#segments.push(segment);
      log.#end = segment.end;
      disk.usedBytes += size;
    }
    return log;
  }
}

function takeAhead(position: LogPosition, ahead: NonNullable<LogPosition["ahead"]>, limit: number): LogRead {
  const start = position.cursor - ahead.from;
  const bytes = ahead.bytes.subarray(start, Math.min(ahead.bytes.length, start + limit));
  const offset = position.cursor - ahead.segment.from;
  position.hint ??= { index: 0, start: 0 };
  const runs = [...ahead.runs.pieces(offset, offset + bytes.length, position.hint)];
  return { type: "data", runs, parts: [bytes], next: position.cursor + bytes.length };
}

const EMPTY = new Uint8Array(0);
