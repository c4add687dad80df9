import type { OutputStream } from "../../contract/process.ts";

const NOTHING = new Uint8Array(0);

/** The first and the last bytes of one stream, each at most half of the limit. */
class HeadAndTail {
  readonly #headLimit: number;
  readonly #tailLimit: number;
  readonly #head: Uint8Array[] = [];
  #headBytes = 0;
  readonly #tail: Uint8Array[] = [];
  #tailBytes = 0;
  #dropped = false;

  constructor(headLimit: number, tailLimit: number) {
    this.#headLimit = headLimit;
    this.#tailLimit = tailLimit;
  }

  get headBytes(): number {
    return this.#headBytes;
  }

  get bytes(): number {
    return this.#headBytes + this.#tailBytes;
  }

  get dropped(): boolean {
    return this.#dropped;
  }

  push(bytes: Uint8Array): void {
    const room = this.#headLimit - this.#headBytes;
    if (room > 0) {
      const part = bytes.length <= room ? bytes : bytes.subarray(0, room);
      this.#head.push(owned(part));
      this.#headBytes += part.length;
      if (part.length === bytes.length) return;
      bytes = bytes.subarray(part.length);
    }
    this.#tail.push(owned(bytes));
    this.#tailBytes += bytes.length;
    this.#trim();
  }

  /** Drops what is beyond the tail's limit; a single chunk is cut, so that memory stays at the limit. */
  #trim(): void {
    let excess = this.#tailBytes - this.#tailLimit;
    if (excess <= 0) return;
    this.#dropped = true;
    let whole = 0;
    while (excess > 0 && this.#tail[whole]!.length <= excess) {
      excess -= this.#tail[whole]!.length;
      whole++;
    }
    if (whole > 0) this.#tail.splice(0, whole);
    if (excess > 0) this.#tail[0] = this.#tail[0]!.slice(excess);
    this.#tailBytes = this.#tailLimit;
  }

  /** Everything kept, as bytes and as text. `gap` says that bytes between head and tail may be missing. */
  take(gap: boolean): { readonly bytes: Uint8Array; readonly text: string } {
    if (this.#headBytes === 0 && this.#tailBytes === 0) return { bytes: NOTHING, text: "" };
    const bytes = join([...this.#head, ...this.#tail], this.#headBytes + this.#tailBytes);
    if (!gap || this.#tailBytes === 0) return { bytes, text: decode(bytes) };
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
    return stream.dropped || stream.bytes >= this.#headLimit + this.#tailLimit;
  }
}

/** A chunk to keep: copied when it would hold a much larger receive buffer in memory. */
function owned(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength * 2 < bytes.buffer.byteLength ? new Uint8Array(bytes) : bytes;
}

function join(chunks: readonly Uint8Array[], length: number): Uint8Array {
  if (chunks.length === 1) return chunks[0]!;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** UTF-8 with U+FFFD for what is not; a byte order mark stays, as it is output like any other. */
export function decode(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

/** Length of `bytes` without a character that is cut off at its end. */
export function endOfWholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const width = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return width > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** Index of the first byte that is not the rest of a character cut off before. */
export function startOfWholeCharacters(bytes: Uint8Array): number {
  let at = 0;
  while (at < Math.min(3, bytes.length) && (bytes[at]! & 0xc0) === 0x80) at++;
  return at;
}
