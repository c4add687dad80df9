import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Route } from "../../api/route.ts";
import type { BerthError } from "../../contract/errors.ts";
import type { Caller } from "../context.ts";
import { errorHead } from "./answer.ts";
import { newRequestId, type Subject } from "./cause.ts";
import type { HttpServerOptions } from "./options.ts";

/** Refusals: a call that gets one leaves no other trace. */
const REFUSALS = /^(?:auth\.|session\.code_over$|request\.(?:host_refused|origin_refused|rate_limited)$)/;

/** A request on its way. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly startedMs: number;
  readonly route: Route | undefined;
  caller: Caller | undefined;
  error: BerthError | undefined;
  readonly subject: Subject;
  /** The page, or a file of it. */
  isOfPage: boolean;
  /** Goes on for as long as its caller likes: how long it took says nothing. */
  isFollowed: boolean;
  /** Of the connection, when the call began. */
  readonly bytes: { readonly socket: Socket; readonly read: number; readonly written: number };
}

export function openExchange(
  request: IncomingMessage,
  response: ServerResponse,
  route: Route | undefined,
): Exchange {
  return {
    request,
    response,
    requestId: newRequestId(),
    startedMs: performance.now(),
    route,
    caller: undefined,
    error: undefined,
    subject: {},
    isOfPage: false,
    isFollowed: false,
    bytes: {
      socket: request.socket,
      read: request.socket.bytesRead,
      written: request.socket.bytesWritten,
    },
  };
}

/** Whether a call was refused before anything was done. */
export function isRefusal(error: BerthError): boolean {
  return REFUSALS.test(error.code);
}

/** What stays of a call: figures, a line of the log, and, of one that failed and was to change something, an event. */
export function recordCall(
  exchange: Exchange,
  { metrics, log, emit }: Pick<HttpServerOptions, "metrics" | "log" | "emit">,
): void {
  const { request, response, requestId, startedMs, route, caller, error, bytes } = exchange;
  const seconds = (performance.now() - startedMs) / 1000;
  const operation = route?.operationId ?? (exchange.isOfPage ? "page" : "unknown");
  const status = error === undefined ? response.statusCode : errorHead(error).status;
  metrics.count("berth_requests_total", { route: operation, status: String(status) });
  if (!exchange.isFollowed) metrics.observe("berth_request_seconds", seconds, { route: operation });
  // What came together with the head is not in the connection's count any more.
  const declared = Number(request.headers["content-length"] ?? 0) || 0;
  const bytesIn = Math.max(bytes.socket.bytesRead - bytes.read, Math.min(declared, bytes.read));
  const bytesOut = bytes.socket.bytesWritten - bytes.written;
  metrics.count("berth_bytes_total", { way: "http", direction: "in" }, bytesIn);
  metrics.count("berth_bytes_total", { way: "http", direction: "out" }, bytesOut);
  log.info(
    {
      requestId,
      operation,
      status,
      durationMs: Math.round(seconds * 1e5) / 100,
      bytesIn,
      bytesOut,
      token: caller?.tokenId,
      code: error?.code,
    },
    "call",
  );
  if (
    error === undefined ||
    isRefusal(error) ||
    caller === undefined ||
    request.method === "GET" ||
    request.method === "HEAD"
  )
    return;
  emit({
    type: "request.failed",
    message: `${operation} failed: ${error.message}`,
    cause: requestId,
    actor: `token:${caller.name}`,
    ...exchange.subject,
    data: { operation, code: error.code, status },
  });
}

/** Of calls that need no token: it may know nothing. */
export function anonymous(address: string, requestId: string): Caller {
  return { tokenId: "", name: "anonymous", scope: "read", workspaces: new Set(), address, requestId };
}
