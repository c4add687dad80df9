import type { BerthError } from "../../contract/errors.ts";
import type { ExitStatus, OutputChunk, OutputFile, OutputStream } from "../../contract/process.ts";
import type { WireStream } from "../../wire/types.ts";
import type { FlowSink, OutputFlow } from "./output-flow.ts";

/** Credit is given back in portions, a fraction of the window, so that a frame for each chunk is saved. */
const CREDIT_PORTION_BYTES = 32 * 1024;

interface Entry {
  readonly chunk: OutputChunk;
  readonly cost: number;
  readonly origin: WireStream | undefined;
}

interface Waiting {
  readonly resolve: (result: IteratorResult<OutputChunk, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Output for one reader that takes it at its own pace: holds at most a window of bytes, as credit is given only
 * for what was taken. An iterator; `onReturn` is called when the reader leaves early.
 */
export class OutputQueue implements FlowSink, AsyncIterableIterator<OutputChunk, undefined> {
  #entries: Entry[] = [];
  #next = 0;
  readonly #waiting: Waiting[] = [];
  #finished = false;
  #error: BerthError | undefined;
  #owed = 0;
  #owedTo: WireStream | undefined;
  #takesAll = false;
  flow: OutputFlow | undefined;
  onReturn: (() => void) | undefined;
  /** Called once when no more will come, whether or not it was taken. */
  onFinished: (() => void) | undefined;

  data(stream: OutputStream, data: Uint8Array, cursor: number, cost: number, origin: WireStream): void {
    this.#push({ chunk: { type: "data", stream, data, cursor }, cost, origin });
  }

  gap(from: number, to: number): void {
    this.#push({ chunk: { type: "gap", gap: { from, to } }, cost: 0, origin: undefined });
  }

  ended(exit: ExitStatus | undefined, error: BerthError | undefined, file?: OutputFile): void {
    if (this.#finished) return;
    if (exit !== undefined) {
      const cursor = this.flow?.cursor ?? 0;
      this.#push({ chunk: { type: "exit", exit, cursor, ...file }, cost: 0, origin: undefined });
    }
    this.#error = error;
    this.#finish();
  }

  /** Ends at once: what is queued is dropped, and the reader gets the error. */
  abort(error: BerthError): void {
    this.#entries = [];
    this.#next = 0;
    this.#error = error;
    this.#finish();
  }

  /** From now on credit is given for what arrives, also when nobody takes it: what is ahead of the end must not wait for it. */
  takeAll(): void {
    this.#takesAll = true;
    const entries = this.#entries.slice(this.#next);
    this.#next = 0;
    this.#entries = entries.map((entry) => ({ ...entry, cost: 0 }));
    for (const { origin, cost } of entries) if (origin !== undefined) this.#pay(origin, cost);
  }

  /** Ends at once, without an error: nobody has asked for what is queued. */
  drop(): void {
    this.#entries = [];
    this.#next = 0;
    this.#finish();
  }

  /** Hands what is queued to another sink, which receives the rest from now on. */
  drainTo(sink: FlowSink): void {
    for (const entry of this.#entries.slice(this.#next)) {
      const { chunk } = entry;
      if (chunk.type === "data" && entry.origin !== undefined) {
        sink.data(chunk.stream, chunk.data, chunk.cursor, entry.cost, entry.origin);
      } else if (chunk.type === "gap") sink.gap(chunk.gap.from, chunk.gap.to);
      else if (chunk.type === "exit") sink.ended(chunk.exit, undefined, fileOf(chunk));
    }
    if (this.#finished && this.#error !== undefined) sink.ended(undefined, this.#error);
    this.#entries = [];
    this.#next = 0;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<OutputChunk, undefined>> {
    const entry = this.#entries[this.#next];
    if (entry !== undefined) {
      this.#advance();
      if (entry.origin !== undefined) this.#pay(entry.origin, entry.cost);
      return Promise.resolve({ done: false, value: entry.chunk });
    }
    return new Promise((resolve, reject) => {
      if (this.#finished) this.#settle({ resolve, reject });
      else this.#waiting.push({ resolve, reject });
    });
  }

  return(): Promise<IteratorResult<OutputChunk, undefined>> {
    this.#entries = [];
    this.#next = 0;
    this.#error = undefined;
    if (!this.#finished) {
      this.#finish();
      this.onReturn?.();
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  #push(entry: Entry): void {
    if (this.#finished && !this.#takesAll) return;
    const waiting = this.#waiting.shift();
    if (waiting === undefined && !this.#takesAll) {
      this.#entries.push(entry);
      return;
    }
    if (waiting === undefined && !this.#finished) this.#entries.push({ ...entry, cost: 0 });
    if (entry.origin !== undefined) this.#pay(entry.origin, entry.cost);
    waiting?.resolve({ done: false, value: entry.chunk });
  }

  #finish(): void {
    this.#finished = true;
    this.onFinished?.();
    this.onFinished = undefined;
    for (const waiting of this.#waiting.splice(0)) this.#settle(waiting);
  }

  #advance(): void {
    this.#next++;
    if (this.#next === this.#entries.length) {
      this.#entries = [];
      this.#next = 0;
    } else if (this.#next === 256) {
      this.#entries.splice(0, 256);
      this.#next = 0;
    }
  }

  #settle(waiting: Waiting): void {
    if (this.#error === undefined) waiting.resolve({ done: true, value: undefined });
    else {
      const error = this.#error;
      this.#error = undefined;
      waiting.reject(error);
    }
  }

  #pay(origin: WireStream, cost: number): void {
    if (origin !== this.#owedTo) {
      this.#owedTo = origin;
      this.#owed = 0;
    }
    this.#owed += cost;
    if (this.#owed < CREDIT_PORTION_BYTES && !this.#takesAll) return;
    this.flow?.consumed(origin, this.#owed);
    this.#owed = 0;
  }
}

function fileOf({ outputFile, outputFileCut }: OutputFile): OutputFile | undefined {
  return outputFile === undefined ? undefined : { outputFile, outputFileCut };
}
