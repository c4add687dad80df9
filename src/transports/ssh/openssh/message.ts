/**
 * Messages of the SSH connection protocol (RFC 4254) and of OpenSSH's multiplexing protocol (PROTOCOL.mux): integers
 * are big endian, a string is a u32 length and its bytes.
 */
export const MESSAGE = {
  channelOpen: 90,
  channelOpenConfirmation: 91,
  channelOpenFailure: 92,
  channelWindowAdjust: 93,
  channelData: 94,
  channelExtendedData: 95,
  channelEof: 96,
  channelClose: 97,
  channelRequest: 98,
  channelSuccess: 99,
  channelFailure: 100,
} as const;

export type Field = number | boolean | string | Uint8Array;

/** Fields one after the other: a number is a u32, a boolean a byte, text and bytes are strings with their length. */
export function encodeFields(fields: readonly Field[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const field of fields) {
    if (typeof field === "boolean") parts.push(Buffer.of(field ? 1 : 0));
    else if (typeof field === "number") parts.push(uint32(field));
    else {
      const bytes = typeof field === "string" ? Buffer.from(field) : field;
      parts.push(uint32(bytes.length), bytes);
    }
  }
  return Buffer.concat(parts);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Reads fields in order. A field beyond the end throws RangeError. */
export class FieldReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  uint32(): number {
    const value = this.#bytes.readUInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  boolean(): boolean {
    const value = this.#bytes.readUInt8(this.#at);
    this.#at += 1;
    return value !== 0;
  }

  text(): string {
    const length = this.uint32();
    if (this.#at + length > this.#bytes.length) throw new RangeError("a string goes beyond its message");
    this.#at += length;
    return this.#bytes.toString("utf8", this.#at - length, this.#at);
  }
}
