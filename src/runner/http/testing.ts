import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pino } from "pino";
import type { BerthEventInput } from "../../contract/events.ts";
import { readLocalToken } from "../access/local-token.ts";
import { openAccess } from "../access/open.ts";
import type { Handlers, Upgrades } from "../handlers.ts";
import { idempotencyStore } from "./idempotency-store.ts";
import type { HttpLimits } from "./limits.ts";
import { createHttpServer } from "./server.ts";

/** A server of the API with real tokens and a real store; only the handlers are the test's own. */
export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly token: string;
  readonly events: BerthEventInput[];
  /** Lines of the log. */
  readonly lines: string[];
  readonly stopping: AbortController;
  /** With the token, and JSON where there is a body. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Bytes as they are, on a connection of their own; everything that comes back until it ends or `waitMs` are over. */
  raw(parts: readonly (string | Uint8Array | number)[], waitMs?: number): Promise<string>;
  close(): Promise<void>;
}

export async function testServer(
  handlers: Partial<Handlers>,
  options: {
    readonly limits?: Partial<HttpLimits>;
    readonly upgrades?: Partial<Upgrades>;
    readonly mask?: (json: string) => string;
    /** Default: one of its own, which is removed. */
    readonly stateDirectory?: string;
  } = {},
): Promise<TestServer> {
  await using stack = new AsyncDisposableStack();
  const stateDirectory = options.stateDirectory ?? (await mkdtemp(join(tmpdir(), "berth-http-")));
  if (options.stateDirectory === undefined) {
    stack.defer(() => rm(stateDirectory, { recursive: true, force: true }));
  }
  const events: BerthEventInput[] = [];
  const lines: string[] = [];
  const emit = (event: BerthEventInput): void => void events.push(event);
  const metrics = { count: () => {}, gauge: () => {}, observe: () => {} };
  const host = "127.0.0.1";
  const access = stack.use(await openAccess({ options: { stateDirectory, host }, emit, metrics }));
  const stopping = new AbortController();
  const server = await createHttpServer({
    host,
    port: 0,
    handlers: handlers as Handlers,
    upgrades: (options.upgrades ?? {}) as Upgrades,
    access,
    idempotency: idempotencyStore(access.store),
    metrics,
    log: pino({ level: "info" }, { write: (line: string) => void lines.push(line) }),
    emit,
    stopping: stopping.signal,
    limits: options.limits,
    mask: options.mask,
  });
  stack.defer(() => server.close({ graceMs: 0 }));
  const url = await server.listen();
  const port = Number(new URL(url).port);
  const token = readLocalToken(stateDirectory);
  if (token === undefined) throw new Error("no local token");
  const owned = stack.move();
  return {
    url,
    port,
    token,
    events,
    lines,
    stopping,
    fetch: (path, init = {}) =>
      fetch(`${url}${path}`, {
        ...init,
        headers: {
          authorization: `Bearer ${token}`,
          ...(typeof init.body === "string" ? { "content-type": "application/json" } : {}),
          ...init.headers,
        },
      }),
    raw: (parts, waitMs) => sendRaw(port, parts, waitMs),
    close: () => owned.disposeAsync(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A number among the parts is a pause in milliseconds. */
async function sendRaw(
  port: number,
  parts: readonly (string | Uint8Array | number)[],
  waitMs = 30_000,
): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  const received: Buffer[] = [];
  const ended = new Promise<void>((resolve) => {
    socket.on("data", (chunk) => received.push(chunk));
    socket.on("close", () => resolve());
    // What came before the connection broke is the answer.
    socket.on("error", () => socket.destroy());
  });
  for (const part of parts) {
    if (typeof part === "number") await delay(part);
    else if (socket.writable) socket.write(part);
  }
  await Promise.race([ended, delay(waitMs, undefined, { ref: false })]);
  socket.destroy();
  return Buffer.concat(received).toString("latin1");
}

export interface ErrorBody {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly request_id: string;
    readonly context?: { readonly fields?: string[] };
  };
}

export async function errorOf(response: Response): Promise<{ status: number; error: ErrorBody["error"] }> {
  const { error } = (await response.json()) as ErrorBody;
  assert.equal(error.request_id, response.headers.get("berth-request-id"));
  return { status: response.status, error };
}

/** The status, and the code of the error, of the last answer in a raw text. */
export function rawAnswer(text: string): { status: number; code: string | undefined } {
  const status = Number(/HTTP\/1\.1 (\d+)/g[Symbol.matchAll](text).toArray().at(-1)?.[1] ?? 0);
  return { status, code: /"code":"([^"]+)"/.exec(text)?.[1] };
}

export const COMMAND = JSON.stringify({ command: ["true"] });
export const PROCESSES = "/v1/workspaces/w/processes";

/** Counts starts, and answers with their number. */
export function starts(): Pick<Handlers, "startProcess"> & { readonly count: () => number } {
  let count = 0;
  return {
    count: () => count,
    startProcess: () => {
      count += 1;
      return { status: 201, body: record(`p${count}`) };
    },
  };
}

export function record(id: string) {
  return {
    id,
    name: null,
    workspace: "w",
    command: ["true"],
    cwd: "/",
    user: null,
    pid: 1,
    state: "running" as const,
    tty: null,
    detached: false,
    started_at: "2026-01-01T00:00:00.000Z",
    ended_at: null,
    exit: null,
    output_start: 0,
    output_end: 0,
    has_orphans: false,
    output_file: null,
    output_file_cut: null,
  };
}

export const HEALTH: Pick<Handlers, "health"> = {
  health: () => ({ status: 200, body: { status: "ok", version: "1", instance_id: "i" } }),
};
