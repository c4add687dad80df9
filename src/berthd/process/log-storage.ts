import { promises as fs } from "node:fs";
import type { OutputLog } from "./output-log.ts";

/** Memory that all logs of a daemon may hold together. */
const MEMORY_BUDGET_BYTES = 24 * 1024 * 1024;
/** Disk that all logs of a daemon may take, if the file system has ten times as much free. */
const DISK_BUDGET_BYTES = 4 * 1024 ** 3;
const DISK_SHARE = 0.1;
/** How long output may be in memory only; what a killed daemon loses at most. */
const WRITE_DELAY_MS = 50;

/** What all logs of a daemon share: the memory and disk budgets, and one timer for writing. */
export class LogStorage {
  readonly #directory: string;
  readonly #waiting = new Set<OutputLog>();
  /** Logs with bytes in memory, the one longest without output first. */
  readonly #resident = new Set<OutputLog>();
  #residentBytes = 0;
  #diskBytes = 0;
  #diskBudget: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Frees disk of finished processes, the oldest first; returns bytes freed. */
  evictFinished: () => number = () => 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  get residentBytes(): number {
    return this.#residentBytes;
  }

  get diskBytes(): number {
    return this.#diskBytes;
  }

  /** Counts what a log holds in memory; growing over the budget takes memory from the others. */
  count(log: OutputLog, deltaBytes: number): void {
    this.#residentBytes += deltaBytes;
    if (deltaBytes <= 0) return;
    this.#resident.delete(log);
    this.#resident.add(log);
    if (this.#residentBytes > MEMORY_BUDGET_BYTES) this.#relieve(log);
  }

  /** Takes memory from the logs that were quiet longest; what is not in a file yet is written first. */
  #relieve(current: OutputLog): void {
    for (const log of this.#resident) {
      if (this.#residentBytes <= MEMORY_BUDGET_BYTES * 0.75) return;
      if (log === current) continue;
      this.#resident.delete(log);
      if (log.directory === undefined) log.releaseMemory(64 * 1024);
      else if (log.unwrittenBytes === 0) log.releaseMemory(0);
      else void log.flushed().then(() => log.releaseMemory(0));
    }
  }

  forget(log: OutputLog): void {
    this.#resident.delete(log);
    this.#waiting.delete(log);
  }

  /** Writes the log at the next sweep; no timer runs while nothing waits. */
  writeSoon(log: OutputLog): void {
    if (log.directory === undefined) return;
    this.#waiting.add(log);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const logs = [...this.#waiting];
      this.#waiting.clear();
      for (const waiting of logs) waiting.flush();
    }, WRITE_DELAY_MS);
  }

  /** No longer to be written by the sweep: it is short, and its reader has everything. */
  unschedule(log: OutputLog): void {
    this.#waiting.delete(log);
  }

  /** Makes sure of `bytes` on the disk; false when the budget is used up and nothing can be dropped. */
  async reserve(bytes: number, log: OutputLog): Promise<boolean> {
    this.#diskBudget ??= await this.#measureBudget();
    while (this.#diskBytes + bytes > this.#diskBudget) {
      if (this.evictFinished() === 0 && log.dropOldest() === 0) return false;
    }
    this.#diskBytes += bytes;
    return true;
  }

  async #measureBudget(): Promise<number> {
    try {
      const { bavail, bsize } = await fs.statfs(this.#directory);
      return Math.min(DISK_BUDGET_BYTES, Math.floor(bavail * bsize * DISK_SHARE) + this.#diskBytes);
    } catch {
      return DISK_BUDGET_BYTES;
    }
  }

  freed(bytes: number): void {
    this.#diskBytes -= bytes;
  }

  /** Files of an earlier daemon. */
  found(bytes: number): void {
    this.#diskBytes += bytes;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
