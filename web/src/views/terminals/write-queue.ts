export interface WriteQueueOptions {
  /** Gives bytes to the terminal; `done` is called when it has taken them in. */
  readonly write: (bytes: Uint8Array, done: () => void) => void;
  /** At most so many at a time: what is being taken in keeps the page from answering. */
  readonly sliceBytes: number;
  /** Given and not yet taken in. */
  readonly maxBytes: number;
}

/** Output on its way into a terminal: in slices, and never much of it at once. One at a time may push. */
export class WriteQueue implements Disposable {
  readonly #options: WriteQueueOptions;
  #unwritten = 0;
  #disposed = false;
  #wake: (() => void) | undefined;

  constructor(options: WriteQueueOptions) {
    this.#options = options;
  }

  /** Bytes that the terminal was given and has not yet taken in. */
  get unwritten(): number {
    return this.#unwritten;
  }

  /** Resolves when all of it has been given to the terminal, which is when there is room for more. */
  async push(bytes: Uint8Array): Promise<void> {
    const { write, sliceBytes, maxBytes } = this.#options;
    for (let at = 0; at < bytes.length; at += sliceBytes) {
      const slice = bytes.subarray(at, at + sliceBytes);
      while (!this.#disposed && this.#unwritten > 0 && this.#unwritten + slice.length > maxBytes) {
        await this.#taken();
      }
      if (this.#disposed) return;
      this.#unwritten += slice.length;
      write(slice, () => {
        this.#unwritten -= slice.length;
        this.#wake?.();
      });
    }
  }

  /** Resolves when the terminal has taken in everything. */
  async drained(): Promise<void> {
    while (!this.#disposed && this.#unwritten > 0) await this.#taken();
  }

  /** Nothing is given any more, and nobody waits. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#wake?.();
  }

  #taken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
