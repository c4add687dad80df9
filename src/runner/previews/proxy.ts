import {
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import type { Duplex } from "node:stream";
import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import { type Forwarded, requestHeaders, responseHeaders } from "./headers.ts";
import type { PlaceAgent } from "./place-agent.ts";
import { SocketHeartbeat } from "./socket-heartbeat.ts";

/** Of an answer: applications set large cookies and policies. */
const MAX_HEADER_BYTES = 128 * 1024;
/** What was not answered to whom has left is not read for longer. */
const LINGER_MS = 2_000;

export interface Target extends Forwarded {
  readonly workspaceId: string;
  readonly port: number;
}

export interface ProxyOptions {
  readonly agent: PlaceAgent;
  /** Of silence, behind which streams of events get a comment and WebSockets a ping. */
  readonly heartbeatMs: number;
  readonly onBytes: (direction: "in" | "out", bytes: number) => void;
  /** Of what has no end of its own: events, WebSockets. */
  readonly onEndless: (socket: Duplex) => void;
}

/**
 * Passes a request on to the application and its answer back, both as they come and no faster than they are taken. Settles
 * when the answer has ended, or its receiver has left.
 * @throws preview.unavailable before anything was answered, request.invalid
 */
export function proxyRequest(
  request: IncomingMessage,
  response: ServerResponse,
  target: Target,
  options: ProxyOptions,
): Promise<void> {
  const hasBody =
    request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let answered = false;
  let upstream: ClientRequest | undefined;
  const send = (isSecond: boolean): void => {
    const sent = start(request, target, options.agent, requestHeaders(request, target));
    upstream = sent;
    sent.on("information", (info) => {
      const link = info.statusCode === 103 ? info.headers.link : undefined;
      if (link !== undefined && !response.headersSent) response.writeEarlyHints({ link });
    });
    sent.on("response", (incoming) => {
      answered = true;
      passBack(incoming, response, target, options);
    });
    // An answer to a request to upgrade that was not passed on as one.
    sent.on("upgrade", (_incoming, stream) => {
      stream.destroy();
      reject(unavailable(new Error("it switched protocols unasked"), target.port));
    });
    sent.on("error", (cause) => {
      // The application may have closed the connection that was kept at this very moment.
      const isStale = sent.reusedSocket && !isSecond && !hasBody && !answered;
      if (isStale && !response.destroyed) send(true);
      else if (!answered) reject(unavailable(cause, target.port));
    });
    if (!hasBody) {
      sent.end();
      return;
    }
    if (request.headers.expect === "100-continue") response.writeContinue();
    request.on("data", (chunk: Buffer) => options.onBytes("in", chunk.length));
    request.once("end", () => {
      if (request.rawTrailers.length > 0) sent.addTrailers(tuples(request.rawTrailers));
    });
    request.pipe(sent);
  };
  response.once("close", () => {
    if (!response.writableFinished || !answered) upstream?.destroy();
    // An answer that came before the body was read: the rest is read for a while, and then the connection ends.
    if (!request.complete) setTimeout(() => request.socket.destroy(), LINGER_MS).unref();
    resolve();
  });
  try {
    send(false);
  } catch (cause) {
    reject(invalidRequest(cause));
  }
  return promise;
}

/**
 * The same for a request to upgrade: from the application's 101 on, bytes both ways. Another answer than that is passed
 * back by `response`, which is on the socket, too.
 * @throws preview.unavailable before anything was answered, request.invalid
 */
export function proxyUpgrade(
  request: IncomingMessage,
  {
    socket,
    head,
    response,
  }: { readonly socket: Duplex; readonly head: Buffer; readonly response: ServerResponse },
  target: Target,
  options: ProxyOptions,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let answered = false;
  let sent: ClientRequest;
  try {
    sent = start(request, target, options.agent, requestHeaders(request, target, "websocket"));
  } catch (cause) {
    return Promise.reject(invalidRequest(cause));
  }
  sent.on("upgrade", (incoming, stream, first) => {
    answered = true;
    const lines = [`HTTP/1.1 101 ${STATUS_CODES[101]}`, "Connection: Upgrade", "Upgrade: websocket"];
    const headers = responseHeaders(incoming, target);
    for (let index = 0; index + 1 < headers.length; index += 2) {
      lines.push(`${headers[index]}: ${headers[index + 1]}`);
    }
    response.detachSocket(socket as Parameters<ServerResponse["detachSocket"]>[0]);
    socket.write(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
    if (first.length > 0) stream.unshift(first);
    if (head.length > 0) socket.unshift(head);
    options.onEndless(socket);
    join(socket, stream, options);
    socket.once("close", () => resolve());
  });
  sent.on("response", (incoming) => {
    answered = true;
    passBack(incoming, response, target, options);
  });
  sent.on("error", (cause) => {
    if (!answered) reject(unavailable(cause, target.port));
    else socket.destroy();
  });
  socket.once("close", () => {
    sent.destroy();
    resolve();
  });
  sent.end();
  return promise;
}

function start(
  request: IncomingMessage,
  target: Target,
  agent: PlaceAgent,
  headers: string[],
): ClientRequest {
  return httpRequest({
    agent,
    host: target.workspaceId,
    port: target.port,
    method: request.method ?? "GET",
    path: request.url ?? "/",
    headers,
    setHost: false,
    maxHeaderSize: MAX_HEADER_BYTES,
  });
}

function passBack(
  incoming: IncomingMessage,
  response: ServerResponse,
  target: Target,
  { onBytes, onEndless, heartbeatMs }: ProxyOptions,
): void {
  if (response.destroyed) {
    incoming.destroy();
    return;
  }
  try {
    const headers = responseHeaders(incoming, target);
    const status = incoming.statusCode ?? 502;
    response.writeHead(status, incoming.statusMessage ?? STATUS_CODES[status] ?? "", headers);
    response.flushHeaders();
  } catch {
    // A header that Node's client takes and its server does not.
    incoming.destroy();
    response.destroy();
    return;
  }
  incoming.on("data", (chunk: Buffer) => onBytes("out", chunk.length));
  // What the application cuts off is cut off here, too: nobody takes a part for the whole.
  incoming.on("aborted", () => response.destroy());
  incoming.on("error", () => response.destroy());
  incoming.once("end", () => {
    if (incoming.rawTrailers.length > 0) response.addTrailers(tuples(incoming.rawTrailers));
  });
  const { "content-type": type, "content-encoding": encoding } = incoming.headers;
  if (/^text\/event-stream\b/i.test(type ?? "")) {
    if (response.socket !== null) onEndless(response.socket);
    if (encoding === undefined) keepBusy(incoming, response, heartbeatMs);
  }
  incoming.pipe(response);
}

/** Comments between events, where nothing is said for a while. */
function keepBusy(incoming: IncomingMessage, response: ServerResponse, heartbeatMs: number): void {
  if (incoming.headers["content-length"] !== undefined) return;
  let end = "\n\n";
  let heard = true;
  incoming.on("data", (chunk: Buffer) => {
    heard = true;
    end = (end + chunk.subarray(-4).toString("latin1")).slice(-4);
  });
  const timer = setInterval(() => {
    if (!heard && /(?:\n\n|\r\r|\r\n\r\n)$/.test(end) && response.writableLength === 0)
      response.write(":\n\n");
    heard = false;
  }, heartbeatMs).unref();
  const stop = (): void => clearInterval(timer);
  incoming.once("close", stop);
  response.once("close", stop);
}

/** Bytes both ways with half-close; a failure of either side ends both. */
function join(socket: Duplex, stream: Duplex, { onBytes, heartbeatMs }: ProxyOptions): void {
  const heartbeat = new SocketHeartbeat(heartbeatMs);
  socket.once("close", () => heartbeat.destroy());
  for (const [one, other] of [
    [socket, stream],
    [stream, socket],
  ] as const) {
    one.on("error", () => other.destroy());
    one.on("close", () => {
      if (!one.readableEnded) other.destroy();
    });
  }
  socket.on("data", (chunk: Buffer) => onBytes("in", chunk.length));
  stream.on("data", (chunk: Buffer) => onBytes("out", chunk.length));
  socket.pipe(stream);
  stream.pipe(heartbeat).pipe(socket);
}

function tuples(rawTrailers: readonly string[]): [string, string][] {
  return rawTrailers.flatMap((name, index): [string, string][] =>
    index % 2 === 0 ? [[name, rawTrailers[index + 1] ?? ""]] : [],
  );
}

function invalidRequest(cause: unknown): BerthError {
  return berthError("request.invalid", { hop: "runner", message: "the request can't be passed on", cause });
}

function unavailable(cause: unknown, port: number): BerthError {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (isBerthError(cause, "workspace.unknown")) return cause;
  if (isBerthError(cause)) {
    const reason = cause.code === "port.refused" ? `nothing listens on port ${port}` : cause.message;
    const hint = cause.code === "port.refused" ? undefined : cause.hint;
    return berthError("preview.unavailable", {
      hop: "runner",
      context: { reason, port },
      cause,
      ...(hint === undefined ? {} : { hint }),
    });
  }
  const isParser = code?.startsWith("HPE_") === true && code !== "HPE_HEADER_OVERFLOW";
  const reason = isParser
    ? `what listens on port ${port} does not speak HTTP`
    : `it broke the connection off (${code ?? message})`;
  return berthError("preview.unavailable", { hop: "runner", context: { reason, port }, cause });
}
