import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import rateLimit from "@fastify/rate-limit";
import { type FastifyInstance, fastify } from "fastify";
import { ROUTES } from "../../api/routes.ts";
import { berthError } from "../../contract/errors.ts";
import { Calls } from "./calls.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { closeSockets, listenOn, makeServer, type NodeServer } from "./node-server.ts";
import type { HttpServerOptions } from "./options.ts";

export interface HttpServer extends AsyncDisposable {
  /** Node's own, for what is of the connection itself: a new certificate. */
  readonly node: NodeServer;
  /** Where programs of this machine reach it. @throws port.in_use, and what listening throws */
  listen(): Promise<string>;
  /** Takes no new connection, waits for calls that are being answered, at most so long, and ends the rest. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/** The server of the API: every route of the table, answered by its handler. */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  let node: NodeServer | undefined;
  const app = fastify({
    serverFactory: (handler) => {
      node = makeServer(options, limits, handler);
      return node;
    },
    exposeHeadRoutes: false,
    return503OnClosing: false,
    bodyLimit: Number.MAX_SAFE_INTEGER,
    routerOptions: {
      maxParamLength: limits.headerBytes,
      // Queries are read by the schema of the route, which knows what is a number and what a list.
      querystringParser: () => ({}),
    },
    frameworkErrors: (error, request, reply) => {
      reply.hijack();
      calls.refuse(request.raw, reply.raw, error);
    },
  });
  app.setErrorHandler((error, request, reply) => {
    reply.hijack();
    calls.refuse(request.raw, reply.raw, error);
  });
  // Bodies are read by the call itself, behind every check that needs none.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));
  await app.register(rateLimit, {
    global: false,
    max: limits.callsPerMinute,
    timeWindow: 60_000,
    keyGenerator: (request) => calls.keyOf(request.raw),
  });
  const count = app.createRateLimit();
  const calls = new Calls(options, limits, async (request) => {
    const result = await count(request);
    if (result.isAllowed || !result.isExceeded) return;
    throw berthError("request.rate_limited", {
      hop: "runner",
      context: { retryAfterSeconds: result.ttlInSeconds },
    });
  });
  addRoutes(app, calls);
  await app.ready();
  if (node === undefined) throw new Error("fastify made no server");
  const server = node;
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (options.elsewhere?.upgrade(request, socket, head) === true) return;
    calls.upgrade(request, socket, head, (response) => app.routing(request, response));
  });
  const close = async ({ graceMs = limits.closeGraceMs } = {}): Promise<void> => {
    await closeSockets(server, graceMs);
    await app.close();
  };
  return {
    node: server,
    listen: () => listenOn(server, options),
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

function addRoutes(app: FastifyInstance, calls: Calls): void {
  for (const route of ROUTES) {
    app.route({
      method: route.method === "GET" && !("upgrade" in route) ? ["GET", "HEAD"] : route.method,
      url: route.path.replace(/\{(\w+)\}/g, ":$1"),
      handler: (request, reply) => {
        reply.hijack();
        return calls.serve(route, request, reply.raw);
      },
    });
  }
  app.setNotFoundHandler((request, reply) => {
    reply.hijack();
    return calls.unknown(request, reply.raw);
  });
}
