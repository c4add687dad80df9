import type { Duplex } from "node:stream";
import {
  type FRAME,
  FRAME_HEADER_BYTES,
  type FrameType,
  MAX_DATA_BYTES,
  MAX_SOCKET_QUEUE_BYTES,
} from "./frame.ts";
import { FrameWriter } from "./frame-writer.ts";
import type { StreamOutbox } from "./stream-outbox.ts";

/** After so many bytes in one go the event loop gets its turn, even when the socket takes everything. */
const MAX_BYTES_A_TURN = 1024 * 1024;

/**
 * What a connection sends, in order: frames without flow control first (they overtake the data of other
 * streams), then one DATA frame of each stream in turn. The socket's own queue gets at most
 * MAX_SOCKET_QUEUE_BYTES (or one frame), so that what is urgent never waits behind much.
 *
 * Nothing is written during a send: an idle connection is flushed when the current callback is done (nextTick),
 * after that once a turn of the event loop, so that the many small answers of a turn leave as one write.
 */
export class SendQueue {
  readonly #duplex: Duplex;
  readonly #writer = new FrameWriter();
  /** Streams with sendable data; iteration order is whose turn it is. */
  readonly #ring = new Set<StreamOutbox>();
  readonly #onProgress: (() => void) | undefined;
  /** Set by streams that are not writable because too much waits here; cleared by who wakes them. */
  backlogged = false;
  #flushAsked = false;
  /** Something was written in this turn of the loop: the next flush is at its end. */
  #wrote = false;
  #stopped = false;
  /** DATA was put into the batch that is being made. */
  #dataAdded = false;
  /** Streams that sent something in this pump; they are told when it is over. */
  #sent: StreamOutbox[] = [];

  /** @param onProgress called after bytes were handed to the socket, never during a send */
  constructor(duplex: Duplex, onProgress?: () => void) {
    this.#duplex = duplex;
    this.#onProgress = onProgress;
  }

  /** Encoded bytes without flow control that wait for the socket. */
  get backlogBytes(): number {
    return this.#writer.bytes;
  }

  /** False when the text is too large for a frame; nothing is sent then. */
  text(type: FrameType, stream: number, text: string, limitBytes: number): boolean {
    if (this.#stopped) return true;
    if (!this.#writer.text(type, stream, text, limitBytes)) return false;
    this.#ask();
    return true;
  }

  empty(type: FrameType, stream: number): void {
    if (this.#stopped) return;
    this.#writer.empty(type, stream);
    this.#ask();
  }

  window(stream: number, credit: number): void {
    if (this.#stopped) return;
    this.#writer.window(stream, credit);
    this.#ask();
  }

  /** PING or PONG. */
  echo(type: FrameType, payload: Uint8Array): void {
    if (this.#stopped) return;
    this.#writer.header(type, 0, payload.length);
    this.#writer.part(payload);
    this.#ask();
  }

  /** The stream has data that its credit allows. */
  ready(outbox: StreamOutbox): void {
    if (this.#stopped) return;
    this.#ring.add(outbox);
    this.#ask();
  }

  /** The stream's queue was dropped. */
  forget(outbox: StreamOutbox): void {
    this.#ring.delete(outbox);
  }

  /** Hands all that is not DATA to the socket now, before the connection ends. */
  flushControl(): void {
    if (this.#stopped) return;
    this.#ring.clear();
    if (this.#writer.bytes > 0) this.#write(this.#writer.take(this.#writer.bytes));
  }

  stop(): void {
    this.#stopped = true;
    this.#ring.clear();
    this.#writer.take(this.#writer.bytes);
  }

  #ask(): void {
    if (this.#flushAsked) return;
    this.#flushAsked = true;
    // While a turn's end is awaited, `#turnEnded` does it.
    if (!this.#wrote) process.nextTick(this.#flush);
  }

  readonly #flush = (): void => {
    this.#flushAsked = false;
    this.#pump();
  };

  readonly #turnEnded = (): void => {
    this.#wrote = false;
    if (this.#flushAsked) this.#flush();
  };

  /** The socket took a batch: there may be room again. */
  readonly #taken = (): void => {
    if (this.#stopped || this.#flushAsked) return;
    if (this.#writer.bytes > 0 || this.#ring.size > 0) this.#pump();
  };

  #pump(): void {
    let total = 0;
    while (!this.#stopped) {
      const queued = this.#duplex.writableLength;
      const room = MAX_SOCKET_QUEUE_BYTES - queued;
      if (room <= 0) break;
      if (this.#writer.bytes < room) this.#addData(room, queued === 0);
      const bytes = this.#writer.bytes;
      if (bytes === 0) break;
      // DATA that was added leaves with this batch, so control frames of later never stand behind it.
      const batch = this.#writer.take(Math.max(room, this.#dataAdded ? bytes : 0));
      this.#dataAdded = false;
      if (batch.length === 0) break;
      total += Math.min(bytes, room);
      this.#write(batch);
      if (total >= MAX_BYTES_A_TURN && (this.#ring.size > 0 || this.#writer.bytes > 0)) {
        this.#flushAsked = true;
        break;
      }
    }
    if (this.#sent.length > 0) {
      const sent = this.#sent;
      this.#sent = [];
      for (const outbox of sent) outbox.onSent();
    }
    if (total > 0) this.#onProgress?.();
  }

  #addData(room: number, socketEmpty: boolean): void {
    for (const outbox of this.#ring) {
      const next = outbox.nextFrameBytes(MAX_DATA_BYTES);
      const used = this.#writer.bytes;
      const fits = used + next + FRAME_HEADER_BYTES <= room;
      if (!fits && !(used === 0 && socketEmpty)) return;
      this.#ring.delete(outbox);
      this.#dataAdded = true;
      outbox.emit(this.#writer, MAX_DATA_BYTES);
      this.#sent.push(outbox);
      if (outbox.sendable) this.#ring.add(outbox);
      if (this.#writer.bytes >= room) return;
    }
  }

  #write(batch: Uint8Array[]): void {
    if (!this.#wrote) {
      this.#wrote = true;
      setImmediate(this.#turnEnded);
    }
    const duplex = this.#duplex;
    if (duplex.destroyed || duplex.writableEnded) return;
    if (batch.length === 1) {
      duplex.write(batch[0], this.#taken);
      return;
    }
    duplex.cork();
    const last = batch.length - 1;
    for (let index = 0; index < last; index += 1) duplex.write(batch[index]);
    duplex.write(batch[last], this.#taken);
    duplex.uncork();
  }
}

/** Types that wait behind the data of their stream. */
export type OrderedType = typeof FRAME.RESPONSE | typeof FRAME.EVENT | typeof FRAME.END;
