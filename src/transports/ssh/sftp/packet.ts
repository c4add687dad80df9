import { nameFromBytes, nameToBytes } from "../../../files/names.ts";

/**
 * Packets of SFTP version 3 (draft-ietf-secsh-filexfer-02), the one that OpenSSH and nearly all others speak:
 *
 *   uint32 length | byte type | uint32 request id (all but INIT and VERSION) | fields
 *
 * Integers are big endian; a string is a uint32 length and its bytes.
 */
export const PACKET = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  readlink: 19,
  symlink: 20,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attributes: 105,
  extended: 200,
  extendedReply: 201,
} as const;

/** Longest packet that OpenSSH sends or takes (SFTP_MAX_MSG_LENGTH), and the longest that is taken here. */
export const MAX_PACKET_BYTES = 256 * 1024;

/** What a server sent that no server may send. The session turns it into ssh.sftp_invalid. */
export class MalformedPacket extends Error {}

/** Fields of a packet to send. The content of a write is not copied: it stays a chunk of its own. */
export class PacketWriter {
  readonly #parts: Buffer[] = [];
  #bytes = 0;

  byte(value: number): this {
    return this.#push(Buffer.of(value));
  }

  uint32(value: number): this {
    const part = Buffer.allocUnsafe(4);
    part.writeUInt32BE(value);
    return this.#push(part);
  }

  uint64(value: number): this {
    const part = Buffer.allocUnsafe(8);
    part.writeBigUInt64BE(BigInt(value));
    return this.#push(part);
  }

  bytes(value: Uint8Array): this {
    this.uint32(value.length);
    return this.#push(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
  }

  text(value: string): this {
    return this.bytes(nameToBytes(value));
  }

  /** Fields of another one behind these. */
  append(other: PacketWriter): this {
    for (const part of other.#parts) this.#push(part);
    return this;
  }

  get length(): number {
    return this.#bytes;
  }

  /** The packet as chunks: head and small fields joined, long ones as they are. */
  packet(type: number, id: number | undefined): Buffer[] {
    const head = Buffer.allocUnsafe(id === undefined ? 5 : 9);
    head.writeUInt32BE(this.#bytes + head.length - 4);
    head.writeUInt8(type, 4);
    if (id !== undefined) head.writeUInt32BE(id, 5);
    const chunks: Buffer[] = [];
    let small: Buffer[] = [head];
    for (const part of this.#parts) {
      if (part.length <= 1024) small.push(part);
      else {
        chunks.push(Buffer.concat(small), part);
        small = [];
      }
    }
    if (small.length > 0) chunks.push(Buffer.concat(small));
    return chunks;
  }

  #push(part: Buffer): this {
    this.#parts.push(part);
    this.#bytes += part.length;
    return this;
  }
}

/** Fields of a packet that came, read in order. Every method throws MalformedPacket past the end. */
export class PacketReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  /** Sizes beyond 2 ** 53 are no sizes of files; as a limit they mean "none". */
  uint64(): number {
    return Number(this.#bytes.readBigUInt64BE(this.#take(8)));
  }

  /** Not copied: it lives as long as the packet. */
  bytes(): Buffer {
    const length = this.uint32();
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  text(): string {
    return nameFromBytes(this.bytes());
  }

  #take(length: number): number {
    const at = this.#at;
    if (length > this.left) throw new MalformedPacket("a field goes beyond the end of its packet");
    this.#at = at + length;
    return at;
  }
}

/** Cuts a byte stream into packets. Holds at most one packet and the chunk that came last. */
export class PacketSplitter {
  readonly #packet: (type: number, body: Buffer) => void;
  #chunks: Buffer[] = [];
  #held = 0;
  /** Bytes until there is something to do: a length field, then the packet with it. */
  #wanted = 4;

  constructor(packet: (type: number, body: Buffer) => void) {
    this.#packet = packet;
  }

  /** @throws MalformedPacket, and what the receiver throws */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#wanted) return;
    let bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#held);
    this.#chunks = [];
    for (;;) {
      this.#wanted = 4;
      if (bytes.length < 4) break;
      const length = bytes.readUInt32BE();
      if (length < 1 || length > MAX_PACKET_BYTES) {
        throw new MalformedPacket(`a packet says that it has ${length} bytes`);
      }
      this.#wanted = 4 + length;
      if (bytes.length < this.#wanted) break;
      this.#packet(bytes.readUInt8(4), bytes.subarray(5, this.#wanted));
      bytes = bytes.subarray(this.#wanted);
    }
    this.#held = bytes.length;
    if (bytes.length > 0) this.#chunks.push(bytes);
  }
}
