import { toBerthError } from "../../contract/errors.ts";
import type { HostedProcess } from "./hosted-process.ts";
import { writeRecord } from "./records.ts";

/** Time after which a process gets a record on the disk. */
const RECORD_DELAY_MS = 50;

export interface RecordKeeperOptions {
  readonly bootId: string;
  /** False once a process is removed: its directory is gone. */
  readonly isKnown: (hosted: HostedProcess) => boolean;
  readonly log: (message: string, data: Record<string, unknown>) => void;
}

/** Writes the records of processes that live long enough to be told of by another daemon. */
export class RecordKeeper {
  readonly #options: RecordKeeperOptions;
  readonly #waiting = new Set<HostedProcess>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RecordKeeperOptions) {
    this.#options = options;
  }

  /** One timer for all that were started meanwhile; none runs while nothing waits. */
  writeSoon(hosted: HostedProcess): void {
    if (hosted.directory === undefined) return;
    this.#waiting.add(hosted);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      for (const waiting of this.#waiting) {
        // A short command whose client has everything isn't worth a file.
        if (waiting.persisted || !waiting.delivered) void this.write(waiting);
      }
      this.#waiting.clear();
    }, RECORD_DELAY_MS);
  }

  /** Settles when the record is on the disk, or can't be. Writes of one process follow each other. */
  write(hosted: HostedProcess): Promise<void> {
    const { directory } = hosted;
    if (directory === undefined) return Promise.resolve();
    hosted.persisted = true;
    hosted.recording = hosted.recording.then(() => this.#write(hosted, directory));
    return hosted.recording;
  }

  async #write(hosted: HostedProcess, directory: string): Promise<void> {
    const { process } = hosted;
    const info = process.info();
    try {
      if (process.finished) await process.log.flushed();
      if (!this.#options.isKnown(hosted)) return;
      await writeRecord(directory, {
        id: info.id,
        name: info.name,
        workspace: info.workspace,
        command: [...info.command],
        cwd: info.cwd,
        user: info.user,
        pid: info.pid,
        startTime: process.startTime,
        detached: info.detached,
        startedAt: info.startedAt,
        endedAt: info.endedAt,
        exit: info.exit,
        exitCursor: Number.isFinite(process.exitCursor) ? process.exitCursor : undefined,
        bootId: this.#options.bootId,
        ...process.outputFile,
      });
    } catch (cause) {
      // A full disk must not end a process; only a killed daemon would miss the record.
      this.#options.log("record not written", {
        id: process.id,
        error: toBerthError(cause, "berthd").message,
      });
    }
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
