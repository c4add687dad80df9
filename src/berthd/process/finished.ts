import type { DiskBudget } from "./disk-budget.ts";
import type { HostedProcess } from "./hosted-process.ts";
import { type RecoveredProcess, recoveredEnd, removeProcess } from "./records.ts";

const DEFAULT_RETENTION_MS = 10 * 60_000;
/** What an earlier daemon ran stays readable for at least so long: its clients have to notice first. */
const RECOVERED_RETENTION_MS = 3_600_000;
/** Finished ones beyond this go before their time, the oldest whose output was delivered first. */
const MAX_FINISHED = 2_000;
/** Ids of removed processes that are still told from unknown ones. */
const MAX_REMEMBERED = 10_000;

export interface FinishedOptions {
  /** Milliseconds from the end of a process until it is let go. Default 10 minutes. */
  readonly retentionMs: number | undefined;
  /** Takes one of this daemon's out of the host; its log goes with it. */
  readonly forget: (hosted: HostedProcess) => Promise<void>;
}

/** Processes that have ended and can still be read: this daemon's, and those that an earlier one left. */
export class FinishedProcesses {
  readonly #retentionMs: number;
  readonly #forget: (hosted: HostedProcess) => Promise<void>;
  /** In the order of their end. */
  readonly #hosted = new Set<HostedProcess>();
  /** In the order of their end. */
  readonly #recovered = new Map<string, RecoveredProcess>();
  /** Ids, and the workspace of each. */
  readonly #removed = new Map<string, string | undefined>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: FinishedOptions) {
    this.#retentionMs = options.retentionMs ?? DEFAULT_RETENTION_MS;
    this.#forget = options.forget;
  }

  get recoveredRetentionMs(): number {
    return Math.max(this.#retentionMs, RECOVERED_RETENTION_MS);
  }

  recovered(): IterableIterator<RecoveredProcess> {
    return this.#recovered.values();
  }

  addRecovered(entry: RecoveredProcess): void {
    this.#recovered.set(entry.record.id, entry);
    this.#schedule();
  }

  add(hosted: HostedProcess): void {
    this.#hosted.add(hosted);
    if (this.#hosted.size > MAX_FINISHED) this.forgetOne();
    this.#schedule();
  }

  has(hosted: HostedProcess): boolean {
    return this.#hosted.has(hosted);
  }

  /** True for the id of a process that is here, or was. */
  knows(id: string): boolean {
    return this.#recovered.has(id) || this.#removed.has(id);
  }

  wasRemoved(id: string, workspace: string | undefined): boolean {
    return this.#removed.has(id) && (workspace === undefined || this.#removed.get(id) === workspace);
  }

  findRecovered(id: string): RecoveredProcess | undefined {
    return this.#recovered.get(id);
  }

  /** The one of the workspace that had the name last. */
  findByName(name: string, workspace: string | undefined): HostedProcess | RecoveredProcess | undefined {
    const has = (one: { readonly name?: string | undefined; readonly workspace?: string | undefined }) =>
      one.name === name && one.workspace === workspace;
    const hosted = [...this.#hosted].reverse().find(({ process }) => has(process));
    return hosted ?? [...this.#recovered.values()].reverse().find(({ record }) => has(record));
  }

  /** Makes room: a finished process whose output was delivered, else the oldest finished. */
  forgetOne(): boolean {
    let oldest: HostedProcess | undefined;
    for (const hosted of this.#hosted) {
      oldest ??= hosted;
      if (!hosted.delivered || hosted.readers > 0) continue;
      void this.#forget(hosted);
      return true;
    }
    if (oldest === undefined) return false;
    void this.#forget(oldest);
    return true;
  }

  /** Frees the disk of the one that ended first of those whose log is on it; the bytes that it had. */
  evict(disk: DiskBudget): number {
    for (const entry of this.#recovered.values()) {
      if (!entry.log.isOn(disk)) continue;
      const freed = entry.log.abandonDisk();
      if (freed === 0) continue;
      void this.forgetRecovered(entry);
      return freed;
    }
    for (const hosted of this.#hosted) {
      const { log } = hosted.process;
      if (hosted.readers > 0 || log.diskBytes === 0 || !log.isOn(disk)) continue;
      const freed = log.abandonDisk();
      void this.#forget(hosted);
      return freed;
    }
    return 0;
  }

  /** The host has let go of one; its id is remembered. */
  removed(hosted: HostedProcess): void {
    this.#hosted.delete(hosted);
    this.#remember(hosted.process);
  }

  async forgetRecovered(entry: RecoveredProcess): Promise<void> {
    this.#recovered.delete(entry.record.id);
    this.#remember(entry.record);
    await removeProcess(entry.directory, entry.log);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #remember({ id, workspace }: { readonly id: string; readonly workspace?: string | undefined }): void {
    this.#removed.set(id, workspace);
    if (this.#removed.size <= MAX_REMEMBERED) return;
    for (const first of this.#removed.keys()) {
      this.#removed.delete(first);
      break;
    }
  }

  #schedule(): void {
    const [hosted] = this.#hosted;
    const [recovered] = this.#recovered.values();
    if (this.#timer !== undefined || this.#closed) return;
    if (hosted === undefined && recovered === undefined) return;
    const dueMs = Math.min(
      hosted === undefined ? Number.POSITIVE_INFINITY : endOf(hosted) + this.#retentionMs,
      recovered === undefined
        ? Number.POSITIVE_INFINITY
        : recoveredEnd(recovered.record) + this.recoveredRetentionMs,
    );
    this.#timer = setTimeout(() => this.#letGo(), Math.max(1000, dueMs - Date.now()));
    this.#timer.unref();
  }

  #letGo(): void {
    this.#timer = undefined;
    const now = Date.now();
    for (const hosted of [...this.#hosted]) {
      if (endOf(hosted) + this.#retentionMs <= now && hosted.readers === 0) void this.#forget(hosted);
    }
    for (const entry of [...this.#recovered.values()]) {
      if (recoveredEnd(entry.record) + this.recoveredRetentionMs <= now) void this.forgetRecovered(entry);
    }
    this.#schedule();
  }
}

function endOf(hosted: HostedProcess): number {
  return hosted.process.endedAt?.getTime() ?? 0;
}
