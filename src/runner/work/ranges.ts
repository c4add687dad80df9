import { berthError } from "../../contract/errors.ts";
import type { FileStat } from "../../contract/files.ts";

/** First and last byte, both inclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The one range that is asked for; undefined: the whole file, also for what is no range of bytes, or several of them
 * (RFC 9110, 14.2).
 * @throws fs.range_invalid: there are no such bytes
 */
export function rangeOf(header: string | undefined, size: number, path: string): ByteRange | undefined {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/.exec(header ?? "");
  if (match === null) return undefined;
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return undefined;
  if (first === "") return inside({ start: Math.max(0, size - Number(last)), end: size - 1 }, size, path);
  const start = Number(first);
  if (last !== "" && Number(last) < start) return undefined;
  return inside({ start, end: last === "" ? size - 1 : Math.min(Number(last), size - 1) }, size, path);
}

function inside(range: ByteRange, size: number, path: string): ByteRange {
  if (range.start < size && range.end >= range.start) return range;
  throw berthError("fs.range_invalid", { hop: "runner", context: { path, size } });
}

/** Changes whenever the file is written: an atomic write makes another inode. */
export function etagOf({ inode, size, mtimeMs }: FileStat): string {
  return `"${inode.toString(36)}-${size.toString(36)}-${Math.round(mtimeMs * 1000).toString(36)}"`;
}

/** Whether a list of entity tags (`If-Match`, `If-None-Match`) has this one; `*` is any that is there. */
export function hasEtag(header: string, etag: string | undefined): boolean {
  if (etag === undefined) return false;
  if (header.trim() === "*") return true;
  return header.split(",").some((one) => one.trim().replace(/^W\//, "") === etag);
}
