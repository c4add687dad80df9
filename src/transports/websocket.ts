import { Duplex } from "node:stream";
import type { WebSocket } from "ws";

/** As a socket's: enough for one full DATA frame to be on its way. */
const HIGH_WATER_MARK_BYTES = 64 * 1024;
/** Larger messages are refused by the receiver; no sender makes one. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;
/** Options of every WebSocket that carries bytes: they are not compressed, which would cost more than it gives. */
export const BYTE_SOCKET = { perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES } as const;

/**
 * A byte stream over an open WebSocket, whose messages are pieces of any size. It pushes back both ways: what is
 * written counts until the kernel has taken it, and a reader that stops stops the socket. The end of either side ends
 * both, as a WebSocket has no half-close.
 */
export function webSocketStream(socket: WebSocket): Duplex {
  return new WebSocketStream(socket);
}

class WebSocketStream extends Duplex {
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    super({
      readableHighWaterMark: HIGH_WATER_MARK_BYTES,
      writableHighWaterMark: HIGH_WATER_MARK_BYTES,
    });
    this.#socket = socket;
    socket.binaryType = "nodebuffer";
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      if (!isBinary) this.destroy(new Error("a text message where there are only bytes"));
      else if (data.length > 0 && !this.push(data)) socket.pause();
    });
    socket.on("close", () => {
      if (!this.readableEnded) this.push(null);
      if (!this.writableFinished) this.destroy();
    });
    socket.on("error", (error) => this.destroy(error));
    // The other side may break it before whoever asked for it listens; then it is found destroyed.
    this.on("error", () => {});
  }

  override _read(): void {
    if (this.#socket.isPaused) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#send(chunk, done);
  }

  /** Many small pieces leave as one message, of the size that one write may have. */
  override _writev(
    pieces: { chunk: Buffer; encoding: string }[],
    done: (error?: Error | null) => void,
  ): void {
    let batch: Buffer[] = [];
    let bytes = 0;
    const flush = (sent: (error?: Error | null) => void): void => {
      this.#send(batch.length === 1 ? (batch[0] as Buffer) : Buffer.concat(batch, bytes), sent);
      batch = [];
      bytes = 0;
    };
    for (const { chunk } of pieces) {
      if (bytes > 0 && bytes + chunk.length > HIGH_WATER_MARK_BYTES) flush(() => undefined);
      batch.push(chunk);
      bytes += chunk.length;
    }
    flush(done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.close(1000);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.terminate();
    done(error);
  }

  #send(bytes: Buffer, done: (error?: Error | null) => void): void {
    // A socket that is closing gives no error to who writes: the stream ends by its close.
    if (this.#socket.readyState !== this.#socket.OPEN) {
      done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
      return;
    }
    this.#socket.send(bytes, { binary: true }, done);
  }
}
