import { Duplex, Readable, Writable } from "node:stream";
import type { ClientChannel } from "ssh2";
import type { BerthError } from "../../../contract/errors.ts";
import { fullAtOnce } from "./inside.ts";

/**
 * What one stream of a channel may hold unread before the other one has to wait too. They share the channel's window:
 * without this the server would go on sending what nobody reads as long as the other stream is read.
 */
const BACKLOG_BYTES = 1024 * 1024;

/** Passes what a stream of a channel gives on to a stream of Berth's, whose reader sets the pace. */
class Intake {
  readonly #source: Readable;
  readonly #sink: Readable;
  #peer: Intake | undefined;
  #wanted = false;
  #flowing = false;
  #failure: BerthError | undefined;
  #done = false;
  bytes = 0;

  constructor(source: Readable, sink: Readable, emptyEnd?: () => BerthError) {
    this.#source = source;
    this.#sink = sink;
    source.pause();
    fullAtOnce(source);
    source.on("data", (chunk: Buffer) => {
      this.bytes += chunk.length;
      if (this.#sink.destroyed) return;
      if (!this.#sink.push(chunk)) this.#wanted = false;
      this.flow();
      this.#peer?.flow();
    });
    source.once("end", () => {
      this.#done = true;
      this.#peer?.flow();
      if (this.bytes === 0) this.#failure ??= emptyEnd?.();
      if (this.#failure === undefined) this.#sink.push(null);
      else this.settle();
    });
  }

  /** The other stream of the same channel. */
  pair(peer: Intake): void {
    this.#peer = peer;
    peer.#peer = this;
  }

  /** The reader wants more. */
  want(): void {
    this.#wanted = true;
    this.flow();
    this.#peer?.flow();
  }

  /** Nobody reads any more: what comes is dropped, so that the other stream and the channel's end get through. */
  drop(): void {
    this.want();
  }

  /** The connection is gone; the reader is told after what has arrived. */
  fail(error: BerthError): void {
    if (this.#done) return;
    this.#failure = error;
    this.settle();
  }

  /** Tells of the failure once everything is read; called after each read. */
  settle(): void {
    if (this.#failure === undefined || this.#sink.readableLength > 0) return;
    if (this.#source.readableLength > 0) return;
    const failure = this.#failure;
    // What has just been read is handed over first.
    process.nextTick(() => this.#sink.destroy(failure));
  }

  /** Stops or starts the source by what the reader and the other stream allow. */
  flow(): void {
    const peer = this.#peer;
    const held = peer !== undefined && !peer.#wanted && peer.#source.readableLength >= BACKLOG_BYTES;
    const flows = this.#wanted && !held;
    if (flows === this.#flowing) return;
    this.#flowing = flows;
    if (flows) this.#source.resume();
    else this.#source.pause();
  }
}

/** Hands writes to a channel, one at a time: ssh2 says a write is done when it fits in what the server takes. */
class Outlet {
  readonly #channel: ClientChannel;
  #pending: ((error?: Error | null) => void) | undefined;
  #closed = false;

  constructor(channel: ClientChannel) {
    this.#channel = channel;
  }

  write(chunk: Buffer, done: (error?: Error | null) => void): void {
    if (this.#closed) {
      done();
      return;
    }
    this.#pending = done;
    this.#channel.write(chunk, () => this.#settle());
  }

  end(done: (error?: Error | null) => void): void {
    if (!this.#closed) this.#channel.end();
    done();
  }

  /** The other side reads no more: what is written is dropped, as a command may end without reading its input. */
  close(): void {
    this.#closed = true;
    this.#settle();
  }

  #settle(): void {
    const done = this.#pending;
    this.#pending = undefined;
    done?.();
  }
}

const ignoreError = (): void => {};

/** stdout or stderr of a command. */
export class ChannelOutput extends Readable {
  readonly intake: Intake;

  constructor(source: Readable) {
    super({ highWaterMark: 64 * 1024 });
    this.intake = new Intake(source, this);
    // The command's `exit` tells of it; a stream that nobody looks at must not end the process.
    this.on("error", ignoreError);
  }

  override read(size?: number): unknown {
    const chunk: unknown = super.read(size);
    this.intake.settle();
    return chunk;
  }

  override _read(): void {
    this.intake.want();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.intake.drop();
    done(error);
  }
}

/** stdin of a command. */
export class ChannelInput extends Writable {
  readonly outlet: Outlet;

  constructor(channel: ClientChannel) {
    super({ highWaterMark: 64 * 1024 });
    this.outlet = new Outlet(channel);
    this.on("error", ignoreError);
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.outlet.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.outlet.end(done);
  }
}

/** A channel that is a byte stream: to a socket, to a TCP port, to a subsystem. */
export class ChannelDuplex extends Duplex {
  readonly #channel: ClientChannel;
  readonly #intake: Intake;
  readonly #outlet: Outlet;

  /** @param emptyEnd what it means when the other side ends it without a byte; nothing unless given */
  constructor(channel: ClientChannel, emptyEnd?: () => BerthError) {
    super({ highWaterMark: 64 * 1024, allowHalfOpen: true });
    this.#channel = channel;
    this.#intake = new Intake(channel, this, emptyEnd);
    this.#outlet = new Outlet(channel);
    channel.stderr.resume();
    channel.once("close", () => {
      this.#outlet.close();
      // Nothing can be written any more; what was read before is still handed over.
      if (this.readableEnded) this.destroy();
      else this.once("end", () => this.destroy());
    });
    this.on("error", ignoreError);
  }

  /** Bytes that have come from the other side. */
  get bytesRead(): number {
    return this.#intake.bytes;
  }

  /** The connection is gone. */
  fail(error: BerthError): void {
    this.#outlet.close();
    this.#intake.fail(error);
  }

  override read(size?: number): unknown {
    const chunk: unknown = super.read(size);
    this.#intake.settle();
    return chunk;
  }

  override _read(): void {
    this.#intake.want();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#outlet.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#outlet.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#outlet.close();
    this.#intake.drop();
    this.#channel.close();
    done(error);
  }
}
