import { berthError } from "../contract/errors.ts";
import { nameFromBytes, nameToBytes } from "./names.ts";

/**
 * The tar format of POSIX.1-2001 (pax), written and read without any library: names are bytes, sizes have no
 * limit, and the reader expects a hostile archive.
 *
 *     0     100  108 116 124  136   148    156  157      257   263 265   297   329  337  345    500      512
 *     │name │mode│uid│gid│size│mtime│chksum│type│linkname│magic│00 │uname│gname│major│minor│prefix│ spare │
 *
 * In the spare bytes, which readers ignore, Berth keeps the fraction of the modification time: "bns" and nine
 * digits of nanoseconds. It saves the 1 KiB a file that a pax record would cost.
 */
export const BLOCK_BYTES = 512;

export type TarEntryType = "file" | "directory" | "symlink" | "link" | "other";

export interface TarEntry {
  /** Relative path; "." is the top of the tree. */
  readonly name: string;
  readonly type: TarEntryType;
  /** Bytes of content; 0 for all but files. */
  readonly size: number;
  readonly mode: number;
  readonly mtimeMs: number;
  /** Target of a symlink, or the name of an earlier entry for a link. */
  readonly linkname: string;
}

const TYPE_FLAGS: Record<TarEntryType, string> = {
  file: "0",
  link: "1",
  symlink: "2",
  directory: "5",
  other: "7",
};
const SPARE_OFFSET = 500;
const SPARE_MARK = "bns";
const MAX_OCTAL_11 = 0o77777777777;
/** Longest path of the kernel, twice, and some records: more in one pax header is no honest archive. */
const MAX_EXTENDED_BYTES = 64 * 1024;

/** The two blocks of zeros at the end. */
export const TAR_END = Buffer.alloc(2 * BLOCK_BYTES);

/** Zeros that fill the last block of some content. */
export function padding(size: number): Buffer {
  const rest = size % BLOCK_BYTES;
  return TAR_END.subarray(0, rest === 0 ? 0 : BLOCK_BYTES - rest);
}

/** The header blocks of an entry, with a pax header before them where the plain one can't say it. */
export function encodeHeader(entry: TarEntry): Buffer {
  const name = nameToBytes(entry.type === "directory" ? `${entry.name}/` : entry.name);
  const linkname = nameToBytes(entry.linkname);
  const records: Buffer[] = [];
  const isPlain = (bytes: Buffer): boolean => bytes.length <= 100 && bytes.every((byte) => byte < 0x80);
  const isText = (text: string): boolean => nameFromBytes(Buffer.from(text)) === text;
  if (!isText(entry.name) || !isText(entry.linkname))
    records.push(record("hdrcharset", Buffer.from("BINARY")));
  if (!isPlain(name)) records.push(record("path", name));
  if (!isPlain(linkname)) records.push(record("linkpath", linkname));
  if (entry.size > MAX_OCTAL_11) records.push(record("size", Buffer.from(String(entry.size))));
  const header = encodeBlock(entry, name, linkname, TYPE_FLAGS[entry.type]);
  if (records.length === 0) return header;
  const body = Buffer.concat(records);
  const extended = { ...entry, size: body.length, mode: 0o644 };
  return Buffer.concat([
    encodeBlock(extended, Buffer.from("PaxHeader"), Buffer.alloc(0), "x"),
    body,
    padding(body.length),
    header,
  ]);
}

function encodeBlock(entry: TarEntry, name: Buffer, linkname: Buffer, flag: string): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  name.copy(block, 0, 0, 100);
  octal(block, 100, 8, entry.mode & 0o7777);
  octal(block, 108, 8, 0);
  octal(block, 116, 8, 0);
  if (entry.size <= MAX_OCTAL_11) octal(block, 124, 12, entry.size);
  else binary(block, 124, 12, entry.size);
  const seconds = Math.min(Math.max(Math.floor(entry.mtimeMs / 1000), 0), MAX_OCTAL_11);
  octal(block, 136, 12, seconds);
  block.write(flag, 156, "latin1");
  linkname.copy(block, 157, 0, 100);
  block.write("ustar\u000000", 257, "latin1");
  const nanoseconds = Math.min(999_999_999, Math.max(0, Math.round((entry.mtimeMs - seconds * 1000) * 1e6)));
  block.write(SPARE_MARK + String(nanoseconds).padStart(9, "0"), SPARE_OFFSET, "latin1");
  block.write(`${checksum(block).toString(8).padStart(6, "0")}\u0000 `, 148, "latin1");
  return block;
}

function octal(block: Buffer, offset: number, length: number, value: number): void {
  block.write(`${value.toString(8).padStart(length - 1, "0")}\u0000`, offset, "latin1");
}

/** Base-256 of GNU tar: the first bit set, then a big-endian number. */
function binary(block: Buffer, offset: number, length: number, value: number): void {
  let rest = value;
  for (let index = offset + length - 1; index > offset; index--) {
    block[index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  block[offset] = 0x80;
}

/** `length key=value\n`, where the length counts its own digits. */
function record(key: string, value: Buffer): Buffer {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`, "latin1"), value, Buffer.from("\n")]);
}

/** Sum of all bytes, the checksum's own counted as spaces. */
function checksum(block: Buffer): number {
  let sum = 8 * 32;
  for (let index = 0; index < BLOCK_BYTES; index++) {
    if (index < 148 || index >= 156) sum += block[index]!;
  }
  return sum;
}

export interface ParsedBlock {
  readonly flag: string;
  readonly entry: TarEntry;
}

/** Values of a pax header, or of GNU's long name entries, for the entry behind it. */
export interface Extension {
  path?: string;
  linkpath?: string;
  size?: number;
  mtimeMs?: number;
}

/**
 * Reads one header block; undefined for a block of zeros (the end).
 * @throws fs.archive_invalid
 */
export function decodeBlock(block: Buffer): ParsedBlock | undefined {
  const sum = checksum(block);
  if (sum === 8 * 32) return undefined;
  if (number(block, 148, 8) !== sum) throw invalid("the checksum of an entry is wrong");
  const flag = block[156] === 0 ? "0" : String.fromCharCode(block[156]!);
  const prefix = block.toString("latin1", 257, 263) === "ustar\u0000" ? text(block, 345, 155) : "";
  const name = text(block, 0, 100);
  const full = prefix === "" ? name : `${prefix}/${name}`;
  const fraction = /^bns(\d{9})$/.exec(block.toString("latin1", SPARE_OFFSET))?.[1] ?? "0";
  return {
    flag,
    entry: {
      name: full,
      type: typeOf(flag),
      size: number(block, 124, 12),
      mode: number(block, 100, 8) & 0o7777,
      mtimeMs: number(block, 136, 12) * 1000 + Number(fraction) / 1e6,
      linkname: text(block, 157, 100),
    },
  };
}

function typeOf(flag: string): TarEntryType {
  switch (flag) {
    case "0":
    case "7":
      return "file";
    case "1":
      return "link";
    case "2":
      return "symlink";
    case "5":
      return "directory";
    default:
      return "other";
  }
}

/** Up to the first NUL. */
function text(block: Buffer, offset: number, length: number): string {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return nameFromBytes(end < 0 ? field : field.subarray(0, end));
}

function number(block: Buffer, offset: number, length: number): number {
  const field = block.subarray(offset, offset + length);
  if ((field[0]! & 0x80) !== 0) {
    let value = field[0]! & 0x7f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    if (field[0] === 0xff || !Number.isSafeInteger(value))
      throw invalid("a number of an entry is out of range");
    return value;
  }
  const digits = field
    .toString("latin1")
    .replace(/[\0 ]+$/, "")
    .trimStart();
  if (digits === "") return 0;
  if (!/^[0-7]+$/.test(digits)) throw invalid("a number of an entry is not octal");
  return Number.parseInt(digits, 8);
}

/** Length of the content of an extended header, checked. */
export function extendedLength(size: number): number {
  if (size > MAX_EXTENDED_BYTES) throw invalid("an extended header is too long");
  return size;
}

/**
 * Reads the records of a pax header.
 * @throws fs.archive_invalid, also for sparse files, which only GNU tar writes
 */
export function decodeRecords(body: Buffer): Extension {
  const extension: Extension = {};
  for (let offset = 0; offset < body.length; ) {
    const space = body.indexOf(0x20, offset);
    const length = space < 0 ? Number.NaN : Number(body.toString("latin1", offset, space));
    const end = offset + length;
    const equals = body.indexOf(0x3d, space);
    if (
      !Number.isInteger(length) ||
      end > body.length ||
      equals < 0 ||
      equals >= end ||
      body[end - 1] !== 0x0a
    ) {
      throw invalid("an extended header is damaged");
    }
    const key = body.toString("latin1", space + 1, equals);
    const value = body.subarray(equals + 1, end - 1);
    if (key === "path") extension.path = nameFromBytes(value);
    else if (key === "linkpath") extension.linkpath = nameFromBytes(value);
    else if (key === "size") extension.size = decimal(value);
    else if (key === "mtime") extension.mtimeMs = Number(value.toString("latin1")) * 1000;
    else if (key.startsWith("GNU.sparse.")) throw invalid("sparse files of GNU tar are not supported");
    offset = end;
  }
  if (extension.mtimeMs !== undefined && !Number.isFinite(extension.mtimeMs))
    throw invalid("a time is no number");
  return extension;
}

function decimal(value: Buffer): number {
  const digits = value.toString("latin1");
  const size = Number(digits);
  if (!/^\d{1,16}$/.test(digits) || !Number.isSafeInteger(size)) throw invalid("a size is out of range");
  return size;
}

export function invalid(reason: string): Error {
  return berthError("fs.archive_invalid", {
    message: `the archive is damaged or not a tar archive: ${reason}`,
  });
}
