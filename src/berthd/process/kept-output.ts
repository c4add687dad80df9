import { constants, promises as fs } from "node:fs";
import type { OutputFile } from "../../contract/process.ts";
import type { KeptFileOptions, KeptFiles } from "./kept-files.ts";
import type { LogPosition, OutputLog } from "./output-log.ts";
import { writeAll } from "./segment.ts";

/** Unwritten bytes at which a write begins at once. */
const BATCH_BYTES = 256 * 1024;
/** How much later than the output the file grows otherwise. */
const WRITE_DELAY_MS = 50;
/** Bytes that the file may be behind before the process waits for the disk. */
const BEHIND_BYTES = 16 * 1024 * 1024;
/** How long the exit waits for a disk that does not answer. */
const COMPLETION_LIMIT_MS = 10_000;

export interface KeptOutputOptions extends KeptFileOptions {
  readonly log: OutputLog;
  readonly files: KeptFiles;
  /** Output up to this length gets no file. */
  readonly aboveBytes: number;
}

/**
 * Writes the whole output of a process to a plain file, as a reader of its log: from the first byte on, both streams in
 * the order of arrival, until the log's limit. Shorter output costs nothing. A disk that is full or fails ends the file,
 * never the process.
 */
export class KeptOutput {
  readonly #options: KeptOutputOptions;
  readonly #position: LogPosition = { cursor: 0 };
  #path: string | undefined;
  #cut: OutputFile["outputFileCut"];
  #writing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;
  /** Called when the file has grown. */
  onAdvance: () => void = () => {};

  constructor(options: KeptOutputOptions) {
    this.#options = options;
    options.log.keeper = this;
  }

  /** The log still has to hold what is behind this. */
  get cursor(): number {
    return this.#position.cursor;
  }

  /** The process should wait for onAdvance. */
  get behind(): boolean {
    return !this.#ended && this.#isLong && this.#options.log.end - this.cursor >= BEHIND_BYTES;
  }

  /** What is told of the file; nothing of one that was removed. */
  get file(): OutputFile | undefined {
    if (this.#path === undefined || !this.#options.files.has(this.#options.id)) return undefined;
    return { outputFile: this.#path, ...(this.#cut === undefined ? {} : { outputFileCut: this.#cut }) };
  }

  get #isLong(): boolean {
    const { log, aboveBytes } = this.#options;
    // What the log may drop has to be in the file before.
    return log.end > Math.min(aboveBytes, log.limitBytes);
  }

  /** There is more output. */
  changed(): void {
    if (this.#ended || this.#writing !== undefined || !this.#isLong) return;
    const { end } = this.#options.log;
    if (end - this.cursor >= BATCH_BYTES) void this.#write();
    else if (end > this.cursor) this.#timer ??= setTimeout(() => void this.#write(), WRITE_DELAY_MS);
  }

  /** Settles when all output until now is in the file, or never will be. undefined: there is nothing to wait for. */
  complete(): Promise<void> | undefined {
    const { log, files, id } = this.#options;
    if (this.#ended || !this.#isLong) {
      files.written(id);
      return undefined;
    }
    const { end } = log;
    return new Promise((resolve) => {
      const limit = setTimeout(() => {
        this.#end("disk");
        resolve();
      }, COMPLETION_LIMIT_MS);
      void this.#upTo(end).then(() => {
        clearTimeout(limit);
        files.written(id);
        resolve();
      });
    });
  }

  async #upTo(end: number): Promise<void> {
    while (!this.#ended && this.cursor < end) await this.#write();
  }

  /** No more output comes. */
  close(): void {
    clearTimeout(this.#timer);
    this.#ended = true;
    this.#options.log.keeper = undefined;
    this.#options.files.written(this.#options.id);
  }

  /** The file stays as it is. */
  #end(reason: "limit" | "disk"): void {
    if (this.#ended) return;
    this.#cut = { at: this.cursor, reason };
    this.close();
  }

  #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing ??= this.#append(this.#options.log.end)
      .catch(() => this.#end("disk"))
      .finally(() => {
        this.#writing = undefined;
        this.onAdvance();
        this.changed();
      });
    return this.#writing;
  }

  async #append(end: number): Promise<void> {
    const { log, files, id } = this.#options;
    this.#path ??= await files.create(this.#options);
    const { O_WRONLY, O_APPEND, O_NOFOLLOW } = constants;
    const file = await fs.open(this.#path, O_WRONLY | O_APPEND | O_NOFOLLOW);
    try {
      while (!this.#ended && this.cursor < end) {
        const room = log.limitBytes - this.cursor;
        if (room <= 0) return this.#end("limit");
        const read = await log.read(this.#position, Math.min(room, BATCH_BYTES));
        if (read.type !== "data" || !(await files.reserve(id, read.next - this.cursor))) {
          return this.#end("disk");
        }
        await writeAll(file, read.parts);
        if (this.#ended) return;
        this.#position.cursor = read.next;
        this.onAdvance();
      }
    } finally {
      await file.close();
    }
  }
}
