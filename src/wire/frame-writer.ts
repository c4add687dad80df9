import { FRAME, FRAME_HEADER_BYTES, type FrameType } from "./frame.ts";
import { writeFrameHeader, writeU32 } from "./frame-codec.ts";

const SLAB_BYTES = 16 * 1024;
/** Text up to here is encoded into the slab (at most three bytes a UTF-16 unit); longer text gets a buffer. */
const SLAB_TEXT_UNITS = 2048;
/** Payload parts up to here are copied next to their header: cheaper than one more element of writev. */
const SLAB_PART_BYTES = 512;

/**
 * Encoded frames waiting for the socket, first in first out. Small frames lie side by side in a slab, so that
 * many of them leave as one buffer; large payloads are referenced, never copied.
 */
export class FrameWriter {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #start = 0;
  #at = 0;
  #closed: Uint8Array[] = [];
  #closedBytes = 0;

  /** Bytes waiting. */
  get bytes(): number {
    return this.#closedBytes + this.#at - this.#start;
  }

  /** A frame without payload. */
  empty(type: FrameType, stream: number): void {
    this.#reserve(FRAME_HEADER_BYTES);
    writeFrameHeader(this.#slab, this.#at, type, stream, 0);
    this.#at += FRAME_HEADER_BYTES;
  }

  window(stream: number, credit: number): void {
    this.#reserve(FRAME_HEADER_BYTES + 4);
    writeFrameHeader(this.#slab, this.#at, FRAME.WINDOW, stream, 4);
    writeU32(this.#slab, this.#at + FRAME_HEADER_BYTES, credit);
    this.#at += FRAME_HEADER_BYTES + 4;
  }

  /** A frame of UTF-8 text. False, and nothing written, when it would exceed `limitBytes` of payload. */
  text(type: FrameType, stream: number, text: string, limitBytes: number): boolean {
    if (text.length <= SLAB_TEXT_UNITS) {
      this.#reserve(FRAME_HEADER_BYTES + text.length * 3);
      const bytes = this.#slab.write(text, this.#at + FRAME_HEADER_BYTES, "utf8");
      if (bytes > limitBytes) return false;
      writeFrameHeader(this.#slab, this.#at, type, stream, bytes);
      this.#at += FRAME_HEADER_BYTES + bytes;
      return true;
    }
    if (text.length > limitBytes) return false;
    const payload = Buffer.from(text, "utf8");
    if (payload.length > limitBytes) return false;
    this.header(type, stream, payload.length);
    this.part(payload);
    return true;
  }

  /** Header of a frame whose payload follows by `part`. */
  header(type: FrameType, stream: number, payloadBytes: number): void {
    this.#reserve(FRAME_HEADER_BYTES);
    writeFrameHeader(this.#slab, this.#at, type, stream, payloadBytes);
    this.#at += FRAME_HEADER_BYTES;
  }

  part(bytes: Uint8Array): void {
    if (bytes.length <= SLAB_PART_BYTES) {
      this.#reserve(bytes.length);
      this.#slab.set(bytes, this.#at);
      this.#at += bytes.length;
      return;
    }
    this.#close();
    this.#closed.push(bytes);
    this.#closedBytes += bytes.length;
  }

  /** Removes and returns the first bytes, at most `limitBytes` of them, as a list of buffers. */
  take(limitBytes: number): Uint8Array[] {
    this.#close();
    if (this.#closedBytes <= limitBytes) {
      const all = this.#closed;
      this.#closed = [];
      this.#closedBytes = 0;
      return all;
    }
    const taken: Uint8Array[] = [];
    let left = limitBytes;
    let index = 0;
    while (left > 0) {
      const buffer = this.#closed[index]!;
      if (buffer.length <= left) {
        taken.push(buffer);
        left -= buffer.length;
        index += 1;
      } else {
        taken.push(buffer.subarray(0, left));
        this.#closed[index] = buffer.subarray(left);
        left = 0;
      }
    }
    this.#closed.splice(0, index);
    this.#closedBytes -= limitBytes;
    return taken;
  }

  #close(): void {
    if (this.#at === this.#start) return;
    this.#closed.push(this.#slab.subarray(this.#start, this.#at));
    this.#closedBytes += this.#at - this.#start;
    this.#start = this.#at;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#slab.length) return;
    this.#close();
    this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    this.#start = 0;
    this.#at = 0;
  }
}
