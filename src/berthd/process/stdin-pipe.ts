import { Socket } from "node:net";

/** EOF character of a terminal in canonical mode (^D). */
const END_OF_TRANSMISSION = Uint8Array.of(4);

/**
 * A process's input. When the process lives on and no longer reads, what comes is discarded, as a closed pipe would;
 * when it has ended, nothing more is asked for, and the stream's end tells the writer so.
 */
export class StdinPipe {
  readonly #tty: boolean;
  #socket: Socket | undefined;
  #ended = false;
  /** EOF was sent, or the process stopped reading. */
  closed = false;

  constructor(descriptor: number, tty: boolean) {
    this.#tty = tty;
    this.#socket = new Socket({ fd: descriptor, readable: false, writable: true });
    this.#socket.on("error", () => this.destroy());
    this.#socket.on("close", () => this.destroy());
  }

  /** `done` is called when the kernel has the bytes, or they are discarded; never after the process's end. */
  write(chunk: Uint8Array, done: () => void): void {
    const taken = (): void => {
      if (!this.#ended) done();
    };
    if (this.#socket === undefined || this.closed) taken();
    else this.#socket.write(chunk, taken);
  }

  /** The process has ended. */
  processEnded(): void {
    this.#ended = true;
    this.destroy();
  }

  /** EOF: closes the pipe; on a terminal it is the EOF character, and more may follow. */
  end(): void {
    if (this.#tty) {
      this.#socket?.write(END_OF_TRANSMISSION);
      return;
    }
    this.closed = true;
    this.#socket?.end();
  }

  destroy(): void {
    this.closed = true;
    this.#socket?.destroy();
    this.#socket = undefined;
  }
}
