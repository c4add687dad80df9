import type { FileType } from "../../../contract/files.ts";
import { MalformedPacket, type PacketReader, PacketWriter } from "./packet.ts";

/** What SFTP version 3 tells of a file: whole seconds, and neither inode nor number of links. */
export interface SftpAttributes {
  readonly size?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** st_mode: type and permission bits. */
  readonly mode?: number | undefined;
  /** Seconds since the epoch. */
  readonly atime?: number | undefined;
  readonly mtime?: number | undefined;
}

const FLAG_SIZE = 0x1;
const FLAG_OWNER = 0x2;
const FLAG_MODE = 0x4;
const FLAG_TIMES = 0x8;
const FLAG_EXTENDED = 0x8000_0000;

/** Type bits of st_mode (S_IFMT), in steps of 0o010000. */
const TYPES: ReadonlyMap<number, FileType> = new Map([
  [0o01, "fifo"],
  [0o02, "character"],
  [0o04, "directory"],
  [0o06, "block"],
  [0o10, "file"],
  [0o12, "symlink"],
  [0o14, "socket"],
]);

/** undefined where the server does not tell. */
export function typeOf(attributes: SftpAttributes): FileType | undefined {
  return attributes.mode === undefined ? undefined : TYPES.get((attributes.mode >>> 12) & 0o17);
}

/** @throws MalformedPacket */
export function readAttributes(reader: PacketReader): SftpAttributes {
  const flags = reader.uint32();
  const attributes: { -readonly [K in keyof SftpAttributes]: SftpAttributes[K] } = {};
  if (flags & FLAG_SIZE) attributes.size = reader.uint64();
  if (flags & FLAG_OWNER) {
    attributes.uid = reader.uint32();
    attributes.gid = reader.uint32();
  }
  if (flags & FLAG_MODE) attributes.mode = reader.uint32();
  if (flags & FLAG_TIMES) {
    attributes.atime = reader.uint32();
    attributes.mtime = reader.uint32();
  }
  if (flags & FLAG_EXTENDED) {
    const count = reader.uint32();
    // Each takes eight bytes at least, so a count that is made up is seen before it is counted through.
    if (count > reader.left / 8) throw new MalformedPacket("more extended attributes than its packet holds");
    for (let index = 0; index < count; index++) {
      reader.bytes();
      reader.bytes();
    }
  }
  return attributes;
}

/** Owner and group go together, as do both times: the protocol has no way to set one of them. */
export function writeAttributes(attributes: SftpAttributes): PacketWriter {
  const { size, uid, gid, mode, atime, mtime } = attributes;
  const owner = uid !== undefined && gid !== undefined;
  const times = atime !== undefined && mtime !== undefined;
  const writer = new PacketWriter();
  writer.uint32(
    (size === undefined ? 0 : FLAG_SIZE) |
      (owner ? FLAG_OWNER : 0) |
      (mode === undefined ? 0 : FLAG_MODE) |
      (times ? FLAG_TIMES : 0),
  );
  if (size !== undefined) writer.uint64(size);
  if (owner) writer.uint32(uid).uint32(gid);
  if (mode !== undefined) writer.uint32(mode);
  if (times) writer.uint32(atime).uint32(mtime);
  return writer;
}
