import { createHash, timingSafeEqual } from "node:crypto";
import type { Duplex } from "node:stream";
import { deferred } from "../contract/deferred.ts";
import { type BerthError, berthError, toBerthError } from "../contract/errors.ts";
import { flowOf } from "./flow.ts";
import {
  FRAME,
  type FrameType,
  HANDSHAKE_TIMEOUT_MS,
  MAX_FRAME_BYTES,
  MAX_OPEN_STREAMS,
  PROTOCOL_MAX,
  PROTOCOL_MIN,
} from "./frame.ts";
import { protocolError } from "./frame-codec.ts";
import type { HeartbeatOptions } from "./heartbeat.ts";
import { decodeJson } from "./json.ts";
import { type Hello, helloSchema, type Method, methods, type Params, type ParamsInput } from "./messages.ts";
import { Multiplexer } from "./multiplexer.ts";
import type { StreamHandler, WireClient, WireStream } from "./types.ts";

export interface ConnectOptions {
  readonly token: string;
  /** Stays the same over reconnects. */
  readonly clientId: string;
  readonly version: string;
  readonly signal?: AbortSignal;
  /** Default HANDSHAKE_TIMEOUT_MS. */
  readonly handshakeTimeoutMs?: number;
  readonly heartbeat?: HeartbeatOptions;
  /**
   * Settles with the daemon's HELLO instead of its welcome, so that the first request leaves together with the
   * token: one round trip less. A refusal then reaches the requests and `ended`. Default false.
   */
  readonly pipelined?: boolean;
}

/**
 * The client's handshake over a fresh byte stream, which belongs to the connection from now on and is destroyed
 * on failure. The token is sent only after the daemon's HELLO. Rejects with `wire.unauthorized`,
 * `wire.version_mismatch`, `wire.protocol_error` (whatever answers is no daemon), `transport.disconnected`,
 * `transport.unavailable` (no answer in time) or `operation.aborted`.
 */
export function connectWire(duplex: Duplex, options: ConnectOptions): Promise<WireClient> {
  return new Promise((resolve, reject) => {
    const { signal } = options;
    let hello: Hello | undefined;
    let welcomed = false;
    const ended = deferred<BerthError>();
    const multiplexer = new Multiplexer(
      duplex,
      {
        hop: "client",
        control: (type, value) => {
          if (welcomed) return;
          if (hello === undefined) {
            hello = greet(multiplexer, type, value, options);
            // What answers has said its HELLO and gets the token: its welcome would prove nothing more about it.
            if (options.pipelined === true) handOver(hello);
          } else if (type === FRAME.EVENT && isWelcome(value)) {
            welcomed = true;
            clearTimeout(timer);
            multiplexer.opened();
            handOver(hello);
          } else throw protocolError("expected the daemon's welcome");
        },
        ended: (reason) => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", onAbort);
          ended.resolve(reason);
          reject(reason);
        },
      },
      options.heartbeat,
    );
    const onAbort = (): void => multiplexer.fail(aborted(signal));
    const timer = setTimeout(() => {
      multiplexer.fail(
        berthError("transport.unavailable", {
          hop: "transport",
          message: "the place cannot be reached: no daemon answered the handshake",
        }),
      );
    }, options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS);
    function handOver(daemon: Hello): void {
      signal?.removeEventListener("abort", onAbort);
      resolve(clientOf(multiplexer, daemon, ended.promise));
    }
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** Answers the daemon's HELLO. */
function greet(multiplexer: Multiplexer, type: FrameType, value: unknown, options: ConnectOptions): Hello {
  const hello = type === FRAME.HELLO ? helloSchema.safeParse(value) : undefined;
  if (hello?.success !== true) throw protocolError("the daemon's HELLO is malformed");
  if (!speaksTogether(hello.data)) throw versionMismatch(hello.data);
  multiplexer.control(FRAME.HELLO, {
    protocol: [PROTOCOL_MIN, PROTOCOL_MAX],
    version: options.version,
    token: options.token,
    clientId: options.clientId,
  } satisfies Hello);
  return hello.data;
}

function isWelcome(value: unknown): boolean {
  return typeof value === "object" && value !== null && "welcome" in value && value.welcome === true;
}

function clientOf(multiplexer: Multiplexer, hello: Hello, ended: Promise<BerthError>): WireClient {
  function request<M extends Method>(method: M, params: ParamsInput<M>, handler: StreamHandler): WireStream {
    if (multiplexer.ended) return multiplexer.stillborn(closedError(), handler);
    if (multiplexer.openStreams >= MAX_OPEN_STREAMS) {
      return multiplexer.stillborn(berthError("wire.limit"), handler);
    }
    const id = multiplexer.nextId();
    if (id === undefined) {
      multiplexer.fail(closedError("its stream numbers are used up"), "close");
      return multiplexer.stillborn(closedError(), handler);
    }
    const text = JSON.stringify({ method, params });
    if (!multiplexer.queue.text(FRAME.REQUEST, id, text, MAX_FRAME_BYTES - 5)) {
      const error = berthError("wire.message_too_large", { context: { bytes: text.length } });
      return multiplexer.stillborn(error, handler);
    }
    return multiplexer.add(id, flowOf(method, params), true, handler);
  }

  function call<M extends Method, R = unknown>(
    method: M,
    params: ParamsInput<M>,
    options: { signal?: AbortSignal } = {},
  ): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      const { signal } = options;
      if (signal?.aborted === true) {
        reject(aborted(signal));
        return;
      }
      const onAbort = (): void => {
        const error = aborted(signal);
        stream.reset(error);
        reject(error);
      };
      const stream = request(method, params, {
        onResponse(result) {
          signal?.removeEventListener("abort", onAbort);
          resolve(result as R);
          // Of a method that goes on, only the answer was asked for.
          if (!flow.lastIsResponse) stream.reset(berthError("operation.aborted"));
        },
        onReset(error) {
          signal?.removeEventListener("abort", onAbort);
          reject(error);
        },
        onEnd() {
          reject(protocolError(`${method} ended without an answer`));
        },
      });
      const flow = flowOf(method, params);
      if (flow.input) stream.end();
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  return {
    hello,
    ended,
    request,
    call,
    get closed() {
      return multiplexer.ended;
    },
    get roundTripMs() {
      return multiplexer.roundTripMs;
    },
    close: () => multiplexer.fail(closedError(), "close"),
    release: () => multiplexer.release(),
  };
}

/** One client of a daemon, after its handshake. Fits ClientSession of the daemon's services. */
export interface WireSession {
  readonly clientId: string;
  /** Aborted when the connection ends, with the reason. */
  readonly signal: AbortSignal;
}

/** Answers on `stream`; what it throws or rejects with is sent as RESET. Sets `stream.handler` synchronously. */
export type RequestHandler = <M extends Method>(
  stream: WireStream,
  method: M,
  params: Params<M>,
  session: WireSession,
) => void | Promise<void>;

export interface AcceptOptions {
  /** Sent at once; holds nothing secret. */
  readonly hello: Hello;
  readonly token: string;
  readonly onRequest: RequestHandler;
  /** After the handshake. */
  readonly onSession?: (session: WireSession) => void;
  /** Default HANDSHAKE_TIMEOUT_MS. */
  readonly handshakeTimeoutMs?: number;
  readonly heartbeat?: HeartbeatOptions;
}

/** The daemon's end of a connection. */
export interface WireServer {
  /** Undefined until the handshake is done. */
  readonly session: WireSession | undefined;
  readonly closed: boolean;
  readonly openStreams: number;
  /** Settles when the connection has ended, with the reason. Never rejects. */
  readonly ended: Promise<BerthError>;
  close(reason?: BerthError): void;
}

/**
 * The daemon's end of a fresh byte stream. It says HELLO, checks the client's, and then hands on each valid
 * request; unknown methods, invalid parameters and too many streams are answered here.
 */
export function acceptWire(duplex: Duplex, options: AcceptOptions): WireServer {
  let session: WireSession | undefined;
  const ended = deferred<BerthError>();
  const controller = new AbortController();
  const multiplexer = new Multiplexer(
    duplex,
    {
      hop: "berthd",
      control: (type, value) => {
        if (session !== undefined) {
          if (type === FRAME.HELLO) throw protocolError("a second HELLO");
          return;
        }
        const clientId = admit(multiplexer, type, value, options.token);
        if (clientId === undefined) return;
        clearTimeout(timer);
        session = { clientId, signal: controller.signal };
        multiplexer.control(FRAME.EVENT, { welcome: true });
        multiplexer.opened();
        options.onSession?.(session);
      },
      request: (id, payload) => dispatch(multiplexer, id, payload, session, options.onRequest),
      ended: (reason) => {
        clearTimeout(timer);
        controller.abort(reason);
        ended.resolve(reason);
      },
    },
    options.heartbeat,
  );
  const timer = setTimeout(
    () => multiplexer.fail(protocolError("no HELLO in time"), "tell"),
    options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
  );
  timer.unref();
  multiplexer.control(FRAME.HELLO, options.hello);
  return {
    ended: ended.promise,
    get session() {
      return session;
    },
    get closed() {
      return multiplexer.ended;
    },
    get openStreams() {
      return multiplexer.openStreams;
    },
    close: (reason) => multiplexer.fail(reason ?? closedError(), reason === undefined ? "close" : "tell"),
  };
}

/** Checks the client's HELLO; undefined when it was refused. */
function admit(multiplexer: Multiplexer, type: FrameType, value: unknown, token: string): string | undefined {
  const hello = type === FRAME.HELLO ? helloSchema.safeParse(value) : undefined;
  if (hello?.success !== true) throw protocolError("the client's HELLO is malformed");
  if (!speaksTogether(hello.data)) {
    multiplexer.fail(versionMismatch(hello.data), "tell");
    return undefined;
  }
  const { clientId } = hello.data;
  if (!sameToken(hello.data.token ?? "", token)) {
    multiplexer.fail(berthError("wire.unauthorized", { hop: "berthd" }), "tell");
    return undefined;
  }
  if (clientId === undefined || clientId === "") throw protocolError("the client's HELLO has no clientId");
  return clientId;
}

function dispatch(
  multiplexer: Multiplexer,
  id: number,
  payload: Buffer,
  session: WireSession | undefined,
  onRequest: RequestHandler,
): void {
  const message = decodeJson(payload) as { method?: unknown; params?: unknown } | null;
  const method = message?.method;
  const hop = "berthd";
  if (typeof method !== "string" || method.length > 64) {
    multiplexer.refuse(id, berthError("wire.request_invalid", { hop, context: { fields: ["method"] } }));
    return;
  }
  if (!isMethod(method)) {
    multiplexer.refuse(id, berthError("wire.method_unknown", { hop, context: { method } }));
    return;
  }
  if (multiplexer.openStreams >= MAX_OPEN_STREAMS) {
    multiplexer.refuse(id, berthError("wire.limit", { hop }));
    return;
  }
  const parsed = methods[method].safeParse(message?.params ?? {});
  if (!parsed.success) {
    const fields = [...new Set(parsed.error.issues.map((issue) => issue.path.join(".")))].slice(0, 20);
    const text = `${method} does not fit its schema: ${fields.join(", ")}`;
    multiplexer.refuse(
      id,
      berthError("wire.request_invalid", { hop, message: text, context: { method, fields } }),
    );
    return;
  }
  const stream = multiplexer.add(id, flowOf(method, parsed.data), false);
  try {
    const answered = onRequest(stream, method, parsed.data as Params<Method>, session as WireSession);
    answered?.catch((cause: unknown) => stream.reset(toBerthError(cause, hop)));
  } catch (cause) {
    stream.reset(toBerthError(cause, hop));
  }
}

function isMethod(name: string): name is Method {
  return Object.hasOwn(methods, name);
}

function speaksTogether(hello: Hello): boolean {
  return hello.protocol[0] <= PROTOCOL_MAX && hello.protocol[1] >= PROTOCOL_MIN;
}

function versionMismatch(hello: Hello): BerthError {
  return berthError("wire.version_mismatch", {
    context: {
      peer: `${hello.protocol[0]} to ${hello.protocol[1]} (version ${hello.version.slice(0, 64)})`,
      own: `${PROTOCOL_MIN} to ${PROTOCOL_MAX}`,
    },
  });
}

/** In constant time, whatever the lengths. */
function sameToken(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected)) && expected !== "";
}

function closedError(why = "it was closed"): BerthError {
  return berthError("transport.disconnected", {
    hop: "transport",
    message: `the connection to the place was lost: ${why}`,
  });
}

function aborted(signal: AbortSignal | undefined): BerthError {
  return berthError("operation.aborted", { cause: signal?.reason });
}
