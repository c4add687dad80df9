import { type BerthError, berthError } from "../../contract/errors.ts";
import type { StreamHandler, WireStream } from "../../wire/types.ts";

/**
 * Sends bytes on a stream whose answer comes at the end (fs.write, fs.upload), within its window. `answer` is the
 * RESPONSE. A stream that is aborted leaves the place as it was.
 */
export class StreamWriter {
  readonly answer: Promise<unknown>;
  readonly #answer = Promise.withResolvers<unknown>();
  readonly #stream: WireStream;
  #failure: BerthError | undefined;
  #room: PromiseWithResolvers<void> | undefined;

  constructor(open: (handler: StreamHandler) => WireStream) {
    this.answer = this.#answer.promise;
    this.answer.catch(() => undefined);
    this.#stream = open({
      onResponse: (result) => this.#answer.resolve(result),
      onReset: (error) => this.#fail(error),
      onEnd: () => this.#fail(berthError("wire.protocol_error", { message: "the answer is missing" })),
      onWritable: () => {
        this.#room?.resolve();
        this.#room = undefined;
      },
    });
  }

  /** Nothing more is taken. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Resolves when the bytes are within the window; they must not be changed until the answer. */
  async write(bytes: Uint8Array): Promise<void> {
    let rest = this.#sendSome(bytes);
    while (rest.length > 0) {
      this.#room ??= Promise.withResolvers();
      await this.#room.promise;
      rest = this.#sendSome(rest);
    }
  }

  /** The end of the bytes; the answer. */
  async finish(): Promise<unknown> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#stream.end();
    return await this.answer;
  }

  /** Breaks off: everything that was sent is void. */
  abort(error: BerthError): void {
    if (!this.#stream.closed) this.#stream.reset(error);
    this.#fail(error);
  }

  /** Sends what fits now; returns the rest. */
  #sendSome(bytes: Uint8Array): Uint8Array {
    if (this.#failure !== undefined) throw this.#failure;
    let rest = bytes;
    for (let room = this.#stream.writable(); room > 0 && rest.length > 0; room = this.#stream.writable()) {
      const part = rest.length <= room ? rest : rest.subarray(0, room);
      this.#stream.data(part);
      rest = rest.subarray(part.length);
    }
    return rest;
  }

  #fail(error: BerthError): void {
    this.#failure ??= error;
    this.#answer.reject(error);
    this.#room?.resolve();
    this.#room = undefined;
  }
}
