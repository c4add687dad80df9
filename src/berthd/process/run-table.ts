/**
 * Which channel each byte of a segment belongs to: consecutive runs of one channel. The index file of a
 * segment holds the same as entries of 5 bytes: u8 channel, u32 LE length, in the order of the bytes.
 */
export class RunTable {
  readonly #channels: number[] = [];
  readonly #lengths: number[] = [];

  get size(): number {
    return this.#channels.length;
  }

  append(channel: number, length: number): void {
    const last = this.#channels.length - 1;
    if (last >= 0 && this.#channels[last] === channel) this.#lengths[last]! += length;
    else {
      this.#channels.push(channel);
      this.#lengths.push(length);
    }
  }

  channel(index: number): number {
    return this.#channels[index] ?? 0;
  }

  length(index: number): number {
    return this.#lengths[index] ?? 0;
  }

  /** Pieces that cover `from` (inclusive) to `to` (exclusive), offsets within the segment. */
  *pieces(from: number, to: number, hint?: RunHint): Generator<{ channel: number; length: number }> {
    let index = hint?.index ?? 0;
    let start = hint?.start ?? 0;
    if (start > from) {
      index = 0;
      start = 0;
    }
    let at = from;
    while (at < to && index < this.#channels.length) {
      const end = start + this.#lengths[index]!;
      if (end > at) {
        const stop = Math.min(end, to);
        yield { channel: this.#channels[index]!, length: stop - at };
        at = stop;
        if (hint !== undefined) {
          hint.index = index;
          hint.start = start;
        }
      }
      if (at < to) {
        index++;
        start = end;
      }
    }
  }

  /** Index entries of the bytes `from` to `to`. */
  encode(from: number, to: number): Buffer {
    const entries = [...this.pieces(from, to)];
    const buffer = Buffer.allocUnsafe(entries.length * INDEX_ENTRY_BYTES);
    let at = 0;
    for (const entry of entries) {
      buffer.writeUInt8(entry.channel, at);
      buffer.writeUInt32LE(entry.length, at + 1);
      at += INDEX_ENTRY_BYTES;
    }
    return buffer;
  }

  /** Reads an index file; a torn last entry is ignored, entries beyond `dataBytes` are cut. */
  static decode(buffer: Buffer, dataBytes: number): RunTable {
    const table = new RunTable();
    let total = 0;
    for (let at = 0; at + INDEX_ENTRY_BYTES <= buffer.length && total < dataBytes; at += INDEX_ENTRY_BYTES) {
      const length = Math.min(buffer.readUInt32LE(at + 1), dataBytes - total);
      table.append(buffer.readUInt8(at), length);
      total += length;
    }
    return table;
  }
}

/** Where a sequential reader last was in a table, so that it doesn't search from the start again. */
export interface RunHint {
  index: number;
  start: number;
}

export const INDEX_ENTRY_BYTES = 5;
