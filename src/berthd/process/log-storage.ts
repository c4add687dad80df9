import { type DiskBudget, DiskBudgets } from "./disk-budget.ts";
import type { OutputLog } from "./output-log.ts";

/** Memory that all logs of a daemon may hold together. */
const MEMORY_BUDGET_BYTES = 24 * 1024 * 1024;
/** How long output may be in memory only; what a killed daemon loses at most. */
const WRITE_DELAY_MS = 50;

/** What all logs of a daemon share: the memory and disk budgets, and one timer for writing. */
export class LogStorage {
  /** Of the file systems that logs are on. */
  readonly disks = new DiskBudgets();
  readonly #waiting = new Set<OutputLog>();
  /** Logs with bytes in memory, the one longest without output first. */
  readonly #resident = new Set<OutputLog>();
  #residentBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Frees disk of a finished process whose log is on the same one, the oldest first; returns bytes freed. */
  evictFinished: (disk: DiskBudget) => number = () => 0;
  /** Frees disk of a file that was kept of a finished process, the oldest first; returns bytes freed. */
  evictKept: (disk: DiskBudget) => number = () => 0;

  get residentBytes(): number {
    return this.#residentBytes;
  }

  get diskBytes(): number {
    return this.disks.usedBytes;
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
  async reserve(bytes: number, log: OutputLog, disk: DiskBudget, directory: string): Promise<boolean> {
    const limitBytes = await disk.limitBytes(directory);
    while (disk.usedBytes + bytes > limitBytes) {
      if (this.#evict(disk) === 0 && log.dropOldest() === 0) return false;
    }
    disk.usedBytes += bytes;
    return true;
  }

  /** As `reserve`, for a file that is no log: no log of a running process loses anything for it. */
  async reserveFor(bytes: number, disk: DiskBudget, directory: string): Promise<boolean> {
    const limitBytes = await disk.limitBytes(directory);
    while (disk.usedBytes + bytes > limitBytes) if (this.#evict(disk) === 0) return false;
    disk.usedBytes += bytes;
    return true;
  }

  #evict(disk: DiskBudget): number {
    return this.evictFinished(disk) || this.evictKept(disk);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
