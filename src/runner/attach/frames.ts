import type { AttachServerMessage } from "../../api/attach.ts";
import { ATTACH_CHANNELS } from "../../api/attach-format.ts";
import type { OutputStream } from "../../contract/process.ts";
import { SharedFrame } from "./shared-frame.ts";

/** Most output bytes in a frame. */
export const MAX_FRAME_PAYLOAD = 64 * 1024;

/** The longest frame of output: header, channel, bytes. */
export const MAX_FRAME_BYTES = 10 + 1 + MAX_FRAME_PAYLOAD;

const OPCODE = { text: 1, binary: 2 } as const;
const FINAL = 0x80;

/**
 * A whole WebSocket frame as a server sends it, not masked (RFC 6455, 5.2), so that one frame goes to any number of
 * sockets as it is:
 *
 * ```
 *  0        1                      1 + (1, 3 or 9)   + 1
 * ┌────────┬──────────────────────┬─────────────────┬──────────────┐
 * │ opcode │ length of the rest   │ channel         │ output bytes │
 * └────────┴──────────────────────┴─────────────────┴──────────────┘
 * ```
 */
export function outputFrame(stream: OutputStream, parts: readonly Uint8Array[], bytes: number): SharedFrame {
  const start = headerBytes(bytes + 1);
  const shared = new SharedFrame(start + 1 + bytes);
  const frame = shared.bytes;
  writeHeader(frame, OPCODE.binary, bytes + 1);
  frame[start] = ATTACH_CHANNELS[stream];
  let at = start + 1;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return shared;
}

export function messageFrame(message: AttachServerMessage): SharedFrame {
  const text = Buffer.from(JSON.stringify(message));
  const start = headerBytes(text.length);
  const shared = new SharedFrame(start + text.length);
  writeHeader(shared.bytes, OPCODE.text, text.length);
  shared.bytes.set(text, start);
  return shared;
}

function headerBytes(length: number): number {
  return length < 126 ? 2 : length < 0x10000 ? 4 : 10;
}

function writeHeader(frame: Buffer, opcode: number, length: number): void {
  frame[0] = FINAL | opcode;
  if (length < 126) {
    frame[1] = length;
  } else if (length < 0x10000) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
}
