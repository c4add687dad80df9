import fs from "node:fs";
import { type FileCalls, OPEN_WALK } from "./calls.ts";
import { joinPath } from "./names.ts";

/** Whether `/proc/self/fd/N/name` reaches into an open directory here. Not a path of a user's. */
export const HAS_DESCRIPTOR_PATHS = process.platform === "linux" && fs.existsSync("/proc/self/fd");

/**
 * A directory that stays the same whatever happens to its path: an open descriptor, reached as
 * `/proc/self/fd/N/name`. Where there is no /proc (macOS clients) it is its path, checked when it was opened.
 */
export interface DirectoryHandle {
  /** Path of an entry in it, for system calls of this process. */
  at(name: string): string;
  close(): void;
}

/**
 * Opens a directory. With `follow: false` a link as last component is refused.
 * @throws ENOTDIR (also for a link that is not to be followed), ENOENT, EACCES
 */
export async function openDirectory(
  calls: FileCalls,
  path: string,
  follow: boolean,
): Promise<DirectoryHandle> {
  if (HAS_DESCRIPTOR_PATHS) {
    const fd = await calls.open(path, follow ? OPEN_WALK : OPEN_WALK | fs.constants.O_NOFOLLOW);
    let open = true;
    return {
      at: (name) => `/proc/self/fd/${fd}/${name}`,
      close: () => {
        if (open) void calls.close(fd);
        open = false;
      },
    };
  }
  const stat = follow ? await calls.stat(path) : await calls.lstat(path);
  if (!stat.isDirectory()) throw Object.assign(new Error("not a directory"), { code: "ENOTDIR" });
  const base = follow ? await calls.realpath(path) : path;
  return { at: (name) => joinPath(base, name), close: () => {} };
}
