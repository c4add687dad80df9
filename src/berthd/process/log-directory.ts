import { constants, promises as fs } from "node:fs";
import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import { makeDirectories } from "../../files/directories.ts";
import { resolveCwd } from "./environment.ts";
import type { PlaceUser } from "./users.ts";

/** Write permission of the group and of others. */
const FOREIGN_WRITE = 0o022;

/**
 * The real path of the directory that logs are to be kept in: made with mode 0700 where it is missing. One that is
 * there stays as it is, and is taken only if nobody else could put something of theirs in the place of a log: each
 * process has a directory of its own in it, with mode 0700.
 * @throws process.log_directory_unusable
 */
export async function logDirectory(path: string, { home, name, uid }: PlaceUser): Promise<string> {
  const refuse = (reason: string): BerthError =>
    berthError("process.log_directory_unusable", { hop: "berthd", context: { path, reason, user: name } });
  if (!path.startsWith("/") && !path.startsWith("~/")) throw refuse("it is no absolute path");
  try {
    const wanted = resolveCwd(path, home);
    await makeDirectories(wanted, 0o700);
    const real = await fs.realpath(wanted);
    const found = await fs.stat(real);
    if (found.uid !== uid) throw refuse(`it belongs to another user (uid ${found.uid})`);
    if ((found.mode & FOREIGN_WRITE) !== 0) throw refuse("others may write to it");
    await fs.access(real, constants.W_OK | constants.X_OK);
    return real;
  } catch (cause) {
    if (isBerthError(cause)) throw cause;
    const { code = "unknown" } = cause as NodeJS.ErrnoException;
    throw refuse(REASONS[code] ?? code);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EEXIST: "it is not a directory",
  ENOTDIR: "it is not a directory",
  EACCES: "it can't be written to (EACCES)",
  EPERM: "it can't be written to (EPERM)",
  EROFS: "the file system is read-only (EROFS)",
  ENOSPC: "the disk is full (ENOSPC)",
};
