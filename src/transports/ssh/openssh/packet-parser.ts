import { MESSAGE } from "./message.ts";

/** PACKET_MAX_SIZE of OpenSSH. */
const MAX_PACKET_BYTES = 256 * 1024;
/** length, padding length (always 0 here), type */
const HEAD_BYTES = 6;

export interface PacketReceiver {
  /** Bytes of a channel; a packet may come in several pieces. `extended` is the kind of extended data, 1 is stderr. */
  data(channel: number, bytes: Buffer, extended: number | undefined): void;
  /** Any other message, whole, without its type. */
  message(type: number, body: Buffer): void;
}

/**
 * Takes apart the packets that a master passes on:
 *
 *      0        4     5      6
 *     ┌────────┬─────┬──────┬──────────────────┐
 *     │ length │  0  │ type │ body             │
 *     │ u32 BE │ u8  │  u8  │ length − 2 bytes │
 *     └────────┴─────┴──────┴──────────────────┘
 *
 * What channels carry is handed on as it comes, neither joined nor copied.
 */
export class PacketParser {
  readonly #receiver: PacketReceiver;
  #held: Buffer = Buffer.alloc(0);
  /** The data packet whose bytes are coming. */
  #data: { channel: number; extended: number | undefined; left: number } | undefined;

  constructor(receiver: PacketReceiver) {
    this.#receiver = receiver;
  }

  /** @throws RangeError for what is no packet */
  push(chunk: Buffer): void {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    while (bytes.length > 0) {
      const taken = this.#data === undefined ? this.#packet(bytes) : this.#piece(this.#data, bytes);
      if (taken === 0) break;
      bytes = bytes.subarray(taken);
    }
    this.#held = bytes;
  }

  /** @returns how many bytes were used; 0 when more are needed */
  #packet(bytes: Buffer): number {
    if (bytes.length < HEAD_BYTES) return 0;
    const length = bytes.readUInt32BE();
    if (length < 2 || length > MAX_PACKET_BYTES) throw new RangeError(`a packet of ${length} bytes`);
    const type = bytes.readUInt8(5);
    const extended = type === MESSAGE.channelExtendedData;
    if (type === MESSAGE.channelData || extended) {
      const head = HEAD_BYTES + (extended ? 12 : 8);
      if (bytes.length < head) return 0;
      const left = bytes.readUInt32BE(head - 4);
      if (left !== length + 4 - head) throw new RangeError("a data packet whose lengths differ");
      this.#data = {
        channel: bytes.readUInt32BE(HEAD_BYTES),
        extended: extended ? bytes.readUInt32BE(HEAD_BYTES + 4) : undefined,
        left,
      };
      if (left === 0) this.#data = undefined;
      return head;
    }
    if (bytes.length < 4 + length) return 0;
    this.#receiver.message(type, bytes.subarray(HEAD_BYTES, 4 + length));
    return 4 + length;
  }

  #piece(data: { channel: number; extended: number | undefined; left: number }, bytes: Buffer): number {
    const piece = bytes.subarray(0, data.left);
    data.left -= piece.length;
    if (data.left === 0) this.#data = undefined;
    this.#receiver.data(data.channel, piece, data.extended);
    return piece.length;
  }
}
