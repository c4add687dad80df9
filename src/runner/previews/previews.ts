import { type IncomingMessage, ServerResponse } from "node:http";
import { isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type BerthError, berthError, isBerthError, toBerthError } from "../../contract/errors.ts";
import { checkOrigin, hostOf, parseHost } from "../access/hosts.ts";
import type { RunnerAccess } from "../access/open.ts";
import type { Caller, RunnerContext } from "../context.ts";
import type { Handlers } from "../handlers.ts";
import { errorHead } from "../http/answer.ts";
import { newRequestId } from "../http/cause.ts";
import type { Elsewhere } from "../http/options.ts";
import { pageOf } from "../http/page.ts";
import { previewCookies } from "./headers.ts";
import { hostLabelOf, PreviewEntries, type PreviewEntry, parseHostLabel } from "./labels.ts";
import { answerError } from "./pages.ts";
import { PlaceAgent } from "./place-agent.ts";
import { type ProxyOptions, proxyRequest, proxyUpgrade, type Target } from "./proxy.ts";
import { PreviewSessions } from "./sessions.ts";

/** Of a preview's host; everything else of it is the application's. */
const LINK_PATH = "/.well-known/berth/open";
const DEFAULT_BASE_DOMAIN = "localhost";
/** Proxies cut what is idle for 60 s. */
const HEARTBEAT_MS = 15_000;

type Context = Pick<
  RunnerContext,
  "options" | "workspaces" | "runtimes" | "metrics" | "emit" | "log" | "workspace" | "stopping"
>;

export interface Previews extends Disposable {
  /** Requests whose Host is that of a preview. */
  readonly elsewhere: Elsewhere;
  readonly handlers: Handlers<"createPreview" | "listPreviews" | "deletePreview">;
}

/** What a request to a preview turned out to be. */
interface Admitted {
  readonly entry: PreviewEntry;
  readonly target: Target;
  readonly by: Pick<Caller, "tokenId" | "sessionId">;
}

/** Servers in workspaces at addresses of their own: `http://3000-fix-login.localhost:7777`. */
export function createPreviews(
  context: Context,
  access: RunnerAccess,
  heartbeatMs: number = HEARTBEAT_MS,
): Previews {
  return new OpenPreviews(context, access, heartbeatMs);
}

class OpenPreviews implements Previews {
  readonly handlers: Previews["handlers"];
  readonly elsewhere: Elsewhere;
  readonly #context: Context;
  readonly #access: RunnerAccess;
  readonly #baseDomain: string;
  readonly #entries: PreviewEntries;
  readonly #sessions: PreviewSessions;
  readonly #proxy: ProxyOptions;
  /** What streams without an end: cut when the runner stops. */
  readonly #streams = new Set<Duplex>();
  /** Connections that have a request of a preview under way, by its workspace and port. */
  readonly #open = new Map<Duplex, string>();

  constructor(context: Context, access: RunnerAccess, heartbeatMs: number) {
    this.#context = context;
    this.#access = access;
    this.#baseDomain = baseDomainOf(context.options.baseDomain);
    this.#entries = new PreviewEntries(access.store, context.workspaces);
    this.#sessions = new PreviewSessions(access);
    const { metrics } = context;
    this.#proxy = {
      heartbeatMs,
      agent: new PlaceAgent((workspaceId, port) => this.#connect(workspaceId, port)),
      onBytes: (direction, bytes) => metrics.count("berth_bytes_total", { way: "preview", direction }, bytes),
      onEndless: (socket) => {
        this.#streams.add(socket);
        socket.once("close", () => this.#streams.delete(socket));
      },
    };
    context.stopping.addEventListener("abort", () => {
      for (const socket of this.#streams) socket.destroy();
    });
    this.elsewhere = {
      request: (request, response) => {
        if (!this.#isFor(request)) return false;
        void this.#answer(request, response);
        return true;
      },
      upgrade: (request, socket, head) => {
        if (!this.#isFor(request)) return false;
        void this.#upgrade(request, socket, head);
        return true;
      },
    };
    this.handlers = {
      createPreview: async ({ params, body, caller, origin }) => {
        const workspace = await context.workspace(params.workspace, caller);
        const entry = await this.#entries.ensure(workspace, body.port, body.host);
        const link = this.#sessions.promise(entry, caller, body.path);
        const json = this.#json(entry, origin);
        context.emit({
          type: "preview.created",
          message: `port ${body.port} of ${workspace.name} is at ${json.url}`,
          workspace: workspace.id,
          data: { port: body.port, url: json.url },
        });
        const open_url = `${json.url.slice(0, -1)}${LINK_PATH}?code=${link.code}`;
        return { status: 201, body: { ...json, open_url, expires_at: link.expiresAt } };
      },
      listPreviews: async ({ params, query, caller, origin }) => {
        const workspace = await context.workspace(params.workspace, caller);
        const all = await this.#entries.list(workspace.id);
        const nameOf = ({ port, label }: PreviewEntry): string => `${port}-${label}`;
        return { status: 200, body: pageOf(all, query, nameOf, (entry) => this.#json(entry, origin)) };
      },
      deletePreview: async ({ params, query: { port }, caller }) => {
        const { id, name } = await context.workspace(params.workspace, caller);
        const removed = await this.#entries.remove(id, port);
        if (removed.length === 0) {
          const host = `port ${port} of ${name}`;
          throw berthError("preview.unknown", { hop: "runner", context: { host } });
        }
        for (const [socket, key] of this.#open) if (key === keyOf(id, port)) socket.destroy();
        context.emit({
          type: "preview.deleted",
          message: `port ${port} of ${name} has no address any more`,
          workspace: id,
          data: { port },
        });
        return { status: 204 };
      },
    };
  }

  [Symbol.dispose](): void {
    for (const socket of this.#streams) socket.destroy();
    this.#proxy.agent.destroy();
  }

  /** Names under a domain of its own are seen as the runner is by others; those under localhost, as the caller sees it. */
  #json({ label, port, workspaceId, createdAt }: PreviewEntry, origin: string) {
    const { publicUrl, baseDomain } = this.#context.options;
    const seen = new URL(baseDomain === undefined ? origin : (publicUrl ?? origin));
    const host = `${port}-${label}.${this.#baseDomain}${seen.port === "" ? "" : `:${seen.port}`}`;
    return {
      workspace: workspaceId,
      port,
      url: `${seen.protocol}//${host}/`,
      open_url: null,
      expires_at: null,
      created_at: createdAt,
    };
  }

  /** Every name under the domain that is not the runner's own. */
  #isFor(request: IncomingMessage): boolean {
    const name = parseHost(request.headers.host ?? "")?.name ?? "";
    return hostLabelOf(name, this.#baseDomain) !== undefined && !this.#access.isOwnName(name);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    let route = "preview";
    try {
      const found = await this.#find(request);
      if (isLink(request)) {
        await this.#openLink(request, response, found);
        return;
      }
      const { target, by } = await this.#admit(request, found);
      using _ = this.#held(socket, target, by);
      await proxyRequest(request, response, target, this.#proxy);
    } catch (cause) {
      this.#fail(request, response, cause);
      route = "preview_refused";
    } finally {
      const status = String(response.headersSent ? response.statusCode : 0);
      this.#context.metrics.count("berth_requests_total", { route, status });
    }
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on("error", () => socket.destroy());
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as Socket);
    response.once("finish", () => socket.end());
    try {
      const found = await this.#find(request);
      const { target, by } = await this.#admit(request, found);
      using _ = this.#held(socket, target, by);
      await proxyUpgrade(request, { socket, head, response }, target, this.#proxy);
    } catch (cause) {
      this.#fail(request, response, cause);
    }
  }

  /** Ends the connection with its token or session and with its preview, until it is disposed. */
  #held(socket: Duplex, { workspaceId, port }: Target, by: Admitted["by"]): Disposable {
    const held = this.#access.hold(by, () => socket.destroy());
    this.#open.set(socket, keyOf(workspaceId, port));
    return {
      [Symbol.dispose]: () => {
        held[Symbol.dispose]();
        this.#open.delete(socket);
      },
    };
  }

  /** Which preview it is for. @throws preview.unknown, request.* */
  async #find(request: IncomingMessage): Promise<PreviewEntry> {
    const host = hostOf(request);
    const parsed = parseHostLabel(hostLabelOf(host.name, this.#baseDomain) ?? "");
    const entry = parsed === undefined ? undefined : await this.#entries.find(parsed.label, parsed.port);
    if (entry !== undefined) return entry;
    throw berthError("preview.unknown", { hop: "runner", context: { host: host.name } });
  }

  /**
   * That the page is the preview's own, and its cookie valid. Previews of one domain are one site to browsers, which send
   * cookies from one to the other: so that the origin is asked for.
   * @throws auth.missing, request.origin_refused
   */
  async #admit(request: IncomingMessage, entry: PreviewEntry): Promise<Admitted> {
    const scheme = this.#access.proxies.schemeOf(request);
    const host = request.headers.host ?? "";
    checkOrigin(request, [new URL(`${scheme}://${host}`).origin]);
    const admitted = await this.#sessions.admit(entry, previewCookies(request));
    if (admitted === undefined) {
      throw berthError("auth.missing", {
        hop: "runner",
        message: "this preview is open only to who came by its link",
        hint: `Make a link, which opens it once: berth preview WORKSPACE ${entry.port}`,
      });
    }
    const target = {
      workspaceId: entry.workspaceId,
      port: entry.port,
      address: this.#access.addressOf(request),
      scheme,
      host,
      hostForApplication: entry.host === "preview" ? host : `localhost:${entry.port}`,
    };
    const { token, sessionId } = admitted;
    return { entry, target, by: { tokenId: token.id, sessionId } };
  }

  /** The one-time link: sets the cookie, and leads to the application by an address without the code. */
  async #openLink(request: IncomingMessage, response: ServerResponse, entry: PreviewEntry): Promise<void> {
    const { method, headers } = request;
    const purpose = `${headers["sec-purpose"] ?? ""} ${headers.purpose ?? ""} ${headers["x-moz"] ?? ""}`;
    // Who only looks ahead (a chat that shows a picture of the page, a browser that loads early) does not use it up.
    if (method !== "GET" || /prefetch|preview|prerender/i.test(purpose)) {
      response.writeHead(method === "GET" ? 503 : 405, { allow: "GET", "cache-control": "no-store" }).end();
      return;
    }
    const code = new URL(request.url ?? "/", "http://preview").searchParams.get("code") ?? "";
    const isSecure = this.#access.proxies.schemeOf(request) === "https";
    const opened = await this.#sessions.redeem(entry, code, isSecure);
    if (opened === undefined) throw berthError("preview.link_over", { hop: "runner" });
    response
      .writeHead(303, {
        location: opened.path,
        "set-cookie": opened.cookie,
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "content-length": 0,
      })
      .end();
  }

  /** A connection to the port, with a lease on the place until it is closed. */
  async #connect(workspaceId: string, port: number): Promise<Duplex> {
    const { workspaces, runtimes, stopping } = this.#context;
    const workspace = await workspaces.get(workspaceId, { directory: null });
    const lease = await runtimes.lease(workspace, stopping);
    try {
      const stream = await lease.runtime.connect(port, { signal: stopping });
      stream.once("close", () => lease[Symbol.dispose]());
      return stream;
    } catch (error) {
      lease[Symbol.dispose]();
      throw error;
    }
  }

  #fail(request: IncomingMessage, response: ServerResponse, cause: unknown): void {
    const error = isBerthError(cause) ? cause : this.#defect(cause);
    if (/^(?:auth\.|request\.(?:host|origin)_refused$|preview\.link_over$)/.test(error.code)) {
      this.#access.refused(request, error, { route: "preview", requestId: newRequestId() });
    }
    answerError(request, response, error, titleOf(error));
  }

  #defect(error: unknown): BerthError {
    this.#context.log.error({ error: toBerthError(error, "runner") }, "a preview failed");
    return berthError("internal", { hop: "runner" });
  }
}

function keyOf(workspaceId: string, port: number): string {
  return `${workspaceId} ${port}`;
}

function isLink({ url = "" }: IncomingMessage): boolean {
  return url === LINK_PATH || url.startsWith(`${LINK_PATH}?`);
}

function titleOf(error: BerthError): string {
  const { status } = errorHead(error);
  if (error.code === "preview.unavailable") return "The application does not answer";
  if (error.code === "preview.link_over") return "This link is over";
  if (status === 401) return "This preview needs its link";
  if (status === 404) return "There is no such preview";
  return "This does not work";
}

/** @throws cli.usage */
function baseDomainOf(text = DEFAULT_BASE_DOMAIN): string {
  const parsed = parseHost(text);
  // Names are put in front of it, which an address has not got, nor a name with an empty label.
  const isDomain = parsed?.port === "" && isIP(parsed.name) === 0 && !/^\.|\.\.|\.$/.test(parsed.name);
  if (isDomain) return parsed.name;
  throw berthError("cli.usage", {
    message: `"${text}" is no domain`,
    hint: "Give the domain alone: --base-domain preview.example.com",
  });
}
