import { AsyncLocalStorage } from "node:async_hooks";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { AttachServerMessage } from "../../api/attach.ts";
import { ATTACH_MESSAGE_BYTES, ATTACH_PROTOCOL } from "../../api/attach-format.ts";
import { errorToJson } from "../../api/json-errors.ts";
import { type BerthError, berthError, toBerthError } from "../../contract/errors.ts";
import type { ProcessInfo } from "../../contract/process.ts";
import { within } from "../../contract/within.ts";
import { holds } from "../access/scopes.ts";
import type { RunnerContext } from "../context.ts";
import type { Upgrades } from "../handlers.ts";
import { leaving } from "../http/leaving.ts";
import type { ProcessSession, ProcessSessions } from "../processes/sessions.ts";
import { startCursor } from "../processes/start-cursor.ts";
import { AttachClient, type AttachRole, type KeepAlive } from "./client.ts";
import { RingBudget } from "./feed.ts";
import { OutputHub } from "./hub.ts";

const KEEP_ALIVE: KeepAlive = { pingMs: 15_000, answerMs: 45_000, writeMs: 20_000 };
const LOOK_EVERY_MS = 1_000;
/** A look that is later than this says that the runner itself stood still. */
const LATE_MS = 3_000;
const RINGS_BYTES = 64 * 1024 * 1024;
/** For the end of a slow client to arrive, once it is said; the silent are dropped sooner. */
const CLOSE_LIMIT_MS = 60_000;
/** For what is under way when the runner stops. */
const STOP_LIMIT_MS = 2_000;

export interface AttachOptions {
  readonly sessions: ProcessSessions;
  readonly keepAlive?: KeepAlive;
}

/** The close code of what is not allowed. */
const REFUSED = 1008;

const SOCKET = {
  noServer: true,
  clientTracking: false,
  maxPayload: ATTACH_MESSAGE_BYTES,
  closeTimeout: CLOSE_LIMIT_MS,
  handleProtocols: (offered: ReadonlySet<string>) => (offered.has(ATTACH_PROTOCOL) ? ATTACH_PROTOCOL : false),
} as const;

/** A process that somebody is attached to. */
interface AttachedProcess {
  readonly hub: OutputHub;
  readonly clients: Set<AttachClient>;
  writer: AttachClient | undefined;
}

export interface Attach extends AsyncDisposable {
  readonly upgrades: Upgrades<"attach">;
}

/** Attaching to processes: berth.attach.v1 (docs/runner.md). Disposing tells all clients to come again. */
export function createAttach(context: RunnerContext, options: AttachOptions): Attach {
  return new AttachServer(context, options);
}

class AttachServer implements Attach {
  readonly #context: RunnerContext;
  readonly #sessions: ProcessSessions;
  readonly #keepAlive: KeepAlive;
  readonly #budget = new RingBudget(RINGS_BYTES);
  readonly #processes = new Map<string, AttachedProcess>();
  /** Attached ones, and those whose socket still takes the end. */
  readonly #clients = new Set<AttachClient>();
  readonly #server = new WebSocketServer(SOCKET);
  readonly #timer: NodeJS.Timeout;
  #lookedAt = performance.now();
  #stopped = false;
  #idle: (() => void) | undefined;
  readonly upgrades: Upgrades<"attach">;

  constructor(context: RunnerContext, options: AttachOptions) {
    this.#context = context;
    this.#sessions = options.sessions;
    this.#keepAlive = options.keepAlive ?? KEEP_ALIVE;
    this.#timer = setInterval(() => this.#look(), Math.min(LOOK_EVERY_MS, this.#keepAlive.pingMs));
    this.#timer.unref();
    context.stopping.addEventListener("abort", () => this.#stop(), { once: true });
    this.upgrades = {
      attach: async ({ params, query, caller, request, socket, head }) => {
        const { role, takeover, refusals, from = 0 } = query;
        if (role === "writer" && !holds(caller.scope, "operate")) {
          throw berthError("auth.forbidden", { hop: "runner", context: { scope: "operate" } });
        }
        using left = leaving(socket);
        const signal = AbortSignal.any([left.signal, context.stopping]);
        let isAsked = false;
        try {
          const found = await context.processes.find(params.id, caller, signal);
          const { info } = found;
          const session = this.#sessions.open(found);
          try {
            // From here to the handshake nothing is awaited: of two writers one finds the other.
            this.#admit(info, role, takeover);
            const cursor = startCursor(info, from);
            isAsked = true;
            let attached = false;
            this.#server.handleUpgrade(request, socket, head, (webSocket) => {
              attached = true;
              this.#attach(webSocket, socket, session, { info, role, cursor, tail: from < 0 });
            });
            // The handshake of WebSocket itself was not in order, and has been answered.
            if (!attached) throw berthError("request.invalid", { hop: "runner" });
          } catch (error) {
            session[Symbol.dispose]();
            throw error;
          }
        } catch (error) {
          if (refusals !== "socket" || isAsked || signal.aborted) throw error;
          this.#server.handleUpgrade(request, socket, head, (webSocket) => {
            refuse(webSocket, toBerthError(error, "runner"));
          });
        }
      },
    };
  }

  /** @throws attach.writer_taken, runner.stopping */
  #admit({ id }: ProcessInfo, role: AttachRole, takeover: boolean): void {
    if (this.#stopped) throw berthError("runner.stopping", { hop: "runner" });
    if (role === "viewer" || takeover || this.#processes.get(id)?.writer === undefined) return;
    throw berthError("attach.writer_taken", { hop: "runner", context: { id } });
  }

  #attach(
    webSocket: WebSocket,
    socket: Duplex,
    session: ProcessSession,
    how: {
      readonly info: ProcessInfo;
      readonly role: AttachRole;
      readonly cursor: number;
      readonly tail: boolean;
    },
  ): void {
    const { id, tty } = how.info;
    const { role, cursor } = how;
    const inCall = AsyncLocalStorage.snapshot();
    const process = this.#processOf(session);
    const { metrics } = this.#context;
    const client = new AttachClient({
      webSocket,
      socket,
      session,
      hub: process.hub,
      role,
      cursor,
      keepAlive: this.#keepAlive,
      onBytes: (direction, bytes) => metrics.count("berth_bytes_total", { way: "attach", direction }, bytes),
      onGap: (bytes) => metrics.count("berth_attach_gap_bytes_total", {}, bytes),
      onResized: (by, size) => {
        for (const other of process.clients) if (other !== by) other.resized(size);
      },
      onGone: (_, why) => {
        if (process.writer === client) process.writer = undefined;
        process.clients.delete(client);
        if (process.clients.size === 0) this.#processes.delete(id);
        session[Symbol.dispose]();
        this.#countSessions();
        if (why === "silent" || why === "stopping") {
          metrics.count("berth_attach_dropped_total", { reason: why });
        }
        inCall(() =>
          this.#tell("attach.closed", `a ${client.role} of ${id} left`, session, { role: client.role, why }),
        );
      },
      onClosed: () => {
        this.#clients.delete(client);
        if (this.#clients.size === 0) this.#idle?.();
      },
    });
    const before = process.writer;
    if (role === "writer") process.writer = client;
    process.clients.add(client);
    this.#clients.add(client);
    if (role === "writer" && before !== undefined) {
      before.demote();
      metrics.count("berth_attach_dropped_total", { reason: "taken_over" });
    }
    metrics.count("berth_attach_total", { role });
    this.#countSessions();
    const took = before !== undefined && role === "writer";
    this.#tell("attach.opened", `a ${role} attached to ${id}`, session, { role, ...(took ? { took } : {}) });
    client.send({ type: "attached", process_id: id, role, cursor, mode: how.tail ? "tail" : "exact", tty });
    client.start();
  }

  #processOf(session: ProcessSession): AttachedProcess {
    let process = this.#processes.get(session.id);
    if (process === undefined) {
      process = { hub: new OutputHub(session.process, this.#budget), clients: new Set(), writer: undefined };
      this.#processes.set(session.id, process);
    }
    return process;
  }

  #tell(
    type: string,
    message: string,
    session: ProcessSession,
    data: Readonly<Record<string, unknown>>,
  ): void {
    this.#context.emit({ type, message, workspace: session.workspaceId, processId: session.id, data });
  }

  #countSessions(): void {
    const count = { writer: 0, viewer: 0 };
    for (const { clients } of this.#processes.values()) for (const { role } of clients) count[role] += 1;
    for (const role of ["writer", "viewer"] as const) {
      this.#context.metrics.gauge("berth_attach_sessions", count[role], { role });
    }
  }

  #look(): void {
    const now = performance.now();
    const lateMs = now - this.#lookedAt;
    this.#lookedAt = now;
    for (const client of this.#clients) client.look(now, lateMs > LATE_MS ? lateMs : 0);
  }

  #stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const client of this.#clients) client.restart();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle = resolve;
    if (this.#clients.size > 0) await within(STOP_LIMIT_MS, promise);
    for (const client of this.#clients) client.terminate();
    clearInterval(this.#timer);
    await this.#sessions.settled();
  }
}

/** Tells a page, which is not told answers of HTTP, why there is no attachment. */
function refuse(webSocket: WebSocket, error: BerthError): void {
  webSocket.on("error", () => undefined);
  const message: AttachServerMessage = { type: "error", fatal: true, error: errorToJson(error) };
  webSocket.send(JSON.stringify(message));
  webSocket.close(REFUSED);
}
