import fs, { type Stats } from "node:fs";
import type { FileCalls } from "../../files/calls.ts";
import { joinPath, splitPath } from "../../files/names.ts";
import { errnoOf, MODE_BITS } from "../../files/stat.ts";
import { MAX_LINKS, type Spot } from "../../files/walk.ts";
import { becameLink, errno } from "./context.ts";

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, O_NOCTTY } = fs.constants;

/** The file that a write is to replace or make, links resolved. */
export interface WriteTarget {
  readonly at: string;
  sibling(name: string): string;
  /** Undefined when there is nothing yet. */
  readonly stats: Stats | undefined;
}

/**
 * Follows the links of the last component by hand, dangling ones too, so that the temporary sibling lies beside
 * the file that is replaced and the link is kept.
 * @throws EISDIR, ELOOP
 */
export async function resolveTarget(calls: FileCalls, spot: Spot): Promise<WriteTarget> {
  let at = spot.at;
  for (let links = 0; ; links++) {
    const stats = await calls.lstat(at).catch((error: unknown) => {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw error;
    });
    if (stats?.isDirectory() === true) throw errno("EISDIR");
    if (stats?.isSymbolicLink() !== true) {
      const parent = splitPath(at).parent;
      const target = at === spot.at ? spot.sibling : (name: string) => joinPath(parent, name);
      return { at, sibling: target, stats };
    }
    if (spot.pinned) throw becameLink();
    if (links === MAX_LINKS) throw errno("ELOOP");
    const link = await calls.readlink(at);
    at = link.startsWith("/") ? link : joinPath(splitPath(at).parent, link);
  }
}

/** A file whose owner, mode and attributes are those that it is to have under its final name. */
export interface Temporary {
  readonly fd: number;
  readonly at: string;
  readonly name: string;
  /** Owner and mode that it was made with. */
  readonly stats: Stats;
}

/**
 * Makes the temporary, closed to others until the end. For a new file without a mode of its own it is made as the
 * final file would be, so that umask and a default ACL of the directory decide, and closed at once.
 */
export async function openTemporary(
  calls: FileCalls,
  at: string,
  name: string,
  plain: boolean,
): Promise<Temporary> {
  const flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY;
  const fd = await calls.open(at, flags, plain ? 0o666 : 0o600);
  try {
    const stats = await calls.fstat(fd);
    if (plain) await calls.fchmod(fd, 0o600);
    return { fd, at, name, stats };
  } catch (error) {
    await calls.close(fd);
    await calls.unlink(at);
    throw error;
  }
}

/** Opens a file to be written where it is. FIFOs and devices are not waited for. */
export function openInPlace(calls: FileCalls, target: WriteTarget): Promise<number> {
  const flags = fs.constants.O_WRONLY | fs.constants.O_NONBLOCK | O_NOCTTY | O_NOFOLLOW;
  return calls.open(target.at, flags);
}

/** Whether a file made by `temporary` can have the owner of `target`; it has it afterwards. */
export async function takeOwner(calls: FileCalls, temporary: Temporary, target: Stats): Promise<boolean> {
  if (temporary.stats.uid === target.uid && temporary.stats.gid === target.gid) return true;
  try {
    await calls.fchown(temporary.fd, target.uid, target.gid);
    return true;
  } catch (error) {
    const code = errnoOf(error);
    if (code === "EPERM" || code === "EINVAL" || code === "ENOTSUP" || code === "EACCES") return false;
    throw error;
  }
}

export function modeOf(stats: Stats): number {
  return stats.mode & MODE_BITS;
}
