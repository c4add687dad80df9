import type { IncomingMessage } from "node:http";
import { type BerthError, berthError } from "../../contract/errors.ts";
import type { BerthEventInput } from "../../contract/events.ts";
import { databasePath } from "../../store/engine.ts";
import { openStore, type Store } from "../../store/open.ts";
import type { Caller, RunnerMetrics, RunnerOptions } from "../context.ts";
import type { Access, RefusedCall } from "./access.ts";
import { sessionCookies } from "./cookies.ts";
import { FailureLimit } from "./failure-limit.ts";
import {
  checkOrigin,
  type HostName,
  hostOf,
  hostRefused,
  isLoopback,
  parseHost,
  withoutMapping,
} from "./hosts.ts";
import { Proxies } from "./proxies.ts";
import { Refusals } from "./refusals.ts";
import { authorize } from "./scopes.ts";
import { type NewSession, Sessions, sessionOver } from "./sessions.ts";
import { tokenPrefix } from "./token-text.ts";
import { type TokenInfo, Tokens } from "./tokens.ts";

/** Subprotocols that carry a token, or a session's key: `new WebSocket(url, ["berth.attach.v1", "berth.token.…"])`. */
const TOKEN_PROTOCOL = "berth.token.";
const SESSION_PROTOCOL = "berth.session.";
/** Where people try to put a token into an address; and a token itself, wherever it is in there. */
const TOKEN_IN_URL =
  /[?&](?:access_|berth_|auth_)?(?:token|authorization)=|berth_[0-9a-z]{8}[0-9A-Za-z]{16}/i;

export interface OpenAccessOptions {
  readonly options: Pick<
    RunnerOptions,
    | "stateDirectory"
    | "database"
    | "host"
    | "tls"
    | "insecure"
    | "allowedHosts"
    | "publicUrl"
    | "trustedProxies"
  >;
  readonly emit: (event: BerthEventInput) => void;
  readonly metrics: Pick<RunnerMetrics, "count">;
}

export interface RunnerAccess extends Access, AsyncDisposable {
  readonly tokens: Tokens;
  readonly sessions: Sessions;
  readonly store: Store;
  readonly proxies: Proxies;
  /**
   * Signs a browser in. Failures of one address are slowed down.
   * @throws session.code_over, auth.invalid, request.rate_limited
   */
  signIn(
    by: { readonly code: string } | { readonly token: string },
    about: { readonly address: string; readonly userAgent: string | undefined },
  ): Promise<NewSession>;
  /** A name that the runner itself is called by, and so no preview's. */
  isOwnName(name: string): boolean;
}

/**
 * Refuses to listen where others could listen along. To be asked before anything is opened.
 * @throws runner.insecure
 */
export function requireSecureBinding({
  host,
  tls,
  insecure,
}: Pick<RunnerOptions, "host" | "tls" | "insecure">): void {
  if (tls !== undefined || insecure === true || isLoopback(host)) return;
  throw berthError("runner.insecure", { hop: "runner", context: { host } });
}

/** @throws runner.insecure, cli.usage (addresses and names), store.*, errors of files */
export async function openAccess(given: OpenAccessOptions): Promise<RunnerAccess> {
  const { options } = given;
  requireSecureBinding(options);
  const proxies = new Proxies(options.trustedProxies ?? []);
  const names = namesOf(options);
  const store = await openStore(options.database ?? databasePath(options.stateDirectory));
  try {
    const access = new OpenAccess(given, store, new Tokens(store, options.stateDirectory), proxies, names);
    await access.sessions.prune();
    return access;
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}

class OpenAccess implements RunnerAccess {
  readonly tokens: Tokens;
  readonly sessions: Sessions;
  readonly store: Store;
  readonly proxies: Proxies;
  readonly #names: ReadonlySet<string>;
  readonly #publicOrigin: string | undefined;
  readonly #failures = new FailureLimit();
  readonly #refusals: Refusals;
  readonly #metrics: OpenAccessOptions["metrics"];

  constructor(
    { options, emit, metrics }: OpenAccessOptions,
    store: Store,
    tokens: Tokens,
    proxies: Proxies,
    names: ReadonlySet<string>,
  ) {
    this.store = store;
    this.tokens = tokens;
    this.sessions = new Sessions(store, tokens);
    this.proxies = proxies;
    this.#names = names;
    this.#publicOrigin = options.publicUrl === undefined ? undefined : new URL(options.publicUrl).origin;
    this.#refusals = new Refusals(emit);
    this.#metrics = metrics;
  }

  admit(request: IncomingMessage): void {
    const host = hostOf(request);
    if (!this.#isOwn(host, request)) throw hostRefused(request.headers.host ?? "");
    const here = originAt(this.proxies.schemeOf(request), host);
    checkOrigin(request, this.#publicOrigin === undefined ? [here] : [here, this.#publicOrigin]);
    if (TOKEN_IN_URL.test(request.url ?? "")) {
      throw berthError("auth.missing", {
        hop: "runner",
        message: "a token in the address is not taken: addresses get into logs and histories",
        hint: "Send it as `Authorization: Bearer TOKEN`, and revoke this one if others may have seen the address.",
      });
    }
  }

  async identify(request: IncomingMessage, requestId: string): Promise<Caller> {
    const address = this.addressOf(request);
    const text = tokenTextOf(request);
    if (text === undefined) return { ...(await this.#bySession(request)), address, requestId };
    const info = await this.tokens.verify(text);
    if (info === undefined) throw this.#failed(address, tokenInvalid(text));
    return { ...callerOf(info), address, requestId };
  }

  /** @throws auth.missing, auth.invalid */
  async #bySession(request: IncomingMessage): Promise<ReturnType<typeof callerOf>> {
    const key = sessionKeyOf(request);
    if (key === undefined) throw berthError("auth.missing", { hop: "runner" });
    // Not slowed down: nobody finds two secrets of 256 bits, and a page whose session is over asks a few times at once.
    const session = await this.sessions.verify(key, sessionCookies(request));
    if (session === undefined) throw sessionOver();
    return { ...callerOf(session.token), sessionId: session.id };
  }

  signIn: RunnerAccess["signIn"] = async (by, { address, userAgent }) => {
    const made =
      "code" in by
        ? await this.sessions.byCode(by.code, userAgent)
        : await this.sessions.byToken(by.token, userAgent);
    if (made !== undefined) return made;
    const error = "code" in by ? berthError("session.code_over", { hop: "runner" }) : tokenInvalid(by.token);
    throw this.#failed(address, error);
  };

  isOwnName(name: string): boolean {
    return this.#names.has(name);
  }

  authorize: Access["authorize"] = (route, caller) => authorize(route, caller);

  refused(request: IncomingMessage, error: BerthError, { route, requestId, caller }: RefusedCall): void {
    const { host, origin } = request.headers;
    this.#metrics.count("berth_refusals_total", { reason: error.code });
    const given =
      caller === undefined ? tokenPrefix(tokenTextOf(request) ?? sessionKeyOf(request) ?? "") : caller.name;
    this.#refusals.add({
      reason: error.code,
      address: this.addressOf(request),
      method: request.method ?? "",
      route,
      requestId,
      token: given,
      host: error.code === "request.host_refused" ? host : undefined,
      origin: error.code === "request.origin_refused" ? origin : undefined,
    });
  }

  hold(caller: Pick<Caller, "tokenId" | "sessionId">, end: (error: BerthError) => void): Disposable {
    const stack = new DisposableStack();
    const endOnce = (error: BerthError): void => {
      stack.dispose();
      end(error);
    };
    stack.use(this.tokens.hold(caller.tokenId, endOnce));
    if (caller.sessionId !== undefined) stack.use(this.sessions.hold(caller.sessionId, endOnce));
    return stack;
  }

  addressOf(request: IncomingMessage): string {
    return this.proxies.addressOf(request);
  }

  originOf(request: IncomingMessage): string {
    return originAt(this.proxies.schemeOf(request), hostOf(request));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#refusals[Symbol.dispose]();
    this.sessions[Symbol.dispose]();
    this.tokens[Symbol.dispose]();
    await this.store[Symbol.asyncDispose]();
  }

  /** By a name that was allowed, or by the very address that the connection came to: neither can be given to a page. */
  #isOwn({ name }: HostName, request: IncomingMessage): boolean {
    if (isLoopback(name) || this.#names.has(name)) return true;
    return name === withoutMapping(request.socket.localAddress ?? "").toLowerCase();
  }

  /** The error, or that this address has to wait. */
  #failed(address: string, error: BerthError): BerthError {
    const waitMs = this.#failures.failed(address);
    if (waitMs === 0) return error;
    return berthError("request.rate_limited", {
      hop: "runner",
      message: "too many calls from this address had no valid token",
      context: { retryAfterSeconds: Math.ceil(waitMs / 1000) },
    });
  }
}

function callerOf({
  id,
  name,
  scope,
  workspaces,
}: TokenInfo): Pick<Caller, "tokenId" | "name" | "scope" | "workspaces" | "sessionId"> {
  return { tokenId: id, name, scope, workspaces };
}

/** That the text is no whole token says nothing of those that there are. */
function tokenInvalid(text: string): BerthError {
  if (tokenPrefix(text) !== undefined) return berthError("auth.invalid", { hop: "runner" });
  return berthError("auth.invalid", {
    hop: "runner",
    hint: "It is not a whole token: those begin with berth_ and have 63 letters and digits.",
  });
}

/** "http://127.0.0.1:7777", as browsers write it: the scheme's own port is left out. */
function originAt(scheme: string, { name, port }: HostName): string {
  const host = name.includes(":") ? `[${name}]` : name;
  return new URL(`${scheme}://${host}${port === "" ? "" : `:${port}`}`).origin;
}

function tokenTextOf({ headers }: IncomingMessage): string | undefined {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1];
  return bearer ?? protocolText(headers, TOKEN_PROTOCOL);
}

function sessionKeyOf({ headers }: IncomingMessage): string | undefined {
  const { "berth-session": key } = headers;
  return typeof key === "string" ? key : protocolText(headers, SESSION_PROTOCOL);
}

/** What an upgrade has behind the beginning of one of its subprotocols. */
function protocolText(headers: IncomingMessage["headers"], start: string): string | undefined {
  if (headers.upgrade === undefined) return undefined;
  const protocols = (headers["sec-websocket-protocol"] ?? "").split(",").map((text) => text.trim());
  return protocols.find((text) => text.startsWith(start))?.slice(start.length);
}

/** Names that requests may be for besides the addresses of this machine. @throws cli.usage */
function namesOf({ host, allowedHosts = [], publicUrl }: OpenAccessOptions["options"]): Set<string> {
  if (
    publicUrl !== undefined &&
    !/^https?:$/.test(URL.canParse(publicUrl) ? new URL(publicUrl).protocol : "")
  ) {
    throw berthError("cli.usage", {
      message: `"${publicUrl}" is no address of a runner`,
      hint: "Give it with its scheme: --public-url https://berth.example.com",
    });
  }
  const all = [host, ...allowedHosts, ...(publicUrl === undefined ? [] : [new URL(publicUrl).hostname])];
  return new Set(
    all.map((text) => {
      const parsed = parseHost(/^[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*$/i.test(text) ? `[${text}]` : text);
      if (parsed !== undefined) return parsed.name;
      throw berthError("cli.usage", {
        message: `"${text}" is no host name`,
        hint: "Give the name alone: --allow-host berth.example.com",
      });
    }),
  );
}
