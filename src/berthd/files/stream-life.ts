import type { WireStream } from "../../wire/types.ts";

/** The sending half of a stream: knows when the client has gone, and waits for credit. */
export class Outgoing {
  readonly stream: WireStream;
  /** Called when the client has gone. */
  onAbort: (() => void) | undefined;
  #aborted = false;
  #wake: (() => void) | undefined;

  constructor(stream: WireStream) {
    this.stream = stream;
    stream.handler = {
      onData: (chunk) => stream.consumed(chunk.length),
      onWritable: () => this.#wake?.(),
      onReset: () => {
        this.#aborted = true;
        this.#wake?.();
        this.onAbort?.();
      },
    };
  }

  /** The client reset the stream, or the connection is gone. */
  get aborted(): boolean {
    return this.#aborted;
  }

  /** Settles when bytes may be sent, or the client has gone. */
  async writable(): Promise<void> {
    while (!this.#aborted && this.stream.writable() <= 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#wake = undefined;
  }
}

/** The receiving half: DATA of the client in batches, each with its credit given back after use. */
export class Incoming {
  readonly stream: WireStream;
  #chunks: Uint8Array[] = [];
  #ended = false;
  #aborted = false;
  #wake: (() => void) | undefined;

  constructor(stream: WireStream) {
    this.stream = stream;
    stream.handler = {
      onData: (chunk) => {
        this.#chunks.push(chunk);
        this.#wake?.();
      },
      onDataParts: (parts) => {
        this.#chunks.push(...parts);
        this.#wake?.();
      },
      onEnd: () => {
        this.#ended = true;
        this.#wake?.();
      },
      onReset: () => {
        this.#aborted = true;
        this.#chunks = [];
        this.#wake?.();
      },
    };
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  /** Everything that has arrived; undefined at the end. The caller gives the credit back by `done`. */
  async take(): Promise<Uint8Array[] | undefined> {
    while (this.#chunks.length === 0) {
      if (this.#ended || this.#aborted) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#chunks.splice(0);
  }

  /** The bytes of these chunks are used: the client may send as many more. */
  done(chunks: readonly Uint8Array[]): void {
    if (!this.#aborted && !this.#ended) this.stream.consumed(byteLength(chunks));
  }
}

export function byteLength(chunks: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const chunk of chunks) bytes += chunk.length;
  return bytes;
}
