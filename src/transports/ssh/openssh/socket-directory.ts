import { chmod, lstat } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { type BerthError, berthError } from "../../../contract/errors.ts";
import { makeDirectories } from "../../../files/directories.ts";
import { MAX_SOCKET_PATH_BYTES } from "../../unix-socket.ts";

/**
 * Longest name of a socket in it, with its slash: key (12), dot, nonce (6), and either what OpenSSH appends while it
 * binds (17) or the process that uses it.
 */
const SOCKET_NAME_BYTES = 1 + 12 + 1 + 6 + 17;

/**
 * Directory of the masters' sockets. On this machine and not in a home that several share, and short: `ssh` below
 * BERTH_HOME where that is given, else in the user's runtime directory, else in /tmp. Nothing is made.
 */
export function socketDirectoryPath(environment: NodeJS.ProcessEnv = process.env): string {
  const { BERTH_HOME, XDG_RUNTIME_DIR } = environment;
  const candidates = [
    BERTH_HOME ? join(BERTH_HOME, "ssh") : "",
    XDG_RUNTIME_DIR ? join(XDG_RUNTIME_DIR, "berth-ssh") : "",
  ];
  const fits = (path: string): boolean =>
    isAbsolute(path) &&
    Buffer.byteLength(path) + SOCKET_NAME_BYTES <= MAX_SOCKET_PATH_BYTES &&
    // ssh expands % and $ in a ControlPath.
    !/[%$"\\\s]/.test(path);
  return candidates.find(fits) ?? `/tmp/berth-${process.getuid?.() ?? 0}-ssh`;
}

/**
 * Makes the directory for this user alone: who can reach a master's socket is logged in on its host.
 * @throws provision.no_space; provision.no_directory, also when it is somebody else's or a link
 */
export async function socketDirectory(path: string): Promise<string> {
  try {
    await makeDirectories(path, 0o700);
    const status = await lstat(path);
    if (!status.isDirectory()) throw new Error("it is a link or no directory");
    const uid = process.getuid?.() ?? status.uid;
    if (status.uid !== uid) throw new Error(`it belongs to the user ${status.uid}`);
    if ((status.mode & 0o077) !== 0) await chmod(path, 0o700);
    return path;
  } catch (cause) {
    throw directoryError(path, cause);
  }
}

/** Why nothing can be kept in the directory. */
export function directoryError(path: string, cause: unknown): BerthError {
  const reason = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
  const full = reason === "ENOSPC" || reason === "EDQUOT";
  return berthError(full ? "provision.no_space" : "provision.no_directory", {
    message: `ssh's control sockets can't be kept in ${path}: ${reason}`,
    hint: full
      ? "Free some space there, or give another directory by BERTH_HOME."
      : "Give another directory by BERTH_HOME.",
    context: { path, reason },
    cause,
  });
}
