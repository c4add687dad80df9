import { Transform, type TransformCallback } from "node:stream";

/** A ping without payload (RFC 6455, 5.5.2), as servers send it. */
const PING = Buffer.from([0x89, 0]);

/**
 * Frames of a WebSocket on their way to the browser, with a ping between two of them where nothing is said for a while; the
 * browser's pong goes to the application, to which unasked ones mean nothing. Only headers of frames are looked at.
 */
export class SocketHeartbeat extends Transform {
  readonly #timer: NodeJS.Timeout;
  /** Bytes left of the frame's payload, and of its header what has come. */
  #payload = 0;
  #header: number[] = [];
  #heard = true;
  #closing = false;

  constructor(everyMs: number) {
    super();
    this.#timer = setInterval(() => this.#beat(), everyMs).unref();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#heard = true;
    this.#follow(chunk);
    done(null, chunk);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearInterval(this.#timer);
    done(error);
  }

  override _flush(done: TransformCallback): void {
    clearInterval(this.#timer);
    done();
  }

  #beat(): void {
    const isBetween = this.#payload === 0 && this.#header.length === 0;
    if (!this.#heard && isBetween && !this.#closing && this.readableLength === 0) this.push(PING);
    this.#heard = false;
  }

  #follow(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#payload > 0) {
        const taken = Math.min(this.#payload, chunk.length - at);
        this.#payload -= taken;
        at += taken;
        continue;
      }
      this.#header.push(chunk[at] ?? 0);
      at += 1;
      const length = payloadLength(this.#header);
      if (length === undefined) continue;
      // Behind a close frame nothing may follow.
      if (((this.#header[0] ?? 0) & 0x0f) === 8) this.#closing = true;
      this.#payload = length;
      this.#header = [];
    }
  }
}

/** Bytes behind a header, a mask not among them; undefined: it goes on. */
function payloadLength(header: readonly number[]): number | undefined {
  const second = header[1];
  if (second === undefined) return undefined;
  const short = second & 0x7f;
  const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
  const mask = (second & 0x80) === 0 ? 0 : 4;
  if (header.length < 2 + extra + mask) return undefined;
  return extra === 0 ? short : header.slice(2, 2 + extra).reduce((sum, byte) => sum * 256 + byte, 0);
}
