import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type BerthError, berthError } from "../../../contract/errors.ts";
import { abortedError, throwIfAborted } from "../../abort.ts";
import type { ConnectOptions, SshTarget } from "../target.ts";

/** The byte stream to a server. */
export interface Way {
  readonly stream: Duplex;
  /** Bytes that have come so far. */
  readonly received: () => number;
  /** "over jump", for `berth check`. */
  readonly description: string | undefined;
  /** Why it ended, where the way itself knows: the words of a proxy command. */
  readonly failure: () => BerthError | undefined;
  /** Whether it keeps this process alive, as of a socket. */
  ref(): void;
  unref(): void;
  /** Ends what the way consists of, behind the stream. */
  close(): Promise<void>;
}

/**
 * A TCP connection: all addresses of the name, the next one when one does not answer within 250 ms (Node's own happy
 * eyeballs).
 * @throws ssh.name_not_found, ssh.connection_refused, ssh.unreachable, ssh.connect_timeout, operation.aborted
 */
export async function openTcp(target: SshTarget, options: ConnectOptions): Promise<Way> {
  throwIfAborted(options.signal);
  const socket = connect({
    host: target.hostname,
    port: target.port,
    noDelay: true,
    autoSelectFamily: true,
  });
  await connected(socket, target, options.signal);
  return {
    stream: socket,
    received: () => socket.bytesRead,
    description: undefined,
    failure: () => undefined,
    ref: () => void socket.ref(),
    unref: () => void socket.unref(),
    close: async () => void socket.destroy(),
  };
}

function connected(socket: Socket, target: SshTarget, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      socket.destroy();
      reject(abortedError(signal));
    };
    const onError = (cause: Error): void => {
      signal.removeEventListener("abort", onAbort);
      reject(connectError(cause, target));
    };
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once("error", onError);
    socket.once("connect", () => {
      signal.removeEventListener("abort", onAbort);
      socket.off("error", onError);
      // Its end is what counts; a reset may come while nobody listens.
      socket.on("error", () => {});
      resolve();
    });
  });
}

/** What the operating system says of a TCP connection, as the code of what to do about it. */
export function connectError(cause: unknown, target: SshTarget): BerthError {
  // Several addresses were tried: one that answered at all tells more than one that did not.
  const errors = cause instanceof AggregateError ? (cause.errors as unknown[]) : [cause];
  const codes = errors.map((error) => (error as NodeJS.ErrnoException | null)?.code ?? "");
  const has = (...wanted: string[]): boolean => codes.some((code) => wanted.includes(code));
  const context = { host: target.name, hostname: target.hostname, port: target.port };
  const options = { hop: "transport" as const, context, cause };
  if (has("ECONNREFUSED")) return berthError("ssh.connection_refused", options);
  if (has("ENOTFOUND", "EAI_AGAIN", "EAI_NODATA", "EAI_NONAME"))
    return berthError("ssh.name_not_found", options);
  if (has("ETIMEDOUT")) return berthError("ssh.connect_timeout", options);
  return berthError("ssh.unreachable", {
    ...options,
    message: `${target.hostname} cannot be reached: ${codes.find((code) => code !== "") ?? "unknown reason"}`,
  });
}
