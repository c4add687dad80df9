import { FRAME, INITIAL_WINDOW_BYTES, MAX_FRAME_BYTES } from "./frame.ts";
import type { FrameWriter } from "./frame-writer.ts";
import type { OrderedType, SendQueue } from "./send-queue.ts";

/** Data that a stream may have waiting here, whatever the peer's credit: more would only fill memory. */
export const MAX_STREAM_QUEUE_BYTES = 512 * 1024;
const RESUME_BELOW_BYTES = MAX_STREAM_QUEUE_BYTES / 2;
/** While so much of answers and events waits, no stream is writable: the peer does not read. */
export const MAX_BACKLOG_BYTES = 1024 * 1024;

/** `text`: a frame that keeps its place behind data. `parts`: one frame. Plain bytes: to be cut into frames. */
type Item =
  | Uint8Array
  | { readonly parts: readonly Uint8Array[]; readonly length: number }
  | { readonly type: OrderedType; readonly text: string };

/** The sending half of a stream: what waits, in order, and the credit that the peer gave. */
export class StreamOutbox {
  readonly #id: number;
  readonly #queue: SendQueue;
  /** Called after frames of this stream left the queue, never during a send. */
  readonly onSent: () => void;
  #items: Item[] = [];
  #head = 0;
  /** Bytes of the head that are sent already. */
  #headSent = 0;
  #credit = INITIAL_WINDOW_BYTES;
  #queuedBytes = 0;
  #blocked = false;

  constructor(id: number, queue: SendQueue, onSent: () => void) {
    this.#id = id;
    this.#queue = queue;
    this.onSent = onSent;
  }

  get empty(): boolean {
    return this.#head === this.#items.length;
  }

  get credit(): number {
    return this.#credit;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Bytes that may be queued. A result ≤ 0 is remembered: `takeUnblocked` says when that is over. */
  writable(): number {
    const room = this.#room();
    if (room <= 0) this.#blocked = true;
    return room;
  }

  /** True once after `writable` was ≤ 0 and there is room again, with some hysteresis. */
  takeUnblocked(): boolean {
    if (!this.#blocked || this.#queuedBytes > RESUME_BELOW_BYTES || this.#room() <= 0) return false;
    this.#blocked = false;
    return true;
  }

  addCredit(bytes: number): void {
    this.#credit += bytes;
    if (this.sendable) this.#queue.ready(this);
  }

  data(parts: readonly Uint8Array[]): void {
    for (const part of parts) {
      if (part.length === 0) continue;
      this.#items.push(part);
      this.#queuedBytes += part.length;
    }
    if (this.sendable) this.#queue.ready(this);
  }

  frame(parts: readonly Uint8Array[], length: number): void {
    this.#items.push({ parts, length });
    this.#queuedBytes += length;
    if (this.sendable) this.#queue.ready(this);
  }

  /** A frame that is sent at once when nothing waits, else in its place. False: too large for a frame. */
  ordered(type: OrderedType, text: string): boolean {
    if (this.empty) {
      if (type !== FRAME.END) return this.#queue.text(type, this.#id, text, MAX_PAYLOAD_BYTES);
      this.#queue.empty(type, this.#id);
      return true;
    }
    if (text.length > MAX_PAYLOAD_BYTES / 3 && Buffer.byteLength(text) > MAX_PAYLOAD_BYTES) return false;
    this.#items.push({ type, text });
    return true;
  }

  /** Drops what waits. */
  clear(): void {
    this.#items = [];
    this.#head = 0;
    this.#headSent = 0;
    this.#queuedBytes = 0;
    this.#queue.forget(this);
  }

  /** True when the head is data that the credit allows to send. */
  get sendable(): boolean {
    const item = this.#items[this.#head];
    if (item === undefined) return false;
    if (item instanceof Uint8Array) return this.#credit > 0;
    return "type" in item || item.length <= this.#credit;
  }

  /** Payload of the frame that `emit` would write, or more; only valid while `sendable`. */
  nextFrameBytes(limitBytes: number): number {
    const item = this.#items[this.#head];
    if (item === undefined || (!(item instanceof Uint8Array) && "type" in item)) return 0;
    if (!(item instanceof Uint8Array)) return item.length;
    return Math.min(this.#queuedBytes, limitBytes, this.#credit);
  }

  /** Writes one DATA frame and the frames in order right behind it. */
  emit(writer: FrameWriter, limitBytes: number): void {
    const item = this.#items[this.#head];
    if (item instanceof Uint8Array) this.#emitBytes(writer, Math.min(limitBytes, this.#credit));
    else if (item !== undefined && !("type" in item)) {
      writer.header(FRAME.DATA, this.#id, item.length);
      for (const part of item.parts) writer.part(part);
      this.#sent(item.length);
      this.#head += 1;
    }
    for (let next = this.#items[this.#head]; next !== undefined; next = this.#items[this.#head]) {
      if (next instanceof Uint8Array || !("type" in next)) break;
      if (next.type === FRAME.END) writer.empty(next.type, this.#id);
      else writer.text(next.type, this.#id, next.text, MAX_PAYLOAD_BYTES);
      this.#head += 1;
    }
    this.#compact();
  }

  #emitBytes(writer: FrameWriter, limitBytes: number): void {
    let length = 0;
    let index = this.#head;
    let offset = this.#headSent;
    for (; length < limitBytes; index += 1, offset = 0) {
      const item = this.#items[index];
      if (!(item instanceof Uint8Array)) break;
      length += Math.min(item.length - offset, limitBytes - length);
    }
    writer.header(FRAME.DATA, this.#id, length);
    let left = length;
    while (left > 0) {
      const item = this.#items[this.#head] as Uint8Array;
      const taken = Math.min(item.length - this.#headSent, left);
      const whole = taken === item.length;
      writer.part(whole ? item : item.subarray(this.#headSent, this.#headSent + taken));
      left -= taken;
      this.#headSent += taken;
      if (this.#headSent === item.length) {
        this.#head += 1;
        this.#headSent = 0;
      }
    }
    this.#sent(length);
  }

  #sent(bytes: number): void {
    this.#credit -= bytes;
    this.#queuedBytes -= bytes;
  }

  #compact(): void {
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
  }

  #room(): number {
    if (this.#queue.backlogBytes > MAX_BACKLOG_BYTES) {
      this.#queue.backlogged = true;
      return 0;
    }
    return Math.min(this.#credit, MAX_STREAM_QUEUE_BYTES) - this.#queuedBytes;
  }
}

const MAX_PAYLOAD_BYTES = MAX_FRAME_BYTES - 5;
