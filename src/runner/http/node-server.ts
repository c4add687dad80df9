import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { ErrorCode } from "../../contract/error-registry.ts";
import { type BerthError, berthError } from "../../contract/errors.ts";
import { answerPlainHttp, type TlsPair, tlsOptions } from "../access/tls.ts";
import { errorHead, errorJson, SECURITY_HEADERS } from "./answer.ts";
import { newRequestId } from "./cause.ts";
import type { HttpLimits } from "./limits.ts";
import type { Elsewhere } from "./options.ts";

export type NodeServer = Server | TlsServer;

/** How often Node looks for headers that don't come. */
const LOOK_EVERY_MS = 2_000;
const POLL_MS = 10;
/** Connections that wait to be accepted. With Node's 511, a quarter of two thousand at once were lost in the kernel. */
const BACKLOG = 4096;

/** Connections that have asked nothing yet, as clients make them in advance: Node's idle ones have been answered. */
const unasked = new WeakMap<NodeServer, Set<Duplex>>();

/** Node's server with the limits of a connection; requests of elsewhere never reach `handler`. */
export function makeServer(
  options: {
    readonly tls?: TlsPair | undefined;
    readonly elsewhere?: Elsewhere | undefined;
  },
  limits: HttpLimits,
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): NodeServer {
  const settings = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersTimeoutMs,
    // A large upload takes its time: bodies have deadlines of their own.
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: Math.min(LOOK_EVERY_MS, limits.headersTimeoutMs),
    keepAlive: true,
    keepAliveInitialDelay: 15_000,
    noDelay: true,
    requireHostHeader: true,
    // Of other protocols (h2c) the offer is not taken, and the request answered as it is.
    shouldUpgradeCallback: ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === "websocket",
  };
  const silent = new Set<Duplex>();
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    silent.delete(request.socket);
    if (options.elsewhere?.request(request, response) !== true) handler(request, response);
  };
  const server =
    options.tls === undefined
      ? createServer(settings, answer)
      : createTlsServer(
          { ...settings, ...tlsOptions(options.tls), handshakeTimeout: limits.headersTimeoutMs },
          answer,
        );
  if ("setSecureContext" in server) answerPlainHttp(server, refusePlain);
  unasked.set(server, silent);
  server.on("setSecureContext" in server ? "secureConnection" : "connection", (socket: Duplex) => {
    silent.add(socket);
    socket.once("close", () => silent.delete(socket));
  });
  server.on("upgrade", ({ socket }: IncomingMessage) => silent.delete(socket));
  server.maxConnections = limits.connections;
  // A body is asked for when it is read, and so not at all when the call is refused before.
  server.on("checkContinue", answer);
  server.on("clientError", answerBroken);
  return server;
}

/** What is no request of HTTP, or did not become one in time. */
function answerBroken(error: { readonly code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  writeError(socket, brokenRequest(error.code));
}

function brokenRequest(code: string | undefined): BerthError {
  const codes: Readonly<Record<string, ErrorCode>> = {
    HPE_HEADER_OVERFLOW: "request.headers_too_large",
    ERR_HTTP_REQUEST_TIMEOUT: "request.timeout",
  };
  const known = codes[code ?? ""];
  if (known !== undefined) return berthError(known, { hop: "runner" });
  return berthError("request.invalid", {
    hop: "runner",
    message: "the request is not valid: it is not HTTP/1.1",
    context: { fields: [] },
  });
}

function refusePlain(socket: Duplex): void {
  const error = berthError("request.invalid", {
    hop: "runner",
    message: "this port speaks HTTPS, and the request came without TLS",
    hint: "Use https:// in the address. A token that was sent like this was sent in the clear: revoke it.",
  });
  writeError(socket, error);
}

/** An error as a whole answer, on a connection that has no response, or none any more; then it ends. */
function writeError(socket: Duplex, error: BerthError): void {
  const requestId = newRequestId();
  const { status, headers } = errorHead(error);
  const body = errorJson(error, requestId);
  const lines = Object.entries({
    ...SECURITY_HEADERS,
    ...headers,
    "berth-request-id": requestId,
    "content-type": "application/json; charset=utf-8",
    "content-length": String(Buffer.byteLength(body)),
    connection: "close",
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} Error\r\n${lines.join("")}\r\n${body}`);
  setTimeout(() => socket.destroy(), 1_000).unref();
}

/** Of node:net and the resolver. */
const REASONS_NOT_TO_LISTEN: ReadonlyMap<string, string> = new Map([
  ["EADDRNOTAVAIL", "this machine has no such address"],
  ["ENOTFOUND", "there is no host of that name"],
  ["EAI_AGAIN", "the name could not be looked up"],
  ["EACCES", "ports below 1024 are for root"],
  ["EAFNOSUPPORT", "this machine has no addresses of that kind"],
  ["EINVAL", "it is no address to listen on"],
]);

/** @throws port.in_use, runner.address_refused, and what else listening throws */
export async function listenOn(
  server: NodeServer,
  { host, port, tls }: { readonly host: string; readonly port: number; readonly tls?: unknown },
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject).once("listening", resolve);
  server.listen({ host, port, backlog: BACKLOG });
  try {
    await promise;
  } catch (cause) {
    throw listenError(cause, host, port);
  } finally {
    // A port in use is tried again with the same server.
    server.off("error", reject).off("listening", resolve);
  }
  const address = server.address() as AddressInfo;
  const any = address.address === "0.0.0.0" || address.address === "::";
  const shown = any ? "127.0.0.1" : address.family === "IPv6" ? `[${address.address}]` : address.address;
  return `${tls === undefined ? "http" : "https"}://${shown}:${address.port}`;
}

function listenError(cause: unknown, host: string, port: number): unknown {
  const { code } = cause as NodeJS.ErrnoException;
  if (code === "EADDRINUSE") return berthError("port.in_use", { hop: "runner", context: { port }, cause });
  const why = REASONS_NOT_TO_LISTEN.get(code ?? "");
  if (why === undefined) return cause;
  return berthError("runner.address_refused", {
    hop: "runner",
    message: `the runner can't listen on ${host}, port ${port}: ${why}`,
    context: { host, port, reason: code },
    cause,
  });
}

/** Takes no more connections, lets what is being answered end for a while, and cuts the rest; who asks nothing at once. */
export async function closeSockets(server: NodeServer, graceMs: number): Promise<void> {
  if (!server.listening) return;
  let open = true;
  server.close(() => {
    open = false;
  });
  const endMs = performance.now() + graceMs;
  while (open && performance.now() < endMs) {
    server.closeIdleConnections();
    await delay(POLL_MS);
    for (const socket of unasked.get(server) ?? []) socket.destroy();
  }
  server.closeAllConnections();
}
