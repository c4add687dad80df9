import { lstat } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { berthError } from "../contract/errors.ts";

const CONNECT_DEADLINE_MS = 5_000;

/** `sun_path` has 108 bytes; Node cuts a longer path silently. The design's bound leaves room for a name beside it. */
export const MAX_SOCKET_PATH_BYTES = 100;

export interface DialUnixOptions {
  /** Users whose sockets are accepted; default: any (the handshake's token decides). */
  readonly owners?: readonly number[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Connects to a unix socket of this machine. What lies at the path is first checked to be a socket and no link: a
 * container that plants one in a shared directory would lead the client to the engine's own socket.
 * @throws transport.unavailable, operation.aborted
 */
export async function dialUnixSocket(path: string, options: DialUnixOptions = {}): Promise<Duplex> {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    throw unavailable(path, `its path is longer than ${MAX_SOCKET_PATH_BYTES} bytes`);
  }
  const stat = await lstat(path).catch((cause: NodeJS.ErrnoException) => {
    throw unavailable(path, cause.code ?? cause.message, cause);
  });
  if (stat.isSymbolicLink()) throw unavailable(path, "it is a link");
  if (!stat.isSocket()) throw unavailable(path, "it is not a socket");
  if (options.owners !== undefined && !options.owners.includes(stat.uid)) {
    throw unavailable(path, `it belongs to the user ${stat.uid}`);
  }
  options.signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ path });
  const onAbort = () => socket.destroy(berthError("operation.aborted", { cause: options.signal?.reason }));
  const timer = setTimeout(() => socket.destroy(unavailable(path, "no answer")), CONNECT_DEADLINE_MS);
  options.signal?.addEventListener("abort", onAbort, { once: true });
  socket.once("connect", () => resolve(socket));
  socket.once("error", reject);
  try {
    return await promise;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === undefined) throw cause;
    const errno = (cause as NodeJS.ErrnoException).code ?? "";
    throw errno.startsWith("E") ? unavailable(path, errno, cause) : cause;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
    socket.removeListener("error", reject);
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
