import type * as z from "zod";
import type { FileStat, WatchEvent } from "../contract/files.ts";
import type { fileStat, watchEvent } from "./files.ts";

export type FileStatJson = z.infer<typeof fileStat>;
export type WatchEventJson = z.infer<typeof watchEvent>;

export function fileStatToJson(stat: FileStat): FileStatJson {
  return {
    type: stat.type,
    size: stat.size,
    mode: stat.mode,
    mtime_ms: stat.mtimeMs,
    uid: stat.uid,
    gid: stat.gid,
    inode: stat.inode,
    links: stat.links,
    symlink_target: stat.symlinkTarget ?? null,
  };
}

export function watchEventToJson(event: WatchEvent): WatchEventJson {
  if (event.type === "rescan") return { type: "rescan", path: event.path };
  return {
    type: event.type,
    path: event.path,
    inode: event.inode,
    file_type: event.fileType,
  };
}
