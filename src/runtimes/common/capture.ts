import type { OutputStream } from "../../contract/process.ts";
import { endOfWholeCharacters, startOfWholeCharacters } from "../../contract/utf8.ts";

const NOTHING = new Uint8Array(0);

/** The last bytes of a stream: a ring that grows up to its limit. */
class Tail {
  readonly #limit: number;
  #ring = NOTHING;
  #start = 0;
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#length;
  }

  push(bytes: Uint8Array): void {
    const kept = bytes.length > this.#limit ? bytes.subarray(bytes.length - this.#limit) : bytes;
    if (kept.length === 0) return;
    this.#reserve(Math.min(this.#limit, this.#length + kept.length));
    const size = this.#ring.length;
    const at = (this.#start + this.#length) % size;
    const first = Math.min(kept.length, size - at);
    this.#ring.set(kept.subarray(0, first), at);
    this.#ring.set(kept.subarray(first), 0);
    const excess = Math.max(0, this.#length + kept.length - size);
    this.#start = (this.#start + excess) % size;
    this.#length += kept.length - excess;
  }

  copyTo(target: Uint8Array, offset: number): void {
    const first = Math.min(this.#length, this.#ring.length - this.#start);
    target.set(this.#ring.subarray(this.#start, this.#start + first), offset);
    target.set(this.#ring.subarray(0, this.#length - first), offset + first);
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#ring.length) return;
    const ring = new Uint8Array(Math.min(this.#limit, Math.max(bytes, 2 * this.#ring.length)));
    this.copyTo(ring, 0);
    this.#ring = ring;
    this.#start = 0;
  }
}

/** The first and the last bytes of one stream, each at most half of the limit. Holds copies, never the chunks. */
class HeadAndTail {
  readonly #headLimit: number;
  readonly #tailLimit: number;
  #head = NOTHING;
  #headBytes = 0;
  #tail: Tail | undefined;

  constructor(headLimit: number, tailLimit: number) {
    this.#headLimit = headLimit;
    this.#tailLimit = tailLimit;
  }

  get bytes(): number {
    return this.#headBytes + (this.#tail?.length ?? 0);
  }

  push(bytes: Uint8Array): void {
    const room = this.#headLimit - this.#headBytes;
    const part = bytes.length <= room ? bytes : bytes.subarray(0, room);
    if (part.length > 0) this.#pushHead(part);
    if (part.length === bytes.length) return;
    this.#tail ??= new Tail(this.#tailLimit);
    this.#tail.push(bytes.subarray(part.length));
  }

  #pushHead(bytes: Uint8Array): void {
    const length = this.#headBytes + bytes.length;
    if (length > this.#head.length) {
      const head = new Uint8Array(Math.min(this.#headLimit, Math.max(length, 2 * this.#head.length)));
      head.set(this.#head.subarray(0, this.#headBytes));
      this.#head = head;
    }
    this.#head.set(bytes, this.#headBytes);
    this.#headBytes = length;
  }

  /** Everything kept, as bytes and as text. `gap` says that bytes between head and tail may be missing. */
  take(gap: boolean): { readonly bytes: Uint8Array; readonly text: string } {
    const tailBytes = this.#tail?.length ?? 0;
    if (tailBytes === 0 && this.#headBytes === this.#head.length) {
      return { bytes: this.#head, text: decode(this.#head) };
    }
    const bytes = new Uint8Array(this.#headBytes + tailBytes);
    bytes.set(this.#head.subarray(0, this.#headBytes));
    this.#tail?.copyTo(bytes, this.#headBytes);
    if (!gap || tailBytes === 0) return { bytes, text: decode(bytes) };
    const head = bytes.subarray(0, this.#headBytes);
    const tail = bytes.subarray(this.#headBytes);
    const text =
      decode(head.subarray(0, endOfWholeCharacters(head))) +
      decode(tail.subarray(startOfWholeCharacters(tail)));
    return { bytes, text };
  }
}

/** What `exec` returns of a process's output: bounded, head and tail of each stream. */
export class Capture {
  readonly #headLimit: number;
  readonly #tailLimit: number;
  #stdout: HeadAndTail | undefined;
  #stderr: HeadAndTail | undefined;

  /** `maxBytes` for each stream. */
  constructor(maxBytes: number) {
    this.#headLimit = Math.ceil(maxBytes / 2);
    this.#tailLimit = Math.floor(maxBytes / 2);
  }

  /** The bounds as the daemon is told them, so that the middle does not travel. */
  get limits(): { readonly headBytes: number; readonly tailBytes: number } {
    return { headBytes: this.#headLimit, tailBytes: this.#tailLimit };
  }

  push(stream: OutputStream, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (stream === "stderr") {
      this.#stderr ??= new HeadAndTail(this.#headLimit, this.#tailLimit);
      this.#stderr.push(bytes);
    } else {
      this.#stdout ??= new HeadAndTail(this.#headLimit, this.#tailLimit);
      this.#stdout.push(bytes);
    }
  }

  /** `outputBytes` is what the process wrote in all, which tells whether anything is missing. */
  take(outputBytes: number) {
    const kept = (this.#stdout?.bytes ?? 0) + (this.#stderr?.bytes ?? 0);
    const truncated = kept < outputBytes;
    const stdout = this.#stdout?.take(truncated && this.#isFull(this.#stdout));
    const stderr = this.#stderr?.take(truncated && this.#isFull(this.#stderr));
    return {
      stdout: stdout?.text ?? "",
      stderr: stderr?.text ?? "",
      stdoutBytes: stdout?.bytes ?? NOTHING,
      stderrBytes: stderr?.bytes ?? NOTHING,
      truncated,
    };
  }

  /** Only a stream with a full head and a full tail can have lost its middle. */
  #isFull(stream: HeadAndTail): boolean {
    return stream.bytes >= this.#headLimit + this.#tailLimit;
  }
}

/** UTF-8 with U+FFFD for what is not; a byte order mark stays, as it is output like any other. */
export function decode(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}
