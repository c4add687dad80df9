import type { OutputStream } from "../../contract/process.ts";
import type { SharedFrame } from "./shared-frame.ts";

/** A frame that is ready to be written, and the cursors that it leads from and to. */
export interface RingFrame {
  readonly from: number;
  readonly to: number;
  readonly frame: SharedFrame;
  /** Undefined for a gap. */
  readonly stream: OutputStream | undefined;
}

/** Dropped frames before the first one held, at which the list is moved. */
const COMPACT_AT = 64;

/** The newest frames of a reader, in order and without a hole between them; numbered from 0. */
export class FrameRing {
  #frames: RingFrame[] = [];
  /** Index of the first one held. */
  #head = 0;
  /** Number of the frame at index 0. */
  #base = 0;
  #bytes = 0;
  #end: number;

  /** @param cursor where the first frame will begin */
  constructor(cursor: number) {
    this.#end = cursor;
  }

  /** Memory that the frames take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Number of the first frame held; that of the next one when there is none. */
  get first(): number {
    return this.#base + this.#head;
  }

  /** Number of the frame that will come next. */
  get next(): number {
    return this.#base + this.#frames.length;
  }

  /** Cursor of the first byte held. */
  get start(): number {
    return this.#frames[this.#head]?.from ?? this.#end;
  }

  /** Cursor behind the last byte. */
  get end(): number {
    return this.#end;
  }

  at(number: number): RingFrame | undefined {
    return number < this.first ? undefined : this.#frames[number - this.#base];
  }

  /** Takes over what the frame holds. */
  push(frame: RingFrame): void {
    this.#frames.push(frame);
    this.#bytes += frame.frame.bytes.length;
    this.#end = frame.to;
  }

  /** Forgets the frames before that number. */
  dropBefore(number: number): void {
    while (this.first < number) {
      const frame = this.#frames[this.#head];
      if (frame === undefined) return;
      this.#bytes -= frame.frame.bytes.length;
      frame.frame.release();
      this.#head += 1;
    }
    if (this.#head < COMPACT_AT && this.#head < this.#frames.length) return;
    this.#frames.splice(0, this.#head);
    this.#base += this.#head;
    this.#head = 0;
  }

  /** Number of the frame with the byte at the cursor, or of the next one at the end; undefined when it is not held. */
  find(cursor: number): number | undefined {
    if (cursor === this.#end) return this.next;
    if (cursor < this.start || cursor > this.#end) return undefined;
    let low = this.#head;
    let high = this.#frames.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#frames[middle]!.to <= cursor) low = middle + 1;
      else high = middle;
    }
    return this.#base + low;
  }
}
