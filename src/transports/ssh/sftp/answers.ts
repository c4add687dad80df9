import { readAttributes, type SftpAttributes } from "./attributes.ts";
import type { SftpSpace } from "./look.ts";
import { MalformedPacket, PACKET } from "./packet.ts";
import type { SftpAnswer } from "./session.ts";

/** Handle of no server is longer (the draft's limit). */
const MAX_HANDLE_BYTES = 256;
const STATVFS_READ_ONLY = 0x1;

export interface SftpEntry {
  readonly name: string;
  readonly attributes: SftpAttributes;
}

/** Each gives undefined for an answer of another type, which is then a status. */
export function readAttributesOf(answer: SftpAnswer): SftpAttributes | undefined {
  return answer.type === PACKET.attributes ? readAttributes(answer.body) : undefined;
}

export function readHandle(answer: SftpAnswer): Buffer | undefined {
  if (answer.type !== PACKET.handle) return undefined;
  const handle = answer.body.bytes();
  if (handle.length > MAX_HANDLE_BYTES) throw new MalformedPacket(`a handle of ${handle.length} bytes`);
  // A copy: the packet that it is part of would live as long as the handle.
  return Buffer.from(handle);
}

export function readNames({ body }: SftpAnswer): SftpEntry[] {
  const count = body.uint32();
  // Each takes twelve bytes at least.
  if (count > body.left / 12) throw new MalformedPacket("more names than their packet holds");
  const entries: SftpEntry[] = [];
  for (let index = 0; index < count; index++) {
    const name = body.text();
    body.bytes();
    entries.push({ name, attributes: readAttributes(body) });
  }
  return entries;
}

export function readOneName(answer: SftpAnswer): string | undefined {
  if (answer.type !== PACKET.name) return undefined;
  const [entry] = readNames(answer);
  if (entry === undefined) throw new MalformedPacket("an answer without the name that was asked for");
  return entry.name;
}

export function readStatus({ type, body }: SftpAnswer): { status: number; said: string } {
  if (type !== PACKET.status)
    throw new MalformedPacket(`an answer of type ${type} that fits no such request`);
  const status = body.uint32();
  // Some old servers leave the text out.
  return { status, said: body.left >= 4 ? body.text() : "" };
}

/** bsize frsize blocks bfree bavail files ffree favail fsid flag namemax */
export function readSpace(answer: SftpAnswer): SftpSpace | undefined {
  if (answer.type !== PACKET.extendedReply) return undefined;
  const fields = Array.from({ length: 11 }, () => answer.body.uint64());
  const [, , , , blocks = 0, files = 0, , inodes = 0, device = 0, flags = 0] = fields;
  return {
    readOnly: (flags & STATVFS_READ_ONLY) !== 0,
    // Some file systems count no inodes at all.
    full: blocks === 0 || (files > 0 && inodes === 0),
    device: String(device),
  };
}
