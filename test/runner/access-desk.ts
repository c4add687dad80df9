import { mkdtempSync, rmSync } from "node:fs";
import {
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { pino } from "pino";
import { berthError } from "../../src/contract/errors.ts";
import type { BerthEventInput } from "../../src/contract/events.ts";
import { Secrets } from "../../src/contract/mask.ts";
import type { Runtime } from "../../src/contract/runtime.ts";
import type { Workspace } from "../../src/contract/workspace.ts";
import { tokenHandlers } from "../../src/runner/access/handlers.ts";
import { readLocalToken } from "../../src/runner/access/local-token.ts";
import { openAccess, type RunnerAccess } from "../../src/runner/access/open.ts";
import { sessionHandlers } from "../../src/runner/access/session-handlers.ts";
import type { Call, RunnerOptions } from "../../src/runner/context.ts";
import type { Handlers, Upgrades } from "../../src/runner/handlers.ts";
import { createHttpServer } from "../../src/runner/http/server.ts";
import { createPreviews, type Previews } from "../../src/runner/previews/previews.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import { endDaemons } from "../conformance/place.ts";

/** Workspaces of the desk: a stand-in for the registry, in the directory of the test. */
const NAMES = { w0000000001: "fix-login", w0000000002: "other", w0000000003: "Fix_Login" } as const;

export interface Desk extends AsyncDisposable {
  readonly directory: string;
  readonly url: string;
  readonly port: number;
  readonly access: RunnerAccess;
  readonly previews: Previews;
  readonly secrets: Secrets;
  readonly events: BerthEventInput[];
  /** Lines of the log. */
  readonly log: string[];
  /** Operations that reached their handler. */
  readonly reached: string[];
  readonly localToken: string;
  token(scope: "read" | "operate" | "admin", workspaces?: string[], expiresInMs?: number): Promise<string>;
  send(path: string, options?: Sent): Promise<Received>;
  stop(): void;
}

export interface Sent {
  readonly method?: string;
  readonly token?: string | undefined;
  readonly headers?: RequestOptions["headers"];
  readonly body?: unknown;
  readonly host?: string;
}

export interface Received {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly rawHeaders: string[];
  readonly text: string;
  readonly json: {
    readonly [name: string]: unknown;
    readonly error?: { readonly code: string; readonly message: string };
  };
}

/**
 * A real server with real access and real previews over the runtime `local:`. Handlers of other parts stand in: they say
 * that they were reached.
 */
export async function openDesk(
  options: Partial<RunnerOptions> & {
    readonly handlers?: Partial<Handlers>;
    readonly upgrades?: Partial<Upgrades>;
    readonly previewHeartbeatMs?: number;
  } = {},
): Promise<Desk> {
  await using stack = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), "berth-access-"));
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const { handlers: given, upgrades: givenUpgrades, previewHeartbeatMs, ...rest } = options;
  const runnerOptions: RunnerOptions = { stateDirectory: directory, host: "127.0.0.1", port: 0, ...rest };
  const events: BerthEventInput[] = [];
  const emit = (event: BerthEventInput) => void events.push(event);
  const log: string[] = [];
  const secrets = new Secrets();
  const logger = pino({ level: "trace" }, { write: (line: string) => void log.push(secrets.json(line)) });
  const metrics = { count: () => undefined, gauge: () => undefined, observe: () => undefined };
  const access = stack.use(await openAccess({ options: runnerOptions, emit, metrics }));
  const stopping = new AbortController();
  const reached: string[] = [];
  const workspace = (selector: string): Workspace => {
    const found = Object.entries(NAMES).find(([id, name]) => id === selector || name === selector);
    if (found === undefined) throw berthError("workspace.unknown", { context: { name: selector } });
    return { id: found[0], name: found[1] } as Workspace;
  };
  const context = {
    options: runnerOptions,
    workspaces: { get: async (selector: string) => workspace(selector) } as never,
    runtimes: {
      lease: async () => {
        return { runtime: await place(), [Symbol.dispose]: () => undefined };
      },
    } as never,
    metrics,
    emit,
    log: logger,
    workspace: async (selector: string, caller: { workspaces: ReadonlySet<string> | undefined }) => {
      const found = workspace(selector);
      if (caller.workspaces?.has(found.id) === false) {
        throw berthError("workspace.unknown", { context: { name: selector } });
      }
      return found;
    },
    stopping: stopping.signal,
  };
  const previews = stack.use(createPreviews(context, access, previewHeartbeatMs));
  const real: Partial<Handlers> = {
    ...tokenHandlers(context, access),
    ...sessionHandlers(context, access),
    ...previews.handlers,
    ...given,
  };
  const handlers = new Proxy(real, {
    get: (target, name: keyof Handlers) =>
      target[name] ??
      ((_call: Call) => {
        reached.push(name);
        throw berthError("operation.unknown", { hop: "runner", context: { id: "reached" } });
      }),
  }) as Handlers;
  const upgrades = new Proxy(givenUpgrades ?? {}, {
    get: (target, name: keyof Upgrades) =>
      target[name] ??
      (() => {
        reached.push(name);
        throw berthError("operation.unknown", { hop: "runner", context: { id: "reached" } });
      }),
  }) as Upgrades;
  const server = stack.use(
    await createHttpServer({
      host: runnerOptions.host,
      port: 0,
      tls: runnerOptions.tls,
      handlers,
      upgrades,
      access,
      elsewhere: previews.elsewhere,
      idempotency: {
        begin: async () => ({ state: "new" }),
        finish: async () => undefined,
        forget: async () => undefined,
      } as never,
      metrics,
      log: logger,
      emit,
      mask: (json) => secrets.json(json),
      stopping: stopping.signal,
      limits: { closeGraceMs: 200, callsPerMinute: 1_000_000 },
    }),
  );
  const url = await server.listen();
  const { port } = new URL(url);
  const localToken = readLocalToken(directory) ?? "";
  const owned = stack.move();
  return {
    directory,
    url,
    port: Number(port),
    access,
    previews,
    secrets,
    events,
    log,
    reached,
    localToken,
    async token(scope, workspaces, expiresInMs) {
      const name = `t${Math.random().toString(36).slice(2)}`;
      return (await access.tokens.create({ name, scope, workspaces, expiresInMs })).token;
    },
    send: (path, sent = {}) =>
      send(Number(port), path, { host: `127.0.0.1:${port}`, token: undefined, ...sent }),
    stop: () => stopping.abort(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

let opened: Promise<Runtime> | undefined;
const placeDirectory = mkdtempSync(join(tmpdir(), "berth-access-place-"));
after(async () => {
  await (await opened)?.close();
  await endDaemons(placeDirectory);
  rmSync(placeDirectory, { recursive: true, force: true });
});

/** One place for all desks of a file: what starts a daemon takes its time. */
function place(): Promise<Runtime> {
  opened ??= openRuntime("local:", { stateDirectory: placeDirectory });
  return opened;
}

/** One request on a connection of its own, with exactly these headers. */
export function send(port: number, path: string, sent: Sent): Promise<Received> {
  return new Promise((resolve, reject) => {
    const { method = "GET", token, headers, body, host } = sent;
    const request: ClientRequest = httpRequest({
      port,
      host: "127.0.0.1",
      agent: false,
      method,
      path,
      headers: {
        ...(host === undefined ? {} : { host }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(headers as Record<string, string>),
      },
    });
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        const isJson = response.headers["content-type"]?.includes("json") === true;
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          rawHeaders: response.rawHeaders,
          text,
          json: isJson && text !== "" ? JSON.parse(text) : {},
        });
      });
    });
    request.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve({
        status: response.statusCode ?? 101,
        headers: response.headers,
        rawHeaders: [],
        text: "",
        json: {},
      });
    });
    request.on("error", reject);
    request.end(body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body));
  });
}

/** Headers of a request to upgrade. */
export const UPGRADE = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
} as const;
