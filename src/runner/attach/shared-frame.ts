import { MAX_FRAME_BYTES } from "./frames.ts";

/** Smaller frames are not worth keeping memory for. */
const MIN_SLAB_BYTES = 16 * 1024;
/** Slabs that wait to be used again. */
const MAX_FREE_SLABS = 128;

const free: Buffer[] = [];

/**
 * A frame that several sockets may be writing at a time. Its memory is used again once nobody holds it: at the rate of a
 * process that writes at full speed, collecting garbage would cost more than all of the writing.
 */
export class SharedFrame {
  readonly bytes: Buffer;
  #slab: Buffer | undefined;
  #holders = 1;

  /** Memory for a frame, held by who makes it. */
  constructor(length: number) {
    if (length < MIN_SLAB_BYTES) {
      this.bytes = Buffer.allocUnsafe(length);
      return;
    }
    this.#slab = free.pop() ?? Buffer.allocUnsafeSlow(MAX_FRAME_BYTES);
    this.bytes = this.#slab.subarray(0, length);
  }

  hold(): void {
    this.#holders += 1;
  }

  release(): void {
    this.#holders -= 1;
    if (this.#holders > 0 || this.#slab === undefined) return;
    if (free.length < MAX_FREE_SLABS) free.push(this.#slab);
    this.#slab = undefined;
  }
}
