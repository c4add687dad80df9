import type { Dirent, Stats } from "node:fs";
import type { FileStat, FileType } from "../contract/files.ts";

/** Permission bits with set-user-id, set-group-id and sticky. */
export const MODE_BITS = 0o7777;

export function fileType(stats: Stats | Dirent): FileType {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isFIFO()) return "fifo";
  if (stats.isSocket()) return "socket";
  if (stats.isBlockDevice()) return "block";
  return "character";
}

export function toFileStat(stats: Stats, symlinkTarget?: string): FileStat {
  return {
    type: fileType(stats),
    size: stats.size,
    mode: stats.mode & MODE_BITS,
    mtimeMs: stats.mtimeMs,
    uid: stats.uid,
    gid: stats.gid,
    inode: stats.ino,
    links: stats.nlink,
    ...(symlinkTarget === undefined ? {} : { symlinkTarget }),
  };
}

/** The errno name of what node:fs threw. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : undefined;
}
