import * as http from "node:http";
import * as https from "node:https";
import type { Duplex } from "node:stream";
import { Readable } from "node:stream";
import { berthError, isBerthError } from "../../contract/errors.ts";
import { abortedError } from "../abort.ts";
import type { EngineEndpoint } from "./endpoint.ts";
import { connectionError, statusError } from "./errors.ts";
import { SshSocket } from "./ssh-socket.ts";

/** The newest API that Berth was written against, and the oldest that has all of it. */
const API_NEWEST = "1.48";
const API_OLDEST = "1.40";

export const DEFAULT_DEADLINE_MS = 30_000;
const PING_DEADLINE_MS = 10_000;

export interface EngineRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE" | "HEAD";
  /** Below the API's version: "/containers/json". */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON; a stream is sent as a tar archive. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until the answer's last byte (of `stream` and `hijack`: its first). Default 30 s. */
  readonly deadlineMs?: number;
}

/**
 * A client of the Docker API, with a deadline on every call and typed errors: docker.engine_unavailable,
 * docker.permission_denied, docker.engine_timeout, operation.aborted, and docker.api_error with the status and the
 * engine's words. Written for what Berth needs: hijacked streams with half-close and backpressure, and little to
 * load.
 */
export interface DockerEngine {
  readonly endpoint: EngineEndpoint;
  /** The answer's JSON; undefined when it is empty. */
  json<T>(request: EngineRequest): Promise<T>;
  /** The answer's body as it comes: progress of a pull or a build, an archive. */
  stream(request: EngineRequest): Promise<Readable>;
  /** The connection itself, after the engine has switched protocols. */
  hijack(request: EngineRequest): Promise<Duplex>;
  close(): void;
}

export function createDockerEngine(endpoint: EngineEndpoint): DockerEngine {
  const agent = createAgent(endpoint);
  const module = endpoint.kind === "tcp" && endpoint.tls !== undefined ? https : http;
  const target = connectionOptions(endpoint);
  let version: Promise<string> | undefined;

  /** Sends a request; resolves with the answer's head, whatever its status. */
  async function send(
    request: EngineRequest,
    prefix: string,
    hijack: boolean,
  ): Promise<{ message: http.IncomingMessage; socket?: Duplex; head?: Buffer }> {
    const { promise, resolve, reject } = Promise.withResolvers<{
      message: http.IncomingMessage;
      socket?: Duplex;
      head?: Buffer;
    }>();
    const isArchive = request.body instanceof Readable;
    const body = request.body === undefined || isArchive ? undefined : JSON.stringify(request.body);
    const headers: Record<string, string> = { Host: hostHeader(endpoint), ...request.headers };
    if (isArchive) headers["Content-Type"] ??= "application/x-tar";
    if (body !== undefined) {
      headers["Content-Type"] = "application/json";
      headers["Content-Length"] = String(Buffer.byteLength(body));
    } else if (!isArchive && request.method === "POST") headers["Content-Length"] = "0";
    if (hijack) Object.assign(headers, { Connection: "Upgrade", Upgrade: "tcp" });
    const outgoing = module.request({
      ...target,
      agent,
      method: request.method,
      path: `${prefix}${request.path}${queryString(request.query)}`,
      headers,
    });
    const onAbort = () => outgoing.destroy(abortedError(request.signal));
    if (request.signal?.aborted) onAbort();
    request.signal?.addEventListener("abort", onAbort, { once: true });
    promise.finally(() => request.signal?.removeEventListener("abort", onAbort)).catch(() => {});
    outgoing.once("response", (message) => resolve({ message }));
    outgoing.once("upgrade", (message, socket, head) => resolve({ message, socket, head }));
    outgoing.once("error", (cause) => reject(connectionError(cause, endpoint.text)));
    if (request.body instanceof Readable) {
      request.body.once("error", (error) => outgoing.destroy(error));
      request.body.pipe(outgoing);
    } else outgoing.end(body);
    return withEngineDeadline(promise, request, () => outgoing.destroy());
  }

  async function negotiated(): Promise<string> {
    version ??= negotiate();
    return version.catch((error: unknown) => {
      version = undefined;
      throw error;
    });
  }

  async function negotiate(): Promise<string> {
    const wanted = process.env.DOCKER_API_VERSION;
    if (wanted) return `/v${wanted}`;
    const ping = { method: "GET", path: "/_ping", deadlineMs: PING_DEADLINE_MS } as const;
    const { message } = await send(ping, "", false);
    message.resume();
    const theirs = String(message.headers["api-version"] ?? "");
    if (!/^\d+\.\d+$/.test(theirs)) {
      throw berthError("docker.engine_unavailable", {
        hop: "transport",
        message: `what answers at ${endpoint.text} is not a Docker engine`,
        context: { endpoint: endpoint.text },
      });
    }
    if (compareVersions(theirs, API_OLDEST) < 0) {
      throw berthError("docker.api_error", {
        hop: "transport",
        message: `the Docker engine is too old: API ${theirs}, at least ${API_OLDEST} is needed`,
        hint: "Upgrade the engine to 19.03 or newer.",
        context: { status: 400, reason: `API ${theirs}`, endpoint: endpoint.text },
      });
    }
    return `/v${compareVersions(theirs, API_NEWEST) < 0 ? theirs : API_NEWEST}`;
  }

  /** Reused connections may be closed by the other side just then; a request that it can't have read is repeated. */
  async function request(options: EngineRequest, hijack: boolean) {
    const prefix = await negotiated();
    try {
      return await send(options, prefix, hijack);
    } catch (error) {
      const repeatable = options.method === "GET" && isBerthError(error, "docker.engine_unavailable");
      if (!repeatable || error.context.reason !== "ECONNRESET") throw error;
      return send(options, prefix, hijack);
    }
  }

  async function refused(message: http.IncomingMessage): Promise<never> {
    const text = (await read(message)).toString("utf8");
    throw statusError(message.statusCode ?? 0, errorText(text), endpoint.text);
  }

  return {
    endpoint,
    async json<T>(options: EngineRequest): Promise<T> {
      const { message } = await request(options, false);
      const answer = read(message).catch((cause: unknown) => {
        throw connectionError(cause, endpoint.text);
      });
      const body = await withEngineDeadline(answer, options, () => message.destroy());
      const text = body.toString("utf8");
      const status = message.statusCode ?? 0;
      if (status >= 400 || status < 200) throw statusError(status, errorText(text), endpoint.text);
      return (text.trim() === "" ? undefined : JSON.parse(text)) as T;
    },
    async stream(options) {
      const { message } = await request(options, false);
      if ((message.statusCode ?? 0) >= 300) await refused(message);
      const onAbort = () => message.destroy(abortedError(options.signal));
      options.signal?.addEventListener("abort", onAbort, { once: true });
      message.once("close", () => options.signal?.removeEventListener("abort", onAbort));
      return message;
    },
    async hijack(options) {
      const { message, socket, head } = await request(options, true);
      if (socket === undefined) {
        if ((message.statusCode ?? 0) >= 300) await refused(message);
        message.destroy();
        throw berthError("docker.api_error", {
          hop: "transport",
          message: "the Docker engine did not switch to a raw stream",
          hint: "A proxy between here and the engine may not pass upgraded connections on.",
          context: { status: message.statusCode ?? 0, reason: "no upgrade", endpoint: endpoint.text },
        });
      }
      if (head !== undefined && head.length > 0) socket.unshift(head);
      return socket;
    },
    close: () => agent.destroy(),
  };
}

async function withEngineDeadline<T>(
  promise: Promise<T>,
  request: EngineRequest,
  giveUp: () => void,
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const deadlineMs = request.deadlineMs ?? DEFAULT_DEADLINE_MS;
  const timer = setTimeout(() => {
    reject(
      berthError("docker.engine_timeout", {
        hop: "transport",
        message: `the Docker engine did not answer within ${deadlineMs / 1000} s: ${request.method} ${request.path}`,
      }),
    );
    promise.catch(() => {});
    giveUp();
  }, deadlineMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Over TLS and ssh a connection is dear and kept; a unix socket is opened anew, so that a request never meets one
 * that an engine has closed when it was restarted.
 */
function createAgent(endpoint: EngineEndpoint): http.Agent {
  if (endpoint.kind === "tcp" && endpoint.tls !== undefined) return new https.Agent({ keepAlive: true });
  const agent = new http.Agent({ keepAlive: endpoint.kind !== "unix", scheduling: "lifo" });
  if (endpoint.kind === "ssh") {
    const { destination, port } = endpoint;
    agent.createConnection = () => new SshSocket(destination, port) as Duplex;
  }
  return agent;
}

function connectionOptions(endpoint: EngineEndpoint): https.RequestOptions {
  if (endpoint.kind === "unix") return { socketPath: endpoint.path };
  if (endpoint.kind === "ssh") return { host: endpoint.destination };
  const { host, port, tls } = endpoint;
  if (tls === undefined) return { host, port };
  return { host, port, ca: tls.ca, cert: tls.cert, key: tls.key, rejectUnauthorized: !tls.skipVerify };
}

/** Over TLS the name that the certificate is checked against. */
function hostHeader(endpoint: EngineEndpoint): string {
  if (endpoint.kind !== "tcp") return "docker";
  return endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host;
}

function queryString(query: EngineRequest["query"]): string {
  const pairs = Object.entries(query ?? {}).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}

async function read(message: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function errorText(body: string): string {
  try {
    const parsed = JSON.parse(body) as { message?: unknown };
    return typeof parsed.message === "string" ? parsed.message : body;
  } catch {
    // Some proxies answer in plain text or HTML; it is shown as it came.
    return body;
  }
}

function compareVersions(a: string, b: string): number {
  const [aMajor = 0, aMinor = 0] = a.split(".").map(Number);
  const [bMajor = 0, bMinor = 0] = b.split(".").map(Number);
  return aMajor - bMajor || aMinor - bMinor;
}
