import { randomBytes } from "node:crypto";
import { berthError } from "../../contract/errors.ts";
import type { Conversation } from "../../mcp/conversation.ts";
import type { Caller } from "../context.ts";

/** As the lease of a command whose client is away. */
export const DEFAULT_IDLE_MS = 30 * 60_000;
const MAX_SESSIONS = 500;
const MAX_PER_TOKEN = 50;

/** What a session speaks with; closing it ends the streams of its client. */
export interface SessionEnds {
  readonly conversation: Conversation;
  close(): Promise<void>;
}

/** One client's conversation with a workspace. */
export interface Session<Ends extends SessionEnds> {
  readonly id: string;
  readonly workspace: string;
  readonly tokenId: string;
  readonly ends: Ends;
}

interface Held<Ends extends SessionEnds> extends Session<Ends> {
  users: number;
  /** performance.now() of the last use. */
  usedMs: number;
  timer: NodeJS.Timeout | undefined;
  readonly revoked: Disposable;
}

export interface SessionsOptions {
  /** Without a request for so long a session is ended, and what it has started. */
  readonly idleMs: number;
  /** Told when the token is revoked or expires. */
  readonly hold: (caller: Caller, end: () => void) => Disposable;
  readonly onCount: (count: number) => void;
}

/** The sessions of a runner: each of one token and one workspace, bounded in number, ended when nobody uses them. */
export class Sessions<Ends extends SessionEnds> implements AsyncDisposable {
  readonly #options: SessionsOptions;
  readonly #sessions = new Map<string, Held<Ends>>();
  readonly #ending = new Set<Promise<void>>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** A new one. @throws request.rate_limited: all that there may be are in use */
  open(id: string, workspace: string, caller: Caller, ends: Ends): Session<Ends> {
    this.#makeRoom(caller.tokenId);
    const session: Held<Ends> = {
      id,
      workspace,
      tokenId: caller.tokenId,
      ends,
      users: 0,
      usedMs: performance.now(),
      timer: undefined,
      revoked: this.#options.hold(caller, () => void this.end(id)),
    };
    this.#sessions.set(id, session);
    this.#options.onCount(this.#sessions.size);
    this.#restart(session);
    return session;
  }

  /** @throws mcp.session_unknown, also for one of another token or workspace */
  find(id: string, workspace: string, { tokenId }: Caller): Session<Ends> {
    const session = this.#sessions.get(id);
    if (session !== undefined && session.workspace === workspace && session.tokenId === tokenId)
      return session;
    throw berthError("mcp.session_unknown", { hop: "runner" });
  }

  has(id: string): boolean {
    return this.#sessions.has(id);
  }

  /** Until it is disposed the session is not ended for want of use. */
  use({ id }: Session<Ends>): Disposable {
    const session = this.#sessions.get(id);
    if (session === undefined) throw berthError("mcp.session_unknown", { hop: "runner" });
    session.users += 1;
    clearTimeout(session.timer);
    let used = true;
    return {
      [Symbol.dispose]: () => {
        if (!used) return;
        used = false;
        session.users -= 1;
        session.usedMs = performance.now();
        this.#restart(session);
      },
    };
  }

  /** Ends it and what it has started; settles when that is done. Never rejects. */
  async end(id: string): Promise<void> {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.delete(id);
    this.#options.onCount(this.#sessions.size);
    clearTimeout(session.timer);
    session.revoked[Symbol.dispose]();
    const { ends } = session;
    // What the place can't be told of now is ended by its lease.
    const ended = Promise.allSettled([ends.conversation.close(), ends.close()]).then(() => undefined);
    this.#ending.add(ended);
    await ended.finally(() => this.#ending.delete(ended));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...[...this.#sessions.keys()].map((id) => this.end(id)), ...this.#ending]);
  }

  #restart(session: Held<Ends>): void {
    clearTimeout(session.timer);
    if (session.users > 0 || !this.#sessions.has(session.id)) return;
    session.timer = setTimeout(() => void this.end(session.id), this.#options.idleMs).unref();
  }

  /** Clients that were killed end nothing: the one that nobody has used for the longest time makes room. */
  #makeRoom(tokenId: string): void {
    const all = [...this.#sessions.values()];
    const own = all.filter((session) => session.tokenId === tokenId);
    if (own.length < MAX_PER_TOKEN && all.length < MAX_SESSIONS) return;
    const oldest = own
      .filter(({ users }) => users === 0)
      .toSorted((a, b) => a.usedMs - b.usedMs)
      .at(0);
    if (oldest === undefined) {
      throw berthError("request.rate_limited", {
        hop: "runner",
        message: "there are as many MCP sessions as there may be, and all are in use",
        context: { retryAfterSeconds: 30 },
      });
    }
    void this.end(oldest.id);
  }
}

/** Not to be guessed: it is a part of what lets in. */
export function newSessionId(): string {
  return `mcp_${randomBytes(16).toString("hex")}`;
}
