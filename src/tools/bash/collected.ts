import { HELD_SECRETS } from "../../contract/mask.ts";
import { endOfWholeCharacters, startOfWholeCharacters } from "../../contract/utf8.ts";
import type { Pieces } from "../cut.ts";

const LINE_FEED = 10;
/** Chunks at the end in which a character or a secret may have begun. */
const END_CHUNKS = 64;
/** Bytes at the end in which one is looked for. */
const END_BYTES = 64 * 1024;

/** Beginning and end of output that may be long, and how much there is between. Holds copies, never the chunks. */
export class Collected {
  readonly #headLimit: number;
  readonly #tailLimit: number;
  readonly #head: Uint8Array[] = [];
  #headBytes = 0;
  #tail: Uint8Array[] = [];
  #tailBytes = 0;
  /** Dropped from the tail. */
  #lostBytes = 0;
  #lostLines = 0;
  #counted = true;

  constructor(headLimit: number, tailLimit: number) {
    this.#headLimit = headLimit;
    this.#tailLimit = tailLimit;
  }

  /** Bytes that came, with those that are known to be lost. */
  get bytes(): number {
    return this.#headBytes + this.#tailBytes + this.#lostBytes;
  }

  push(bytes: Uint8Array): void {
    const room = this.#lostBytes > 0 ? 0 : this.#headLimit - this.#headBytes;
    const toHead = this.#tailBytes > 0 ? 0 : Math.min(room, bytes.length);
    if (toHead > 0) {
      this.#head.push(bytes.slice(0, toHead));
      this.#headBytes += toHead;
    }
    if (toHead === bytes.length) return;
    this.#tail.push(bytes.slice(toHead));
    this.#tailBytes += bytes.length - toHead;
    // Twice the limit, so that bytes are moved seldom.
    if (this.#tailBytes > 2 * this.#tailLimit) this.#trim();
  }

  /** So many bytes are missing here; nobody knows their lines. */
  gap(bytes: number): void {
    this.#lose(this.#tailBytes);
    this.#lostBytes += bytes;
    this.#counted = false;
  }

  /** `openBytes` at the end are left away. */
  take(openBytes = 0): Pieces {
    if (this.#lostBytes > 0 || this.#tailBytes > this.#tailLimit) this.#trim();
    const head = Buffer.concat(this.#head);
    const tail = Buffer.concat(this.#tail);
    if (this.#lostBytes === 0) return { head: without(Buffer.concat([head, tail]), openBytes).toString() };
    return {
      ...cutPieces(head, without(tail, openBytes)),
      lostBytes: this.#lostBytes,
      ...(this.#counted ? { lostLines: this.#lostLines } : {}),
    };
  }

  /** The last bytes that are held. */
  end(): Uint8Array {
    return Buffer.concat([...this.#head, ...this.#tail].slice(-END_CHUNKS));
  }

  #trim(): void {
    this.#lose(Math.max(0, this.#tailBytes - this.#tailLimit));
  }

  #lose(bytes: number): void {
    if (bytes === 0) return;
    const tail = Buffer.concat(this.#tail);
    const lost = tail.subarray(0, bytes);
    for (let at = lost.indexOf(LINE_FEED); at !== -1; at = lost.indexOf(LINE_FEED, at + 1)) this.#lostLines++;
    this.#lostBytes += bytes;
    this.#tail = bytes === tail.length ? [] : [Buffer.from(tail.subarray(bytes))];
    this.#tailBytes -= bytes;
  }
}

/** Both sides of a cut as text: a character that it went through is left away. */
export function cutPieces(
  head: Uint8Array,
  tail: Uint8Array,
): { readonly head: string; readonly tail: string } {
  const start = startOfWholeCharacters(tail);
  const end = endOfWholeCharacters(head);
  return {
    head: Buffer.from(head.buffer, head.byteOffset, end).toString(),
    tail: Buffer.from(tail.buffer, tail.byteOffset + start, tail.length - start).toString(),
  };
}

/**
 * Bytes at the end of output that goes on which are better shown with what follows: the beginning of a character, and what
 * may be the beginning of a secret.
 */
export function openBytes(bytes: Uint8Array, masked: boolean): number {
  const end = bytes.subarray(Math.max(0, bytes.length - END_BYTES));
  const whole = endOfWholeCharacters(end);
  if (!masked) return end.length - whole;
  const text = Buffer.from(end.buffer, end.byteOffset, whole).toString();
  return end.length - whole + Buffer.byteLength(text.slice(HELD_SECRETS.closedLength(text)));
}

function without(bytes: Buffer, count: number): Buffer {
  return bytes.subarray(0, Math.max(0, bytes.length - count));
}
