import type { SpawnSpec } from "./spawner.ts";

/** Frames between berthd and `berth-helper spawn` (docs/helper.md): u32 LE length, u8 type, u32 LE id, payload. */
export const HELPER_REQUEST = { SPAWN: 1, OPENED: 2, SIGNAL: 3, KILL_TREE: 4, RESIZE: 5 } as const;
export const HELPER_EVENT = {
  STARTED: 16,
  FAILED: 17,
  EXITED: 18,
  EMPTY: 19,
  SIGNALLED: 20,
  KILLED: 21,
  DIED: 22,
} as const;

const HEADER_BYTES = 9;
const FLAG = { stdin: 1, tty: 2, merge: 4, user: 8 } as const;
const UMASK_AS_IS = 0xffffffff;

/** A frame with `payloadBytes` of room behind its header. */
export function helperFrame(type: number, id: number, payloadBytes: number): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payloadBytes);
  frame.writeUInt32LE(5 + payloadBytes, 0);
  frame.writeUInt8(type, 4);
  frame.writeUInt32LE(id, 5);
  return frame;
}

export function encodeSpawn(id: number, spec: SpawnSpec, softFileLimit: number): Buffer {
  const strings = Buffer.from(`${spec.cwd}\0`, "utf8");
  const argv = Buffer.from(`${spec.argv.join("\0")}\0`, "utf8");
  const env = Buffer.from(spec.env.map(([name, value]) => `${name}=${value}\0`).join(""), "utf8");
  const groups = spec.user?.groups ?? [];
  const frame = helperFrame(
    HELPER_REQUEST.SPAWN,
    id,
    4 + 4 + 12 + groups.length * 4 + 8 + 4 + strings.length + 4 + argv.length + 4 + env.length,
  );
  let at = HEADER_BYTES;
  const flags =
    (spec.stdin === "pipe" || spec.tty !== undefined ? FLAG.stdin : 0) |
    (spec.tty !== undefined ? FLAG.tty : 0) |
    (spec.stderr === "merge" ? FLAG.merge : 0) |
    (spec.user !== undefined ? FLAG.user : 0);
  at = frame.writeUInt32LE(flags, at);
  at = frame.writeUInt16LE(spec.tty?.rows ?? 0, at);
  at = frame.writeUInt16LE(spec.tty?.columns ?? 0, at);
  at = frame.writeUInt32LE(spec.user?.uid ?? 0, at);
  at = frame.writeUInt32LE(spec.user?.gid ?? 0, at);
  at = frame.writeUInt32LE(groups.length, at);
  for (const group of groups) at = frame.writeUInt32LE(group, at);
  at = frame.writeBigUInt64LE(BigInt(softFileLimit), at);
  at = frame.writeUInt32LE(UMASK_AS_IS, at);
  at += strings.copy(frame, at);
  at = frame.writeUInt32LE(spec.argv.length, at);
  at += argv.copy(frame, at);
  at = frame.writeUInt32LE(spec.env.length, at);
  env.copy(frame, at);
  return frame;
}

export interface HelperEvent {
  readonly type: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** Takes the helper's events out of a byte stream. */
export class HelperEventParser {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer, deliver: (event: HelperEvent) => void): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= HEADER_BYTES) {
      const length = bytes.readUInt32LE(0);
      if (bytes.length < 4 + length) break;
      deliver({
        type: bytes.readUInt8(4),
        id: bytes.readUInt32LE(5),
        payload: bytes.subarray(HEADER_BYTES, 4 + length),
      });
      bytes = bytes.subarray(4 + length);
    }
    // Events are a few dozen bytes, so that what is kept of a chunk is small.
    this.#rest = bytes.length === 0 ? bytes : Buffer.from(bytes);
  }
}
