import { Socket } from "node:net";

/**
 * One buffer for all pipes: a chunk is copied into its log within the callback, before the next read can
 * happen, so that a thousand quiet processes hold no read buffers.
 */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024);

/** Reads a pipe's descriptor until its end. `onData` returns false to pause; the bytes are only valid in it. */
export class PipeReader {
  readonly #socket: Socket;
  /** Every byte was read and no writer is left. */
  ended = false;
  paused = false;
  /** Counts what was read, so that silence can be noticed. */
  bytes = 0;

  constructor(descriptor: number, onData: (bytes: Uint8Array) => boolean, onEnd: () => void) {
    const finish = (): void => {
      if (this.ended) return;
      this.ended = true;
      onEnd();
    };
    this.#socket = new Socket({
      fd: descriptor,
      readable: true,
      writable: false,
      onread: {
        buffer: READ_BUFFER,
        callback: (count, buffer) => {
          this.bytes += count;
          const proceed = onData(count === buffer.length ? buffer : buffer.subarray(0, count));
          this.paused = !proceed;
          return proceed;
        },
      },
    });
    this.#socket.on("end", finish);
    this.#socket.on("close", finish);
    // EIO of a pipe whose writers died ends it just as EOF does.
    this.#socket.on("error", finish);
    this.#socket.resume();
  }

  resume(): void {
    if (!this.paused || this.ended) return;
    this.paused = false;
    this.#socket.resume();
  }

  /** An idle reader doesn't keep the daemon alive. */
  destroy(): void {
    this.#socket.destroy();
  }
}
