import { type BerthError, berthError } from "../contract/errors.ts";
import {
  FRAME,
  FRAME_HEADER_BYTES,
  type FrameType,
  MAX_DATA_BYTES,
  MAX_FRAME_BYTES,
  MAX_JSON_CONTROL_BYTES,
  MAX_PING_BYTES,
} from "./frame.ts";

/** Bytes that `length` counts besides the payload: type and stream. */
const COUNTED_HEADER_BYTES = FRAME_HEADER_BYTES - 4;
/** Output tables travel in front of up to MAX_DATA_BYTES of output. */
export const MAX_DATA_PAYLOAD_BYTES = MAX_DATA_BYTES + 4096;
/** Behind so many parts of a frame, a small piece is not worth one of its own. */
const MANY_PARTS = 8;
const SMALL_PART_BYTES = 1024;
/** A frame in several chunks gets its buffer at once up to here; longer ones grow it with what has arrived. */
const EAGER_BUFFER_BYTES = 128 * 1024;

/** Called for each frame. The payload's memory is never used again by the parser. */
export type FrameSink = (type: FrameType, stream: number, payload: Buffer) => void;

/** Called in place of the FrameSink for DATA that spans chunks: its bytes in order, not copied together. */
export type PartsSink = (stream: number, parts: readonly Buffer[], bytes: number) => void;

/** Writes the nine bytes in front of a payload. */
export function writeFrameHeader(
  target: Uint8Array,
  offset: number,
  type: FrameType,
  stream: number,
  payloadBytes: number,
): void {
  writeU32(target, offset, payloadBytes + COUNTED_HEADER_BYTES);
  target[offset + 4] = type;
  writeU32(target, offset + 5, stream);
}

/** One frame in one buffer; the send queue avoids the copy, this is for tests and one-off frames. */
export function encodeFrame(type: FrameType, stream: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  writeFrameHeader(frame, 0, type, stream, payload.length);
  frame.set(payload, FRAME_HEADER_BYTES);
  return frame;
}

export function writeU32(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value & 0xff;
  target[offset + 1] = (value >>> 8) & 0xff;
  target[offset + 2] = (value >>> 16) & 0xff;
  target[offset + 3] = value >>> 24;
}

export function readU32(source: Uint8Array, offset: number): number {
  return (
    (source[offset]! |
      (source[offset + 1]! << 8) |
      (source[offset + 2]! << 16) |
      (source[offset + 3]! << 24)) >>>
    0
  );
}

/**
 * Cuts a byte stream into frames. A frame that lies in one chunk is handed on without a copy; one that spans
 * chunks is copied once, DATA with a PartsSink not at all. Type and length are checked before anything is kept, so that the parser never holds
 * more than one frame, and never much more than what the peer has really sent. Frames of unknown types are
 * skipped without being kept.
 */
export class FrameParser {
  readonly #sink: FrameSink;
  readonly #partsSink: PartsSink | undefined;
  /** Bytes of the DATA frame that spans chunks, in front of those in `#partial`. */
  #parts: Buffer[] | undefined;
  #partsBytes = 0;
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  #headerBytes = 0;
  #type: FrameType = FRAME.HELLO;
  #stream = 0;
  /** Payload of the frame that spans chunks; undefined between frames. */
  #partial: Buffer | undefined;
  #partialBytes = 0;
  #payloadBytes = 0;
  #skipBytes = 0;
  #stopped = false;
  #limitBytes: number;

  /** @param limitBytes greatest `length` of a frame; raised after the handshake */
  constructor(sink: FrameSink, limitBytes: number = MAX_FRAME_BYTES, partsSink?: PartsSink) {
    this.#sink = sink;
    this.#partsSink = partsSink;
    this.#limitBytes = limitBytes;
  }

  set limitBytes(bytes: number) {
    this.#limitBytes = bytes;
  }

  /** Bytes of an unfinished frame that are held back. */
  get heldBytes(): number {
    return this.#partsBytes + this.#partialBytes + this.#headerBytes;
  }

  /** The last byte was the end of a frame: another one may begin. */
  get betweenFrames(): boolean {
    const inside = this.#partial !== undefined || this.#parts !== undefined;
    return !inside && this.#headerBytes === 0 && this.#skipBytes === 0;
  }

  /** Memory that is set aside for an unfinished frame. */
  get reservedBytes(): number {
    return this.#partial?.length ?? 0;
  }

  /** Nothing is delivered any more; what comes is ignored. */
  stop(): void {
    this.#stopped = true;
    this.#partial = undefined;
    this.#partialBytes = 0;
    this.#parts = undefined;
    this.#partsBytes = 0;
  }

  /** Takes the next bytes. Throws `wire.protocol_error`; the parser is of no further use then. */
  push(bytes: Uint8Array): void {
    const chunk = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const end = chunk.length;
    let at = 0;
    while (at < end && !this.#stopped) {
      if (this.#skipBytes > 0) {
        const skipped = Math.min(this.#skipBytes, end - at);
        this.#skipBytes -= skipped;
        at += skipped;
        continue;
      }
      if (this.#partial !== undefined) {
        at += this.#fill(this.#partial, chunk, at);
        continue;
      }
      if (this.#parts !== undefined) {
        at += this.#collect(this.#parts, chunk, at);
        continue;
      }
      if (this.#headerBytes === 0 && end - at >= FRAME_HEADER_BYTES) {
        this.#open(chunk, at);
        at += FRAME_HEADER_BYTES;
      } else {
        const taken = Math.min(FRAME_HEADER_BYTES - this.#headerBytes, end - at);
        chunk.copy(this.#header, this.#headerBytes, at, at + taken);
        this.#headerBytes += taken;
        at += taken;
        if (this.#headerBytes < FRAME_HEADER_BYTES) return;
        this.#headerBytes = 0;
        this.#open(this.#header, 0);
      }
      if (this.#skipBytes > 0 || this.#payloadBytes < 0) continue;
      if (end - at >= this.#payloadBytes) {
        const payload = chunk.subarray(at, at + this.#payloadBytes);
        at += this.#payloadBytes;
        this.#sink(this.#type, this.#stream, payload);
      } else if (this.#type === FRAME.DATA && this.#partsSink !== undefined) {
        this.#parts = [];
        this.#partsBytes = 0;
      } else {
        this.#partial = Buffer.allocUnsafe(Math.min(this.#payloadBytes, EAGER_BUFFER_BYTES));
        this.#partialBytes = 0;
      }
    }
  }

  /** Reads and checks a header. An unknown type leaves `#payloadBytes` at -1 and what to skip in `#skipBytes`. */
  #open(source: Buffer, at: number): void {
    const length = readU32(source, at);
    const type = source[at + 4]!;
    if (length < COUNTED_HEADER_BYTES || length > this.#limitBytes) {
      throw protocolError(`frame of ${length} bytes, allowed are 5 to ${this.#limitBytes}`);
    }
    const payloadBytes = length - COUNTED_HEADER_BYTES;
    if (type < FRAME.HELLO || type > FRAME.PONG) {
      this.#skipBytes = payloadBytes;
      this.#payloadBytes = -1;
      return;
    }
    checkPayload(type as FrameType, payloadBytes);
    this.#type = type as FrameType;
    this.#stream = readU32(source, at + 5);
    this.#payloadBytes = payloadBytes;
  }

  /** Keeps a view of the chunk; where the pieces get small, what is left is copied together. */
  #collect(parts: Buffer[], chunk: Buffer, at: number): number {
    const left = this.#payloadBytes - this.#partsBytes;
    const taken = Math.min(left, chunk.length - at);
    if (parts.length >= MANY_PARTS && taken < left && taken < SMALL_PART_BYTES) {
      this.#partial = Buffer.allocUnsafe(left);
      this.#partialBytes = 0;
      return 0;
    }
    parts.push(chunk.subarray(at, at + taken));
    this.#partsBytes += taken;
    if (taken === left) this.#deliverParts(parts);
    return taken;
  }

  #deliverParts(parts: Buffer[]): void {
    this.#parts = undefined;
    this.#partsBytes = 0;
    this.#partsSink?.(this.#stream, parts, this.#payloadBytes);
  }

  #fill(partial: Buffer, chunk: Buffer, at: number): number {
    const payloadBytes = this.#payloadBytes - this.#partsBytes;
    const wanted = Math.min(payloadBytes - this.#partialBytes, chunk.length - at);
    let target = partial;
    if (this.#partialBytes + wanted > target.length) {
      const grown = Math.max(target.length * 2, this.#partialBytes + wanted);
      target = Buffer.allocUnsafe(Math.min(payloadBytes, grown));
      partial.copy(target, 0, 0, this.#partialBytes);
      this.#partial = target;
    }
    chunk.copy(target, this.#partialBytes, at, at + wanted);
    this.#partialBytes += wanted;
    if (this.#partialBytes === payloadBytes) {
      this.#partial = undefined;
      this.#partialBytes = 0;
      if (this.#parts !== undefined) {
        this.#parts.push(target);
        this.#deliverParts(this.#parts);
      } else this.#sink(this.#type, this.#stream, target);
    }
    return wanted;
  }
}

function checkPayload(type: FrameType, bytes: number): void {
  switch (type) {
    case FRAME.WINDOW:
      if (bytes !== 4) throw protocolError(`WINDOW frame with a payload of ${bytes} bytes`);
      return;
    case FRAME.END:
      if (bytes !== 0) throw protocolError(`END frame with a payload of ${bytes} bytes`);
      return;
    case FRAME.PING:
    case FRAME.PONG:
      if (bytes > MAX_PING_BYTES) throw protocolError(`PING frame with a payload of ${bytes} bytes`);
      return;
    case FRAME.DATA:
      if (bytes > MAX_DATA_PAYLOAD_BYTES) throw protocolError(`DATA frame with a payload of ${bytes} bytes`);
      return;
    case FRAME.HELLO:
    case FRAME.RESET:
      if (bytes > MAX_JSON_CONTROL_BYTES) throw protocolError(`control frame of ${bytes} bytes`);
      return;
    case FRAME.REQUEST:
    case FRAME.RESPONSE:
    case FRAME.EVENT:
      return;
  }
}

/** The peer broke the protocol; `what` is for people. */
export function protocolError(what: string, cause?: unknown): BerthError {
  return berthError("wire.protocol_error", {
    message: `the peer broke the protocol: ${what}`,
    ...(cause === undefined ? {} : { cause }),
  });
}
