import { randomBytes } from "node:crypto";
import { createServer, isIP, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type * as z from "zod";
import type { forward } from "../../api/ports.ts";
import { berthError, isBerthError } from "../../contract/errors.ts";
import type { Workspace } from "../../contract/workspace.ts";
import type { Caller, RunnerContext } from "../context.ts";
import type { Handlers } from "../handlers.ts";
import { invalid } from "../http/input.ts";
import { pageOf } from "../http/page.ts";

const MAX_OF_WORKSPACE = 64;
/** Connections of one forward at once. */
const MAX_CONNECTIONS = 256;

type ForwardJson = z.infer<typeof forward>;

interface Target {
  readonly workspaceId: string;
  readonly remotePort: number;
  readonly remoteHost: string | undefined;
}

/**
 * A port of this machine that leads into a place. It holds nothing there: each connection takes its own lease, so that
 * it stays over reconnects, restarts of the place and changes of its configuration.
 */
class OpenForward implements AsyncDisposable {
  readonly id = `fwd_${randomBytes(10).toString("hex")}`;
  readonly target: Target;
  readonly #createdAt = new Date().toISOString();
  readonly #context: RunnerContext;
  readonly #server: Server;
  readonly #localHost: string;
  readonly #localPort: number;
  readonly #onGone: () => void;
  readonly #sockets = new Set<Socket>();
  readonly #stop = new AbortController();
  #connections = 0;
  #bytesIn = 0;
  #bytesOut = 0;

  constructor(context: RunnerContext, server: Server, target: Target, onGone: () => void) {
    this.target = target;
    this.#context = context;
    this.#server = server;
    this.#onGone = onGone;
    const address = server.address();
    if (address === null || typeof address === "string") throw berthError("internal");
    this.#localHost = address.address;
    this.#localPort = address.port;
    server.on("connection", (socket: Socket) => void this.#serve(socket));
  }

  async #serve(socket: Socket): Promise<void> {
    this.#connections += 1;
    this.#sockets.add(socket);
    const gone = new AbortController();
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#bytesIn += socket.bytesRead;
      this.#bytesOut += socket.bytesWritten;
      gone.abort();
    });
    const { workspaceId, remotePort, remoteHost } = this.target;
    const { runtimes, workspaces } = this.#context;
    try {
      const signal = AbortSignal.any([gone.signal, this.#stop.signal]);
      const workspace = await workspaces.get(workspaceId, { directory: null });
      using lease = await runtimes.lease(workspace, signal, { now: true });
      const host = remoteHost === undefined ? {} : { remoteHost };
      const remote = await lease.runtime.connect(remotePort, { ...host, signal });
      await joined(socket, remote);
    } catch (error) {
      if (!socket.destroyed) socket.resetAndDestroy();
      if (isBerthError(error, "workspace.unknown")) this.#onGone();
    }
  }

  toJson(): ForwardJson {
    const open = [...this.#sockets];
    return {
      id: this.id,
      workspace: this.target.workspaceId,
      local_host: this.#localHost,
      local_port: this.#localPort,
      remote_host: this.target.remoteHost ?? null,
      remote_port: this.target.remotePort,
      connections: open.length,
      connections_total: this.#connections,
      bytes_in: open.reduce((sum, { bytesRead }) => sum + bytesRead, this.#bytesIn),
      bytes_out: open.reduce((sum, { bytesWritten }) => sum + bytesWritten, this.#bytesOut),
      created_at: this.#createdAt,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(berthError("operation.aborted", { hop: "runner" }));
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** Bytes both ways with half-close, until both sides are closed; a failure of either ends both. */
function joined(one: Socket, other: Duplex): Promise<void> {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on("error", () => to.destroy());
    from.once("close", () => {
      if (!from.readableEnded) to.destroy();
    });
    from.pipe(to);
  }
  return Promise.all([closed(one), closed(other)]).then(() => undefined);
}

function closed(stream: Duplex): Promise<void> {
  return stream.closed ? Promise.resolve() : new Promise((resolve) => stream.once("close", () => resolve()));
}

/** The forwards of this runner: they end with it. */
export class Forwards implements AsyncDisposable {
  readonly #context: RunnerContext;
  readonly #forwards = new Map<string, OpenForward>();
  /** Being made, by workspace. */
  readonly #making = new Map<string, number>();

  constructor(context: RunnerContext) {
    this.#context = context;
  }

  handlers(): Handlers<"createForward" | "listForwards" | "deleteForward"> {
    const context = this.#context;
    return {
      createForward: async ({ params, body, caller, signal }) => {
        const workspace = await context.workspace(params.workspace, caller);
        const target = {
          workspaceId: workspace.id,
          remotePort: body.remote_port,
          remoteHost: body.remote_host,
        };
        const made = await this.#create(workspace, target, body, signal);
        return { status: 201, body: made.toJson() };
      },
      listForwards: async ({ params, query, caller }) => {
        const { id } = await context.workspace(params.workspace, caller);
        const own = this.#of(id);
        return {
          status: 200,
          body: pageOf(
            own,
            query,
            (one) => one.id,
            (one) => one.toJson(),
          ),
        };
      },
      deleteForward: async ({ params, caller }) => {
        await this.#delete(this.#find(params.id, caller), "deleted");
        return { status: 204 };
      },
    };
  }

  async #create(
    workspace: Workspace,
    target: Target,
    { local_host, local_port }: { readonly local_host: string; readonly local_port: number },
    signal: AbortSignal,
  ): Promise<OpenForward> {
    const { id, name } = workspace;
    const host = loopback(local_host);
    const making = this.#making.get(id) ?? 0;
    if (this.#of(id).length + making >= MAX_OF_WORKSPACE) {
      throw berthError("forward.limit", { hop: "runner", context: { name, limit: MAX_OF_WORKSPACE } });
    }
    this.#making.set(id, making + 1);
    try {
      await this.#requireCapability(workspace, signal);
      const server = createServer({ allowHalfOpen: true, noDelay: true });
      server.maxConnections = MAX_CONNECTIONS;
      await listen(server, local_port, host);
      const made: OpenForward = new OpenForward(this.#context, server, target, () => {
        void this.#delete(made, "its workspace is gone");
      });
      this.#forwards.set(made.id, made);
      const { local_host: address, local_port: port } = made.toJson();
      this.#tell(made, "forward.opened", `${address}:${port} leads to port ${target.remotePort} of ${name}`);
      return made;
    } finally {
      const left = (this.#making.get(id) ?? 1) - 1;
      if (left > 0) this.#making.set(id, left);
      else this.#making.delete(id);
    }
  }

  async #requireCapability(workspace: Workspace, signal: AbortSignal): Promise<void> {
    using lease = await this.#context.runtimes.lease(workspace, signal, { now: true });
    const { capabilities, description } = lease.runtime;
    if (capabilities.forward) return;
    throw berthError("runtime.capability_unsupported", {
      hop: "runner",
      runtime: description,
      context: { capability: "forward" },
    });
  }

  #of(workspaceId: string): OpenForward[] {
    return [...this.#forwards.values()].filter(({ target }) => target.workspaceId === workspaceId);
  }

  /** @throws forward.unknown: also for who may not know of it */
  #find(id: string, { workspaces }: Caller): OpenForward {
    const found = this.#forwards.get(id);
    if (found !== undefined && (workspaces === undefined || workspaces.has(found.target.workspaceId)))
      return found;
    throw berthError("forward.unknown", { hop: "runner", context: { id } });
  }

  async #delete(forward: OpenForward, reason: string): Promise<void> {
    if (!this.#forwards.delete(forward.id)) return;
    this.#tell(
      forward,
      "forward.closed",
      `port ${forward.target.remotePort} is no longer forwarded: ${reason}`,
    );
    await forward[Symbol.asyncDispose]();
  }

  #tell({ id, target }: OpenForward, type: string, message: string): void {
    const { workspaceId, remotePort } = target;
    this.#context.emit({ type, message, workspace: workspaceId, data: { forward: id, remotePort } });
  }

  /** Ends those of a workspace. */
  async closeOf(workspaceId: string): Promise<void> {
    await Promise.all(this.#of(workspaceId).map((one) => this.#delete(one, "its workspace was deleted")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#forwards.values()];
    this.#forwards.clear();
    await Promise.all(all.map((one) => one[Symbol.asyncDispose]()));
  }
}

/** Whatever listens elsewhere would have neither token nor TLS. @throws request.invalid */
function loopback(host: string): string {
  if (host === "localhost") return "127.0.0.1";
  if (host === "::1" || (isIP(host) === 4 && host.startsWith("127."))) return host;
  throw invalid([{ field: "body.local_host", reason: "has to be an address of loopback, as 127.0.0.1" }]);
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const code = cause.code === "EADDRINUSE" ? "port.in_use" : "port.invalid";
      const message = `can't listen on ${host}, port ${port}: ${cause.code ?? cause.message}`;
      reject(berthError(code, { hop: "runner", message, context: { port, host }, cause }));
    });
    server.listen(port, host, () => resolve());
  });
}
