import type { BerthError } from "../../contract/errors.ts";
import type { StreamHandler, WireStream } from "../../wire/types.ts";

interface Waiting {
  readonly resolve: (result: IteratorResult<Uint8Array, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Bytes of a stream at the pace of one reader: credit is given for what was taken, so at most a window is held.
 * `opened` is the RESPONSE. Leaving the iteration early ends the stream.
 */
export class StreamReader implements StreamHandler, AsyncIterableIterator<Uint8Array, undefined> {
  readonly opened: Promise<unknown>;
  readonly #opening = Promise.withResolvers<unknown>();
  readonly #abort: BerthError;
  #stream: WireStream | undefined;
  #chunks: Uint8Array[] = [];
  #waiting: Waiting[] = [];
  #ended = false;
  #error: BerthError | undefined;
  /** What the peer says besides the bytes. */
  onExtra: ((value: unknown) => void) | undefined;

  /** `aborted` is what the peer is told when the reader leaves early. */
  constructor(open: (handler: StreamHandler) => WireStream, aborted: BerthError) {
    this.#abort = aborted;
    this.opened = this.#opening.promise;
    this.opened.catch(() => undefined);
    this.#stream = open(this);
  }

  onResponse(result: unknown): void {
    this.#opening.resolve(result);
  }

  onEvent(value: unknown): void {
    this.onExtra?.(value);
  }

  onData(chunk: Uint8Array): void {
    if (this.#ended) return;
    const waiting = this.#waiting.shift();
    if (waiting === undefined) {
      this.#chunks.push(chunk);
    } else {
      this.#stream?.consumed(chunk.length);
      waiting.resolve({ done: false, value: chunk });
    }
  }

  onEnd(): void {
    this.#finish(undefined);
  }

  onReset(error: BerthError): void {
    this.#finish(error);
  }

  /** Ends at once with the error; what was not taken yet is dropped. */
  abort(error: BerthError): void {
    if (this.#ended && this.#chunks.length === 0) return;
    const stream = this.#stream;
    this.#chunks = [];
    this.#finish(error);
    this.#error = error;
    if (stream !== undefined && !stream.closed) stream.reset(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#stream?.consumed(chunk.length);
      return Promise.resolve({ done: false, value: chunk });
    }
    return new Promise((resolve, reject) => {
      if (this.#ended) this.#settle({ resolve, reject });
      else this.#waiting.push({ resolve, reject });
    });
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#chunks = [];
    const stream = this.#stream;
    if (!this.#ended) {
      this.#finish(undefined);
      if (stream !== undefined && !stream.closed) stream.reset(this.#abort);
    }
    this.#error = undefined;
    return Promise.resolve({ done: true, value: undefined });
  }

  #finish(error: BerthError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#opening.reject(error ?? this.#abort);
    for (const waiting of this.#waiting.splice(0)) this.#settle(waiting);
  }

  #settle(waiting: Waiting): void {
    const error = this.#error;
    this.#error = undefined;
    if (error === undefined) waiting.resolve({ done: true, value: undefined });
    else waiting.reject(error);
  }
}
