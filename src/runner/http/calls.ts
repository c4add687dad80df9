import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { FastifyRequest } from "fastify";
import * as z from "zod";
import { EVENTS_PROTOCOL } from "../../api/event-socket-format.ts";
import type { Route } from "../../api/route.ts";
import { type BerthError, berthError, isBerthError, toBerthError } from "../../contract/errors.ts";
import type { Call, Caller, Upgrade } from "../context.ts";
import { type OpenSpan, traced } from "../observe/tracing.ts";
import { type AnyAnswer, errorHead, errorJson, SECURITY_HEADERS, sendAnswer, sendJson } from "./answer.ts";
import { readBytes, readJson } from "./body.ts";
import { withCause } from "./cause.ts";
import { sendToSocket, wantsEvents } from "./event-socket.ts";
import { anonymous, type Exchange, isRefusal, openExchange, recordCall } from "./exchange.ts";
import { Idempotency } from "./idempotency.ts";
import { invalid, readQuery, requireHandshake, validate } from "./input.ts";
import type { HttpLimits } from "./limits.ts";
import { allowed, methodsOf, pathOf, shown } from "./match.ts";
import type { HttpServerOptions } from "./options.ts";
import { eventStreamText } from "./server-events.ts";

/** How long what is left of a refused body is read, so that the answer is not lost with the connection. */
const LINGER_MS = 2_000;

/** Streams that go on, other than events. */
const FOLLOWED: ReadonlySet<string> = new Set(["processLog", "mcpStream"]);

/** Of routes that have no parameters. */
const NOTHING = z.strictObject({});

type Handler = (call: Call) => AnyAnswer | Promise<AnyAnswer>;
type UpgradeHandler = (upgrade: Upgrade) => void | Promise<void>;

/** Answers calls: checks, reads, hands over to the handler, sends, and keeps the record of it. */
export class Calls {
  readonly #options: HttpServerOptions;
  readonly #limits: HttpLimits;
  readonly #count: (request: FastifyRequest) => Promise<void>;
  readonly #idempotency: Idempotency;
  readonly #upgrades = new WeakMap<IncomingMessage, { readonly socket: Duplex; readonly head: Buffer }>();
  readonly #keys = new WeakMap<IncomingMessage, string>();
  /** By operation. */
  readonly #followers = new Map<string, number>();
  #running = 0;
  #sockets = 0;

  constructor(
    options: HttpServerOptions,
    limits: HttpLimits,
    count: (request: FastifyRequest) => Promise<void>,
  ) {
    this.#options = options;
    this.#limits = limits;
    this.#count = count;
    this.#idempotency = new Idempotency(options.idempotency);
  }

  /** Whose calls are counted together: those of a token, else of an address. */
  keyOf(request: IncomingMessage): string {
    return this.#keys.get(request) ?? this.#options.access.addressOf(request);
  }

  async serve(route: Route, request: FastifyRequest, response: ServerResponse): Promise<void> {
    const exchange = this.#begin(request.raw, response, route);
    const work = async (span: OpenSpan): Promise<void> => {
      try {
        const caller = await this.#admit(exchange, route, request);
        const cause = {
          id: exchange.requestId,
          actor: `token:${caller.name}`,
          // A call that names nothing in its path is about nothing alone.
          ...(route.params === undefined ? {} : { subject: exchange.subject }),
        };
        await withCause(cause, () => this.#answer(exchange, route, caller, request.params));
      } catch (error) {
        this.#fail(exchange, error);
      }
      span.set({
        "http.response.status_code": response.statusCode,
        "berth.request_id": exchange.requestId,
        ...(exchange.error === undefined ? {} : { "error.type": exchange.error.code }),
      });
    };
    const { traceparent } = request.raw.headers;
    const parent = typeof traceparent === "string" ? traceparent : undefined;
    const about = { "http.request.method": route.method, "http.route": route.path };
    await traced(`${route.method} ${route.operationId}`, about, work, parent);
  }

  /** A request to upgrade goes the way of every other one, with a response that is thrown away if it succeeds. */
  upgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    routing: (response: ServerResponse) => void,
  ): void {
    // Whoever takes it over has its own; until then a connection that breaks must not end the runner.
    socket.on("error", () => socket.destroy());
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as Socket);
    response.once("finish", () => {
      response.detachSocket(socket as Socket);
      process.nextTick(() => response.emit("close"));
      socket.end();
      setTimeout(() => socket.destroy(), LINGER_MS).unref();
    });
    this.#upgrades.set(request, { socket, head });
    routing(response);
  }

  /** What is of the page; and a path or method that there is none for. */
  async unknown(asked: FastifyRequest, response: ServerResponse): Promise<void> {
    const request = asked.raw;
    const exchange = this.#begin(request, response, undefined);
    const path = pathOf(request.url);
    const method = request.method ?? "";
    try {
      this.#options.access.admit(request);
      await this.#count(asked);
      if (this.#options.page?.answer(request, response) === true) {
        exchange.isOfPage = true;
        return;
      }
      const methods = methodsOf(path);
      if (methods === undefined) {
        throw berthError("request.unknown_route", { hop: "runner", context: { method, path: shown(path) } });
      }
      const allow = allowed(methods);
      if (method === "OPTIONS") {
        response.setHeader("allow", allow);
        response.writeHead(204).end();
        return;
      }
      throw berthError("request.method_not_allowed", {
        hop: "runner",
        context: { method, path: shown(path), allow },
      });
    } catch (error) {
      this.#fail(exchange, error);
    }
  }

  /** What the router itself refuses: an address that is not percent-encoded UTF-8, a type of a body that is none. */
  refuse(request: IncomingMessage, response: ServerResponse, cause: unknown): void {
    const exchange = this.#begin(request, response, undefined);
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "FST_ERR_CTP_INVALID_MEDIA_TYPE") {
      this.#fail(
        exchange,
        berthError("request.unsupported_media_type", {
          hop: "runner",
          context: { wanted: "application/json" },
        }),
      );
    } else if (code === "FST_ERR_BAD_URL") {
      this.#fail(exchange, invalid([{ field: "params", reason: "is not percent-encoded UTF-8" }]));
    } else {
      this.#fail(exchange, cause);
    }
  }

  #begin(request: IncomingMessage, response: ServerResponse, route: Route | undefined): Exchange {
    const exchange = openExchange(request, response, route);
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    response.setHeader("berth-request-id", exchange.requestId);
    this.#running += 1;
    this.#options.metrics.gauge("berth_requests_running", this.#running, {});
    response.once("close", () => this.#ended(exchange));
    return exchange;
  }

  /** Who calls, and whether they may. @throws what Access throws, request.rate_limited, runner.stopping */
  async #admit(exchange: Exchange, route: Route, request: FastifyRequest): Promise<Caller> {
    const { access, stopping } = this.#options;
    access.admit(exchange.request);
    const caller =
      route.scope === "none"
        ? anonymous(access.addressOf(exchange.request), exchange.requestId)
        : await access.identify(exchange.request, exchange.requestId);
    if (route.scope !== "none") this.#keys.set(exchange.request, caller.tokenId);
    exchange.caller = caller;
    access.authorize(route, caller);
    await this.#count(request);
    if (stopping.aborted && route.scope !== "none") throw berthError("runner.stopping", { hop: "runner" });
    return caller;
  }

  async #answer(exchange: Exchange, route: Route, caller: Caller, rawParams: unknown): Promise<void> {
    const { request, response } = exchange;
    const params = validate("params", route.params ?? NOTHING, rawParams);
    const querySchema = route.query ?? NOTHING;
    const query = validate("query", querySchema, readQuery(querySchema, request.url ?? ""));
    if (route.upgrade !== undefined) {
      return this.#takeUpgrade(exchange, route, { params, query, caller });
    }
    if (request.headers.expect === "100-continue") response.writeContinue();
    const limits = this.#limits;
    const bodyBytes = route.scope === "none" ? limits.anonymousBodyBytes : limits.bodyBytes;
    const raw = route.body === undefined ? undefined : await readJson(request, { ...limits, bodyBytes });
    const body = route.body && validate("body", route.body, raw?.value);
    const stream =
      route.bytes &&
      readBytes(request, {
        maxBytes: route.bytes.maxBytes ?? limits.bodyBytes,
        idleMs: limits.bodyTimeoutMs,
      });
    const key = route.idempotent === true ? request.headers["idempotency-key"] : undefined;
    // With a key the caller comes back for the answer: what it began is not ended because it left.
    const ending = new AbortController();
    const end = (): void => ending.abort(berthError("runner.stopping", { hop: "runner" }));
    const leave = (): void => {
      if (!response.writableFinished) ending.abort(berthError("operation.aborted", { hop: "runner" }));
    };
    this.#options.stopping.addEventListener("abort", end);
    if (key === undefined) {
      response.once("close", leave);
      if (response.destroyed) leave();
    }
    using _ = this.#options.access.hold(caller, (error) => ending.abort(error));
    const call: Call = {
      params,
      query,
      body: body ?? {},
      ...(stream === undefined ? {} : { stream }),
      headers: this.#wantsEvents(request)
        ? { ...request.headers, accept: "text/event-stream" }
        : request.headers,
      origin: this.#options.access.originOf(request),
      caller,
      signal: ending.signal,
    };
    const handler = this.#options.handlers[
      route.operationId as keyof HttpServerOptions["handlers"]
    ] as Handler;
    try {
      if (key === undefined) await this.#send(exchange, route, await handler(call));
      else
        await this.#sendOnce(exchange, route, String(key), raw?.bytes, (kept) => handler({ ...call, kept }));
    } finally {
      this.#options.stopping.removeEventListener("abort", end);
      response.off("close", leave);
    }
  }

  async #send(exchange: Exchange, route: Route, answer: AnyAnswer): Promise<void> {
    const { request, response } = exchange;
    const { heartbeatMs, writeTimeoutMs } = this.#limits;
    exchange.isFollowed = answer.events !== undefined || FOLLOWED.has(route.operationId);
    using _ = exchange.isFollowed ? this.#followed(route) : undefined;
    const options = {
      contentType: route.responses[answer.status]?.contentType,
      head: request.method === "HEAD",
      heartbeatMs,
      writeTimeoutMs,
      mask: this.#mask(route),
      told: (cause: unknown) => this.#told(exchange, cause),
    };
    if (answer.events === undefined || !this.#wantsEvents(request)) {
      await sendAnswer(response, answer, options);
      return;
    }
    const { socket, head } = this.#takeSocket(request, EVENTS_PROTOCOL);
    response.detachSocket(socket as Socket);
    socket.once("close", () => response.emit("close"));
    await sendToSocket({ request, socket, head }, eventStreamText(answer.events, options), writeTimeoutMs);
  }

  #wantsEvents(request: IncomingMessage): boolean {
    return this.#upgrades.has(request) && wantsEvents(request);
  }

  /** One more client of a stream, until it is disposed. */
  #followed({ operationId }: Route): Disposable {
    const add = (by: number): void => {
      const count = (this.#followers.get(operationId) ?? 0) + by;
      this.#followers.set(operationId, count);
      this.#options.metrics.gauge("berth_stream_clients", count, { route: operationId });
    };
    add(1);
    return { [Symbol.dispose]: () => add(-1) };
  }

  #mask(route?: Route): (json: string) => string {
    return route?.exact === true ? (json) => json : (this.#options.mask ?? ((json) => json));
  }

  /** Errors are masked whatever the call: they are no output of a process. */
  #errorJson(error: BerthError, requestId: string): string {
    return this.#mask()(errorJson(error, requestId));
  }

  async #sendOnce(
    exchange: Exchange,
    route: Route,
    key: string,
    body: Buffer | undefined,
    handle: (kept: unknown) => AnyAnswer | Promise<AnyAnswer>,
  ): Promise<void> {
    const { request, response, requestId, caller } = exchange;
    const { operationId, exact: keepsPart = false } = route;
    const about = {
      tokenId: caller?.tokenId ?? "",
      operationId,
      target: request.url ?? "",
      body: body ?? Buffer.alloc(0),
      keepsPart,
    };
    const mask = this.#mask(route);
    const done = await this.#idempotency.once(key, about, async (before) => {
      try {
        const { status, body, kept = {} } = await handle(before);
        const json = body === undefined ? undefined : mask(JSON.stringify(body));
        return { answer: { status, json }, part: keepsPart ? JSON.stringify(kept) : undefined };
      } catch (cause) {
        const error = this.#told(exchange, cause);
        return {
          answer: { status: errorHead(error).status, json: this.#errorJson(error, requestId) },
          error,
        };
      }
    });
    exchange.error = done.error;
    if (done.replayed) response.setHeader("idempotency-replayed", "true");
    const { status, json } = done.answer;
    if (done.error !== undefined) {
      for (const [name, value] of Object.entries(errorHead(done.error).headers))
        response.setHeader(name, value);
    }
    if (json === undefined) response.writeHead(status).end();
    else sendJson(response, status, json);
  }

  async #takeUpgrade(
    exchange: Exchange,
    route: Route,
    call: { readonly params: unknown; readonly query: unknown; readonly caller: Caller },
  ): Promise<void> {
    const { request, response } = exchange;
    const { socket, head } = this.#takeSocket(request, route.upgrade ?? "");
    const held = this.#options.access.hold(call.caller, () => socket.destroy());
    socket.once("close", () => held[Symbol.dispose]());
    const handler = this.#options.upgrades[
      route.operationId as keyof HttpServerOptions["upgrades"]
    ] as UpgradeHandler;
    // Nothing was written yet: whoever takes the socket over writes the answer.
    response.detachSocket(socket as Socket);
    try {
      await handler({ ...call, request, socket, head });
      this.#ended(exchange);
    } catch (error) {
      if (socket.destroyed) return;
      response.assignSocket(socket as Socket);
      throw error;
    }
  }

  /** The socket of a request to upgrade. @throws request.upgrade_required, request.invalid, request.rate_limited */
  #takeSocket(
    request: IncomingMessage,
    protocol: string,
  ): { readonly socket: Duplex; readonly head: Buffer } {
    const pending = this.#upgrades.get(request);
    if (pending === undefined)
      throw berthError("request.upgrade_required", { hop: "runner", context: { protocol } });
    requireHandshake(request.headers, protocol);
    if (this.#sockets >= this.#limits.sockets) {
      throw berthError("request.rate_limited", {
        hop: "runner",
        message: "the runner has as many open connections as it may",
        context: { retryAfterSeconds: 5 },
      });
    }
    this.#sockets += 1;
    pending.socket.once("close", () => {
      this.#sockets -= 1;
    });
    return pending;
  }

  /** Answers with an error; what can't be answered any more ends the connection, so that nobody takes it for whole. */
  #fail(exchange: Exchange, cause: unknown): void {
    const { request, response, requestId } = exchange;
    const error = this.#told(exchange, cause);
    exchange.error = error;
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const { status, headers } = errorHead(error);
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    sendJson(response, status, this.#errorJson(error, requestId), request.method === "HEAD");
    if (!request.complete) this.#linger(request);
  }

  /** The error as the caller is told it: a defect's own words are for the log alone. */
  #told(exchange: Exchange, cause: unknown): BerthError {
    const { request, requestId, route, caller } = exchange;
    const error = toBerthError(cause, "runner");
    if (isBerthError(cause) && isRefusal(error)) {
      this.#options.access.refused(request, error, {
        route: route?.path ?? shown(pathOf(request.url)),
        requestId,
        caller,
      });
      return error;
    }
    if (!isBerthError(cause)) {
      this.#options.log.error({ requestId, operation: route?.operationId, error: cause }, "a call failed");
      return berthError("internal", { hop: "runner" });
    }
    return error;
  }

  /** Reads on for a while: closing at once would make the kernel throw the answer away. */
  #linger(request: IncomingMessage): void {
    request.resume();
    const timer = setTimeout(() => request.socket.destroy(), LINGER_MS);
    request.once("close", () => clearTimeout(timer));
  }

  #ended(exchange: Exchange): void {
    this.#running -= 1;
    this.#options.metrics.gauge("berth_requests_running", this.#running, {});
    recordCall(exchange, this.#options);
  }
}
