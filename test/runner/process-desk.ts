import assert from "node:assert/strict";
import { createHash, type Hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { WebSocket } from "ws";
import type { AttachServerMessage } from "../../src/api/attach.ts";
import { ATTACH_CHANNELS, ATTACH_PROTOCOL } from "../../src/api/attach-format.ts";
import type { ProcessJson } from "../../src/api/json-processes.ts";
import type { Workspace } from "../../src/contract/workspace.ts";
import { type RunningRunner, startRunner } from "../../src/runner/start.ts";
import { waitFor } from "../fixtures/process.ts";
import { type Bench, bench } from "../workspaces/support.ts";

/** A runner with a workspace, and what a caller does with processes. */
export interface ProcessDesk extends AsyncDisposable {
  readonly bench: Bench;
  readonly workspace: Workspace;
  readonly runner: RunningRunner | undefined;
  url: string;
  readonly token: string;
  call(method: string, path: string, options?: Sent): Promise<Received>;
  start(command: string | readonly string[], options?: Record<string, unknown>): Promise<ProcessJson>;
  attach(id: string, options?: AttachOptions): Promise<Attached>;
  /** The process as it is now. */
  look(id: string): Promise<ProcessJson>;
  untilState(id: string, wanted: ProcessJson["state"]): Promise<void>;
}

export interface Sent {
  readonly json?: unknown;
  readonly bytes?: Uint8Array | string;
  readonly token?: string;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

export interface Received {
  readonly status: number;
  readonly json: unknown;
  /** Code of an error. */
  readonly code: string | undefined;
  readonly bytes: Buffer;
  readonly headers: Headers;
}

export interface AttachOptions {
  readonly from?: number;
  readonly role?: "writer" | "viewer";
  readonly takeover?: boolean;
  readonly refusals?: "http" | "socket";
  readonly token?: string;
  /** Keeps the bytes, and not only their hash. Default true. */
  readonly keep?: boolean;
}

/** The upgrade was refused. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, body: string) {
    super(`${status} ${body}`);
    this.status = status;
    this.code = (JSON.parse(body) as { error: { code: string } }).error.code;
  }
}

export async function processDesk(options: { readonly url?: () => string } = {}): Promise<ProcessDesk> {
  await using stack = new AsyncDisposableStack();
  const made = stack.use(await bench());
  const workspace = await made.workspaces.create({
    name: "one",
    project: made.project.path,
    runtime: { type: "worktree" },
  });
  const { stateDirectory } = made;
  const runner =
    options.url === undefined ? stack.use(await startRunner({ stateDirectory, port: 0 })) : undefined;
  const all = stack.move();
  const desk: ProcessDesk = {
    bench: made,
    workspace,
    runner,
    url: runner?.url ?? "",
    get token() {
      return readFileSync(`${stateDirectory}/token`, "utf8").trim();
    },
    call: async (method, path, { json, bytes, token = desk.token, headers, signal } = {}) => {
      const response = await fetch(`${desk.url}/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(json === undefined ? {} : { "content-type": "application/json" }),
          ...(bytes === undefined ? {} : { "content-type": "application/octet-stream" }),
          ...headers,
        },
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
        ...(bytes === undefined ? {} : { body: typeof bytes === "string" ? bytes : Buffer.from(bytes) }),
        ...(signal === undefined ? {} : { signal }),
      });
      const body = Buffer.from(await response.arrayBuffer());
      const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
      const parsed: unknown = isJson ? JSON.parse(body.toString()) : undefined;
      return {
        status: response.status,
        headers: response.headers,
        bytes: body,
        json: parsed,
        code: (parsed as { error?: { code: string } } | undefined)?.error?.code,
      };
    },
    start: async (command, more = {}) => {
      const answer = await desk.call("POST", `/workspaces/${workspace.id}/processes`, {
        json: { command, ...more },
      });
      assert.equal(answer.status, 201, answer.bytes.toString());
      return answer.json as ProcessJson;
    },
    attach: async (id, attachOptions = {}) => await attach(desk.url, desk.token, id, attachOptions),
    look: async (id) => (await desk.call("GET", `/processes/${id}`)).json as ProcessJson,
    untilState: (id, wanted) =>
      waitFor(`${id} is ${wanted}`, async () => (await desk.look(id)).state === wanted).then(() => undefined),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
  return desk;
}

export class Attached {
  readonly socket: WebSocket;
  readonly messages: AttachServerMessage[] = [];
  readonly hash: Hash = createHash("sha256");
  readonly #parts: Buffer[] = [];
  readonly #keep: boolean;
  cursor = 0;
  bytes = 0;
  /** Anything came behind the exit. */
  afterExit = 0;
  closed: { readonly code: number } | undefined;

  constructor(socket: WebSocket, keep: boolean) {
    this.socket = socket;
    this.#keep = keep;
    socket.on("message", (data, isBinary) => this.#take(data as Buffer, isBinary));
    socket.on("close", (code) => {
      this.closed = { code };
    });
    socket.on("error", () => undefined);
  }

  #take(data: Buffer, isBinary: boolean): void {
    if (this.exit !== undefined) this.afterExit += 1;
    if (isBinary) {
      assert.ok(Object.values(ATTACH_CHANNELS).includes(data[0] as 1));
      const bytes = data.subarray(1);
      this.hash.update(bytes);
      this.cursor += bytes.length;
      this.bytes += bytes.length;
      if (this.#keep) this.#parts.push(bytes);
      return;
    }
    const message = JSON.parse(data.toString()) as AttachServerMessage;
    this.messages.push(message);
    if (message.type === "attached") this.cursor = message.cursor;
    if (message.type === "gap") {
      assert.equal(message.from, this.cursor, "a gap begins where the bytes end");
      this.cursor = message.to;
    }
  }

  get output(): Buffer {
    return Buffer.concat(this.#parts);
  }

  get exit(): Extract<AttachServerMessage, { type: "exit" }> | undefined {
    return this.of("exit")[0];
  }

  of<Type extends AttachServerMessage["type"]>(type: Type): Extract<AttachServerMessage, { type: Type }>[] {
    return this.messages.filter((message) => message.type === type) as Extract<
      AttachServerMessage,
      { type: Type }
    >[];
  }

  send(message: unknown): void {
    this.socket.send(JSON.stringify(message));
  }

  /** The exit, and then the end of the socket. */
  async ended(): Promise<Extract<AttachServerMessage, { type: "exit" }>> {
    await waitFor("the socket to close", () => this.closed);
    assert.equal(this.closed?.code, 1000, JSON.stringify(this.messages));
    assert.equal(this.afterExit, 0);
    assert.equal(this.exit?.cursor, this.cursor);
    return this.exit!;
  }

  close(): void {
    this.socket.terminate();
  }
}

export function attach(
  url: string,
  token: string,
  id: string,
  { from, role, takeover, refusals, keep = true, ...options }: AttachOptions = {},
): Promise<Attached> {
  const query = new URLSearchParams(
    Object.entries({ from, role, takeover, refusals }).flatMap(([name, value]) =>
      value === undefined ? [] : ([[name, String(value)]] as [string, string][]),
    ),
  );
  const socket = new WebSocket(
    `${url.replace("http", "ws")}/v1/processes/${id}/attach?${query}`,
    [ATTACH_PROTOCOL],
    {
      headers: { authorization: `Bearer ${options.token ?? token}` },
      perMessageDeflate: false,
    },
  );
  return new Promise((resolve, reject) => {
    const attached = new Attached(socket, keep);
    socket.once("open", () => resolve(attached));
    socket.once("error", reject);
    socket.once("unexpected-response", (_request, response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () =>
        reject(new Refused(response.statusCode ?? 0, Buffer.concat(parts).toString())),
      );
    });
  });
}
