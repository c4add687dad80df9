import { createConnection, type Socket } from "node:net";

/** Addresses of the place itself, in the order in which they are preferred. */
const LOOPBACK = ["127.0.0.1", "::1"] as const;

/** How long the preferred address has before the other one is tried beside it (RFC 8305 recommends 250 ms). */
const HEAD_START_MS = 250;
/** A host that drops packets answers nothing at all. */
const CONNECT_TIMEOUT_MS = 30_000;

/**
 * Connects to a port: of `host`, or of the place itself by 127.0.0.1 and then ::1. A refused address leads to the
 * next at once, a silent one after a head start; the first connection wins. The socket is paused and half-open.
 * @throws the error of the preferred address when none answers
 */
export async function connectPort(port: number, host?: string, signal?: AbortSignal): Promise<Socket> {
  const hosts = host === undefined || host === "localhost" ? LOOPBACK : [host];
  const sockets: Socket[] = [];
  return new Promise<Socket>((resolve, reject) => {
    let settled = false;
    let failed = 0;
    let firstError: unknown;
    let headStart: NodeJS.Timeout | undefined;
    const finish = (winner: Socket | undefined, error?: unknown): void => {
      if (settled) return;
      settled = true;
      clearTimeout(headStart);
      clearTimeout(limit);
      signal?.removeEventListener("abort", abort);
      for (const socket of sockets) if (socket !== winner) socket.destroy();
      if (winner === undefined) reject(error);
      else resolve(winner);
    };
    const abort = (): void => finish(undefined, signal?.reason);
    const limit = setTimeout(
      () => finish(undefined, Object.assign(new Error("no answer"), { code: "ETIMEDOUT" })),
      CONNECT_TIMEOUT_MS,
    );
    const tryNext = (): void => {
      clearTimeout(headStart);
      const address = hosts[sockets.length];
      if (settled || address === undefined) return;
      const socket = createConnection({ host: address, port, allowHalfOpen: true, noDelay: true });
      sockets.push(socket);
      socket.pause();
      const onError = (error: Error): void => {
        failed += 1;
        firstError ??= error;
        if (failed === hosts.length) finish(undefined, firstError);
        else tryNext();
      };
      socket.once("error", onError);
      socket.once("connect", () => {
        socket.removeListener("error", onError);
        if (settled) socket.destroy();
        else finish(socket);
      });
      if (sockets.length < hosts.length) headStart = setTimeout(tryNext, HEAD_START_MS);
    };
    if (signal?.aborted === true) finish(undefined, signal.reason);
    else {
      signal?.addEventListener("abort", abort, { once: true });
      tryNext();
    }
  });
}
