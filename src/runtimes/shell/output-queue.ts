import type { OutputChunk, OutputStream } from "../../contract/process.ts";

/** Queued bytes from which on the place is not read any further, and below which it is read again. */
const HIGH_WATER_BYTES = 256 * 1024;
const LOW_WATER_BYTES = 64 * 1024;

interface Waiting {
  readonly resolve: (result: IteratorResult<OutputChunk, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/** Whoever fills the queue. */
export interface QueueSource {
  pause(): void;
  resume(): void;
  /** The reader left before the end. */
  left(): void;
}

/** Output for one reader that takes it at its own pace; with a limit in `drop`, the oldest bytes go instead. */
export class OutputQueue implements AsyncIterableIterator<OutputChunk, undefined> {
  readonly #source: QueueSource;
  readonly #dropLimitBytes: number | undefined;
  #chunks: OutputChunk[] = [];
  #bytes = 0;
  #cursor = 0;
  #paused = false;
  #finished = false;
  #error: unknown;
  readonly #waiting: Waiting[] = [];

  constructor(source: QueueSource, dropLimitBytes: number | undefined) {
    this.#source = source;
    this.#dropLimitBytes = dropLimitBytes;
  }

  /** Number of output bytes so far. */
  get cursor(): number {
    return this.#cursor;
  }

  push(stream: OutputStream, data: Uint8Array): void {
    if (this.#finished || data.length === 0) return;
    this.#cursor += data.length;
    this.#bytes += data.length;
    this.#give({ type: "data", stream, data, cursor: this.#cursor });
    if (this.#dropLimitBytes !== undefined) this.#drop(this.#dropLimitBytes);
    else if (this.#bytes > HIGH_WATER_BYTES && !this.#paused) {
      this.#paused = true;
      this.#source.pause();
    }
  }

  /** The end, behind everything that is queued. */
  end(last: OutputChunk | undefined, error: unknown): void {
    if (this.#finished) return;
    if (last !== undefined) this.#give(last);
    this.#finish(error);
  }

  /** The end at once: what is queued is dropped. */
  abort(error: unknown): void {
    this.#chunks = [];
    this.#finish(error);
  }

  /** Takes everything that is queued. */
  drain(): OutputChunk[] {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#bytes = 0;
    this.#resume();
    return chunks;
  }

  next(): Promise<IteratorResult<OutputChunk, undefined>> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      if (chunk.type === "data") this.#bytes -= chunk.data.length;
      if (this.#bytes < LOW_WATER_BYTES) this.#resume();
      return Promise.resolve({ done: false, value: chunk });
    }
    if (!this.#finished) return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    if (this.#error === undefined) return Promise.resolve({ done: true, value: undefined });
    const error = this.#error;
    this.#error = undefined;
    return Promise.reject(error);
  }

  return(): Promise<IteratorResult<OutputChunk, undefined>> {
    const early = !this.#finished;
    this.abort(undefined);
    if (early) this.#source.left();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #give(chunk: OutputChunk): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) {
      this.#chunks.push(chunk);
      return;
    }
    if (chunk.type === "data") this.#bytes -= chunk.data.length;
    waiting.resolve({ done: false, value: chunk });
  }

  #finish(error: unknown): void {
    this.#finished = true;
    this.#error = error;
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (this.#error === undefined) resolve({ done: true, value: undefined });
      else reject(this.#error);
      this.#error = undefined;
    }
    this.#resume();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#source.resume();
  }

  /** Makes the oldest bytes a gap until the rest fits. */
  #drop(limitBytes: number): void {
    let from: number | undefined;
    let to = 0;
    while (this.#bytes > limitBytes) {
      const [first, second] = this.#chunks;
      const oldest = first?.type === "gap" ? second : first;
      if (oldest?.type !== "data") break;
      from ??= first?.type === "gap" ? first.gap.from : oldest.cursor - oldest.data.length;
      this.#chunks.splice(0, first?.type === "gap" ? 2 : 1);
      this.#bytes -= oldest.data.length;
      to = oldest.cursor;
    }
    if (from !== undefined) this.#chunks.unshift({ type: "gap", gap: { from, to } });
  }
}
