import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { berthError, isBerthError } from "../contract/errors.ts";
import { abortedError } from "./abort.ts";

const CONNECT_DEADLINE_MS = 5_000;

/** `sun_path` has 108 bytes; Node cuts a longer path silently. The design's bound leaves room for a name beside it. */
export const MAX_SOCKET_PATH_BYTES = 100;

/** Linux: holds what lies at a path without opening it. Not among Node's constants. */
const O_PATH = 0o10000000;

export interface DialUnixOptions {
  /** Users whose sockets are accepted; default: any (the handshake's token decides). */
  readonly owners?: readonly number[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Connects to a unix socket of this machine. What lies at the path has to be a socket and no link: a container that
 * plants one in a shared directory would lead the client to the engine's own socket. On Linux it is held while it is
 * looked at, so that what is connected to is what was looked at, and the path may be of any length. What breaks the
 * stream later is an error that needs no listener.
 * @throws transport.unavailable, operation.aborted
 */
export async function dialUnixSocket(path: string, options: DialUnixOptions = {}): Promise<Duplex> {
  if (process.platform !== "linux") {
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
      throw unavailable(path, `its path is longer than ${MAX_SOCKET_PATH_BYTES} bytes`);
    }
    accept(path, await look(path, () => lstat(path)), options);
    return connectTo(path, path, options);
  }
  const held: FileHandle = await look(path, () => open(path, O_PATH | constants.O_NOFOLLOW));
  try {
    accept(path, await held.stat(), options);
    return await connectTo(`/proc/self/fd/${held.fd}`, path, options);
  } finally {
    await held.close();
  }
}

async function look<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw unavailable(path, (cause as NodeJS.ErrnoException).code ?? String(cause), cause);
  }
}

function accept(path: string, stat: Stats, options: DialUnixOptions): void {
  if (stat.isSymbolicLink()) throw unavailable(path, "it is a link");
  if (!stat.isSocket()) throw unavailable(path, "it is not a socket");
  if (options.owners !== undefined && !options.owners.includes(stat.uid)) {
    throw unavailable(path, `it belongs to the user ${stat.uid}`);
  }
}

async function connectTo(address: string, path: string, options: DialUnixOptions): Promise<Duplex> {
  const aborted = () => abortedError(options.signal);
  if (options.signal?.aborted) throw aborted();
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ path: address, allowHalfOpen: true });
  const onAbort = () => socket.destroy(aborted());
  const timer = setTimeout(() => socket.destroy(unavailable(path, "no answer")), CONNECT_DEADLINE_MS);
  options.signal?.addEventListener("abort", onAbort, { once: true });
  socket.once("connect", () => resolve(socket));
  // For good: the other side may reset it before whoever asked for it listens, and an error that nobody hears would
  // end this process. Later it is found destroyed, with what broke it in `errored`.
  socket.on("error", reject);
  try {
    return await promise;
  } catch (cause) {
    if (isBerthError(cause)) throw cause;
    throw unavailable(path, (cause as NodeJS.ErrnoException).code ?? String(cause), cause);
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
  }
}

function unavailable(path: string, reason: string, cause?: unknown) {
  return berthError("transport.unavailable", {
    hop: "transport",
    message: `the daemon's socket ${path} cannot be used: ${reason}`,
    context: { path, reason },
    cause,
  });
}
