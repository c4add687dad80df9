import { Duplex } from "node:stream";
import { type BerthError, berthError } from "../../contract/errors.ts";
import { MAX_DATA_BYTES } from "../../wire/frame.ts";
import type { StreamHandler, WireStream } from "../../wire/types.ts";

/**
 * A wire stream that carries plain bytes both ways as a Node stream: window credit is given as its reader takes,
 * writes wait for the window, END is half-close, RESET destroys. `opened` settles with the RESPONSE.
 */
export class StreamDuplex extends Duplex {
  readonly opened: Promise<unknown>;
  readonly #stream: WireStream;
  readonly #opening = Promise.withResolvers<unknown>();
  #isOpen = false;
  #peerEnded = false;
  /** Bytes handed to the reader that were not given back yet. */
  #unread = 0;
  #writing: { bytes: Uint8Array; done: (error?: Error | null) => void } | undefined;

  constructor(open: (handler: StreamHandler) => WireStream) {
    super({
      allowHalfOpen: true,
      readableHighWaterMark: MAX_DATA_BYTES,
      writableHighWaterMark: MAX_DATA_BYTES,
    });
    this.opened = this.#opening.promise;
    this.opened.catch(() => undefined);
    this.#stream = open({
      onResponse: (result) => {
        this.#isOpen = true;
        this.#opening.resolve(result);
      },
      onData: (chunk) => this.#receive(chunk),
      onEnd: () => {
        this.#peerEnded = true;
        this.push(null);
      },
      onReset: (error) => this.#resetByPeer(error),
      onWritable: () => this.#send(),
    });
  }

  #receive(chunk: Uint8Array): void {
    if (this.push(chunk)) this.#stream.consumed(chunk.length);
    else this.#unread += chunk.length;
  }

  #resetByPeer(error: BerthError): void {
    this.#opening.reject(error);
    this.destroy(error);
  }

  override _read(): void {
    const bytes = this.#unread;
    this.#unread = 0;
    if (bytes > 0) this.#stream.consumed(bytes);
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#writing = { bytes: chunk, done };
    this.#send();
  }

  #send(): void {
    const writing = this.#writing;
    if (writing === undefined) return;
    let { bytes } = writing;
    while (bytes.length > 0) {
      const room = this.#stream.writable();
      if (room <= 0) {
        this.#writing = { bytes, done: writing.done };
        return;
      }
      this.#stream.data(bytes.subarray(0, room));
      bytes = bytes.subarray(room);
    }
    this.#writing = undefined;
    writing.done();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#stream.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const finished = this.#peerEnded && this.writableFinished;
    if (!this.#stream.closed && !finished) this.#stream.reset(berthError("operation.aborted"));
    if (!this.#isOpen) this.#opening.reject(error ?? berthError("operation.aborted"));
    const writing = this.#writing;
    this.#writing = undefined;
    writing?.done(error ?? berthError("operation.aborted"));
    done(error);
  }
}
