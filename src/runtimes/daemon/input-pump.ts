import type { BerthError } from "../../contract/errors.ts";
import { MAX_DATA_BYTES, MAX_WINDOW_BYTES } from "../../wire/frame.ts";
import type { WireStream } from "../../wire/types.ts";

/** Chunks are dropped in portions, so that many small ones don't move the list each time. */
const FORGET_PORTION_BYTES = 1024 * 1024;

/** A write that waits until its last byte has been sent. */
interface Waiting {
  readonly end: number;
  readonly resolve: () => void;
  readonly reject: (error: BerthError) => void;
}

/**
 * Input of a process: sends within the window of the stream and keeps what the daemon may not have yet, so that
 * after a reconnect it goes on at exactly the byte that the daemon asks for. What is kept is bounded by the
 * largest window.
 */
export class InputPump {
  /** Chunks from offset `#keptFrom` to `#end`, in order. */
  #chunks: Uint8Array[] = [];
  #keptFrom = 0;
  #end = 0;
  /** Offset of the next byte to send, and where it lies: index of the chunk and offset in it. */
  #sent = 0;
  #index = 0;
  #offset = 0;
  #ended = false;
  #stream: WireStream | undefined;
  #waiting: Waiting[] = [];
  #closed: BerthError | undefined;
  /** Called once by `close`. */
  onClosed: (() => void) | undefined;
  /** False for a terminal, whose EOF is a character among others. */
  readonly #sendsEnd: boolean;

  constructor(options: { readonly sendsEnd?: boolean } = {}) {
    this.#sendsEnd = options.sendsEnd ?? true;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** What is sent on now. */
  get stream(): WireStream | undefined {
    return this.#stream;
  }

  /** Bytes that were given to it. */
  get bytes(): number {
    return this.#end;
  }

  /** No more input is taken. */
  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** A stream to send on; `accepted` is the number of bytes that the daemon has taken over in all. */
  attach(stream: WireStream, accepted: number): void {
    if (this.#closed !== undefined) return;
    this.#stream = stream;
    this.#seek(Math.min(Math.max(accepted, this.#keptFrom), this.#end));
    this.pump();
  }

  /** The stream is gone; sending goes on with the next `attach`. */
  detach(): void {
    this.#stream = undefined;
  }

  /** Resolves when the bytes have been sent within the window. They must not be changed meanwhile. */
  write(bytes: Uint8Array): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    this.push(bytes);
    return this.sent();
  }

  /** Resolves when everything given until now has been sent within the window. */
  sent(): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    if (this.#sent === this.#end) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ end: this.#end, resolve, reject });
    });
  }

  /** As `write`, for a caller that does not wait. */
  push(bytes: Uint8Array): void {
    if (this.#closed !== undefined || bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#end += bytes.length;
    this.pump();
  }

  /** No more input. Idempotent. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.pump();
  }

  /**
   * The process takes no input any more: waiting and later writes fail with the error. `finished` says that it
   * has ended by itself, so that the stream's input half is ended too; otherwise the input must not look whole.
   */
  close(error: BerthError, finished: boolean): void {
    if (this.#closed !== undefined) return;
    this.#closed = error;
    this.#chunks = [];
    const stream = this.#stream;
    this.#stream = undefined;
    if (finished) stream?.end();
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
    this.onClosed?.();
  }

  pump(): void {
    const stream = this.#stream;
    if (stream === undefined || stream.closed) return;
    let room = stream.writable();
    while (this.#index < this.#chunks.length && room > 0) {
      const chunk = this.#chunks[this.#index]!;
      const length = Math.min(chunk.length - this.#offset, room, MAX_DATA_BYTES);
      const whole = length === chunk.length;
      stream.data(whole ? chunk : chunk.subarray(this.#offset, this.#offset + length));
      this.#advance(length);
      room = stream.writable();
    }
    this.#forget(room);
    if (this.#ended && this.#sendsEnd && this.#sent === this.#end) stream.end();
    while (this.#waiting.length > 0 && this.#waiting[0]!.end <= this.#sent) this.#waiting.shift()!.resolve();
  }

  #advance(length: number): void {
    this.#sent += length;
    this.#offset += length;
    if (this.#offset === this.#chunks[this.#index]!.length) {
      this.#index++;
      this.#offset = 0;
    }
  }

  /**
   * Drops what the daemon has for certain. Credit is given as it takes bytes over, and the window is never more
   * than MAX_WINDOW_BYTES, so all that lies further back than that has been taken.
   */
  #forget(room: number): void {
    const taken = this.#sent + Math.max(0, room) - MAX_WINDOW_BYTES;
    if (taken - this.#keptFrom < FORGET_PORTION_BYTES) return;
    let whole = 0;
    while (whole < this.#index && this.#keptFrom + this.#chunks[whole]!.length <= taken) {
      this.#keptFrom += this.#chunks[whole]!.length;
      whole++;
    }
    if (whole === 0) return;
    this.#chunks.splice(0, whole);
    this.#index -= whole;
  }

  #seek(offset: number): void {
    let at = this.#keptFrom;
    let index = 0;
    while (index < this.#chunks.length && at + this.#chunks[index]!.length <= offset) {
      at += this.#chunks[index]!.length;
      index++;
    }
    this.#sent = offset;
    this.#index = index;
    this.#offset = offset - at;
  }
}
