import { createHash } from "node:crypto";
import { chmod, lstat, readFile, readlink, symlink } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { type BerthError, berthError } from "../contract/errors.ts";
import { makeDirectories } from "../files/directories.ts";
import { MAX_SOCKET_PATH_BYTES } from "../transports/unix-socket.ts";
import { PROTOCOL_MAX } from "../wire/frame.ts";

/** Longest name of a socket that Berth puts into a daemon's directory, with its slash. */
const SOCKET_NAME_BYTES = 8;

/**
 * Where Berth keeps its state on this machine: what is asked for, else BERTH_HOME, else the XDG state directory.
 * Always an absolute path, as the daemon starts elsewhere. Nothing is made.
 */
export function stateDirectoryPath(
  asked?: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  if (asked !== undefined) return resolve(asked);
  if (env.BERTH_HOME) return resolve(env.BERTH_HOME);
  const xdg = env.XDG_STATE_HOME;
  // The XDG rules: a relative path is to be ignored.
  const base = xdg && isAbsolute(xdg) ? xdg : join(homeDirectory(env.HOME), ".local/state");
  return join(base, "berth");
}

/** A home that is missing, empty or relative is the one that the system knows. */
function homeDirectory(home: string | undefined): string {
  if (home !== undefined && isAbsolute(home)) return home;
  try {
    return userInfo().homedir;
  } catch (cause) {
    throw berthError("provision.no_directory", {
      message: "Berth's state can't be kept: this user has no home directory",
      hint: "Give a directory by BERTH_HOME.",
      cause,
    });
  }
}

/**
 * Makes a directory that only this user may enter (0700), and makes sure that it is this user's.
 * @throws provision.no_directory
 */
export async function privateDirectory(path: string): Promise<string> {
  try {
    await makeDirectories(path, 0o700);
    const stat = await lstat(path);
    const real = stat.isSymbolicLink() ? await lstat(await resolveLink(path)) : stat;
    if (!real.isDirectory()) throw new Error("it is not a directory");
    const uid = process.getuid?.() ?? real.uid;
    if (stat.uid !== uid || real.uid !== uid) throw new Error(`it belongs to the user ${real.uid}`);
    if ((real.mode & 0o077) !== 0) await chmod(path, 0o700);
    return path;
  } catch (cause) {
    throw stateError(path, cause);
  }
}

/** Why Berth's state can't be kept in a directory: provision.no_space or provision.no_directory. */
export function stateError(path: string, cause: unknown): BerthError {
  const reason = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
  const full = reason === "ENOSPC" || reason === "EDQUOT";
  return berthError(full ? "provision.no_space" : "provision.no_directory", {
    message: `Berth's state can't be kept in ${path}: ${full ? "no space is left there" : reason}`,
    hint: full
      ? "Free some space there, or give another directory by BERTH_HOME."
      : "Give another directory by BERTH_HOME.",
    context: { path, reason },
    cause,
  });
}

async function resolveLink(path: string): Promise<string> {
  const target = await readlink(path);
  return isAbsolute(target) ? target : join(path, "..", target);
}

/** Name of this machine since it was started: home directories may be shared between machines. */
export async function machineKey(): Promise<string> {
  const host =
    hostname()
      .slice(0, 12)
      .replace(/[^A-Za-z0-9.]/g, "-") || "place";
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "unknown");
  return `${host}-${boot.slice(0, 8)}`;
}

/** Directory of this machine's daemon, made. Its path leaves room for a socket's name. */
export async function localRunDirectory(stateDirectory: string): Promise<string> {
  await privateDirectory(stateDirectory);
  const directory = join(stateDirectory, "run", await machineKey(), `p${PROTOCOL_MAX}`);
  await makeDirectories(directory, 0o700).catch((cause) => {
    throw stateError(directory, cause);
  });
  return shortPath(directory);
}

/**
 * The directory itself, or where its path is too long for the sockets in it, a link to it in a short directory of
 * this user's.
 */
export async function shortPath(directory: string): Promise<string> {
  if (Buffer.byteLength(directory) + SOCKET_NAME_BYTES <= MAX_SOCKET_PATH_BYTES) return directory;
  const parent = await privateDirectory(`/tmp/berth-${process.getuid?.() ?? 0}-s`);
  if ((await lstat(parent)).isSymbolicLink()) {
    throw berthError("provision.no_directory", {
      message: `${parent} is a link that somebody made`,
      context: { path: parent },
    });
  }
  const link = join(parent, createHash("sha256").update(directory).digest("hex").slice(0, 16));
  await symlink(directory, link).catch(async (cause: NodeJS.ErrnoException) => {
    if (cause.code !== "EEXIST" || (await readlink(link)) !== directory) throw cause;
  });
  return link;
}
