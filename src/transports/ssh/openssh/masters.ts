import { randomBytes } from "node:crypto";
import { renameSync } from "node:fs";
import { readdir, rename, rm, stat } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { ControlFailure, checkMaster, openProxy, terminateMaster } from "./control-socket.ts";
import { isErrno } from "./errno.ts";

/**
 * Sockets of masters are named KEY.NONCE; while a process uses one, KEY.NONCE.PID. A master belongs to one process at
 * a time: its sessions count against one MaxSessions, what one process does cannot end the commands of another, and
 * taking one is a rename, which only one of several can do. So there is nothing to lock, and two processes that start
 * at once each have a working one.
 */
export const SOCKET_NAME = /^([0-9a-f]+)\.([0-9a-f]{6})(?:\.(\d+))?$/;
/** OpenSSH binds under the name with a dot and 16 letters, then links and unlinks it: there for milliseconds. */
const BINDING_NAME = /^[0-9a-f]+\.[0-9a-f]{6}\.\w{16}$/;
/** Directory of one login (login.ts). */
const LOGIN_NAME = /^login-\w{6}$/;
/** What is older was left by a process that was killed: a login takes 10 minutes at most (connectTimeoutMs). */
const LEFTOVER_AGE_MS = 3_600_000;

/** A master that is this process's alone, and a stream of packets to its host. */
export interface OwnedMaster {
  /** Its control socket, by the name of its owner. */
  readonly path: string;
  readonly proxy: Socket;
}

/** The name under which a new master listens until somebody takes it. */
export function newSocketPath(directory: string, key: string): string {
  return join(directory, `${key}.${randomBytes(3).toString("hex")}`);
}

/** Takes a live master of this key that no process uses. Sockets that nobody listens on any more are removed. */
export async function takeMaster(directory: string, key: string): Promise<OwnedMaster | undefined> {
  for (const name of await readdir(directory)) {
    const match = SOCKET_NAME.exec(name);
    if (match === null || match[1] !== key || isUsed(match[3])) continue;
    const taken = await takeSocket(join(directory, name), join(directory, `${key}.${match[2]}`));
    if (taken !== undefined) return taken;
  }
  return undefined;
}

/** Takes the master that listens on `path`; undefined when somebody else was faster or nobody listens. */
export async function takeSocket(path: string, freePath = path): Promise<OwnedMaster | undefined> {
  const owned = `${freePath}.${process.pid}`;
  try {
    await rename(path, owned);
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return undefined;
    throw cause;
  }
  own(owned);
  try {
    return { path: owned, proxy: await openProxy(owned) };
  } catch (cause) {
    paths.delete(owned);
    // One that is there and answers nothing is of no use to anybody either.
    await rm(owned, { force: true });
    if (cause instanceof ControlFailure) return undefined;
    throw cause;
  }
}

/** What this process uses. */
const paths = new Set<string>();

/** A process that ends without closing its connections leaves them under the name by which the master removes them. */
function own(path: string): void {
  process.removeListener("exit", leaveAll).once("exit", leaveAll);
  paths.add(path);
}

function leaveAll(): void {
  for (const path of paths) {
    try {
      renameSync(path, freeName(path));
    } catch {
      // The master has ended.
    }
  }
}

function freeName(owned: string): string {
  return owned.slice(0, owned.lastIndexOf("."));
}

/** Leaves a master to the next process, until its ControlPersist is over. */
export async function releaseMaster({ path, proxy }: OwnedMaster): Promise<void> {
  paths.delete(path);
  await rename(path, freeName(path)).catch(() => {});
  proxy.destroy();
}

/** Ends a master, so far as it still answers. */
export async function endMaster({ path, proxy }: OwnedMaster): Promise<void> {
  paths.delete(path);
  proxy.destroy();
  await terminateMaster(path).catch(() => {});
  await rm(path, { force: true });
}

/** Removes what masters and processes left that were killed: sockets that nobody listens on, old logins. */
export async function sweepMasters(directory: string): Promise<void> {
  await Promise.all(
    (await readdir(directory)).map(async (name) => {
      const path = join(directory, name);
      const socket = SOCKET_NAME.exec(name);
      if (socket !== null) {
        if (isUsed(socket[3])) return;
        const gone = await checkMaster(path).then(
          () => false,
          (cause: unknown) => cause instanceof ControlFailure && cause.gone,
        );
        if (gone) await rm(path, { force: true });
        return;
      }
      if (!BINDING_NAME.test(name) && !LOGIN_NAME.test(name)) return;
      const status = await stat(path).catch(() => undefined);
      if (status !== undefined && Date.now() - status.mtimeMs > LEFTOVER_AGE_MS) {
        await rm(path, { recursive: true, force: true });
      }
    }),
  );
}

/** Ends every master in a directory, whoever uses it. */
export async function endAllMasters(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  await Promise.all(
    names
      .filter((name) => SOCKET_NAME.test(name))
      .map(async (name) => {
        await terminateMaster(join(directory, name)).catch(() => {});
        await rm(join(directory, name), { force: true });
      }),
  );
}

/** Whether the process that the name says is there. Of another user's processes there are none in this directory. */
function isUsed(pid: string | undefined): boolean {
  if (pid === undefined) return false;
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (cause) {
    return isErrno(cause, "EPERM");
  }
}
