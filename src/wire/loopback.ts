import { Duplex } from "node:stream";

/** As a socket's: enough for one full DATA frame to be on its way. */
const HIGH_WATER_MARK_BYTES = 64 * 1024;

/**
 * Two ends of an in-memory byte stream, as those of a connected socket: what is written at one is read at the
 * other, by reference and with backpressure; END is half-close; destroying one ends the other.
 */
export function loopbackPair(): [Duplex, Duplex] {
  const left = new LoopbackEnd();
  const right = new LoopbackEnd();
  left.peer = right;
  right.peer = left;
  return [left, right];
}

class LoopbackEnd extends Duplex {
  peer: LoopbackEnd | undefined;
  /** Set while the other end's reader has enough: the write that waits. */
  #release: (() => void) | undefined;

  constructor() {
    super({
      readableHighWaterMark: HIGH_WATER_MARK_BYTES,
      writableHighWaterMark: HIGH_WATER_MARK_BYTES,
      allowHalfOpen: true,
    });
  }

  override _read(): void {
    if (this.peer !== undefined) this.peer.#wanted();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#send([chunk], done);
  }

  override _writev(
    chunks: { chunk: Buffer; encoding: string }[],
    done: (error?: Error | null) => void,
  ): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  override _final(done: (error?: Error | null) => void): void {
    this.peer?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const peer = this.peer;
    this.peer = undefined;
    // The other end learns of it as of a closed socket: after what was sent before.
    if (peer !== undefined && !peer.destroyed) setImmediate(() => peer.#peerGone());
    this.#wanted();
    done(error);
  }

  #send(chunks: readonly Buffer[], done: (error?: Error | null) => void): void {
    const peer = this.peer;
    if (peer === undefined || peer.destroyed) {
      done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
      return;
    }
    let more = true;
    for (const chunk of chunks) more = peer.push(chunk);
    if (more) done();
    else this.#release = done;
  }

  #wanted(): void {
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }

  #peerGone(): void {
    this.peer = undefined;
    this.#wanted();
    if (!this.readableEnded) this.push(null);
    if (!this.writableFinished) this.end();
  }
}
