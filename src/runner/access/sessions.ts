import { timingSafeEqual } from "node:crypto";
import { sql } from "kysely";
import { type BerthError, berthError } from "../../contract/errors.ts";
import type { Store } from "../../store/open.ts";
import type { Caller } from "../context.ts";
import { Holds } from "./holds.ts";
import { type OneTimeCode, OneTimeCodes } from "./one-time-codes.ts";
import { newToken, tokenHash, tokenKey } from "./token-text.ts";
import type { TokenInfo, Tokens } from "./tokens.ts";

const DAY_MS = 24 * 3_600_000;
/** A session is over after so long without a call, */
const IDLE_MS = 30 * DAY_MS;
/** and so long after the sign-in in any case. */
const LONGEST_MS = 90 * DAY_MS;
/** How coarse "last used" is. */
const USED_EVERY_MS = 60_000;
const MAX_USER_AGENT = 200;
/** In place of the hash of what there is none of. */
const NO_HASH = Buffer.alloc(32);

export interface SessionInfo {
  /** "ses_", and the letters of the key that tell which it is. */
  readonly id: string;
  readonly token: TokenInfo;
  readonly userAgent: string | undefined;
  readonly createdAt: string;
  readonly lastUsedAt: string;
  readonly expiresAt: string;
}

/** What somebody is let in by. */
export interface Admittance {
  readonly token: TokenInfo;
  readonly sessionId?: string;
  /** Of a token; a session's moves on with its use. */
  readonly expiresAt: string | undefined;
}

/** What a code stands for. */
interface Promised {
  readonly letters: string;
  /** A session that another one has made ends no later than that one could. */
  readonly endsMs: number;
}

export interface NewSession {
  readonly info: SessionInfo;
  /** For the page. */
  readonly key: string;
  /** For the browser's cookie. */
  readonly cookie: string;
  /** When the cookie is of no use any more. */
  readonly endsMs: number;
}

/**
 * Browsers that are signed in, each with the scope and the workspaces of the token that it was signed in with, asked for
 * at every call. A session has two secrets, and a call needs both: a cookie, which no script can read but every server on
 * the same host is sent, and a key, which only pages of the runner's own origin can read. The store has their hashes.
 */
export class Sessions implements Disposable {
  readonly #store: Store;
  readonly #tokens: Tokens;
  readonly #codes = new OneTimeCodes<Promised>();
  readonly #usedMs = new Map<string, number>();
  readonly #holds = new Holds({
    valid: async (ids) => new Set((await this.#rows(ids)).map(({ id }) => id)),
    over: () => sessionOver("the session of this connection is over"),
  });

  constructor(store: Store, tokens: Tokens) {
    this.#store = store;
    this.#tokens = tokens;
  }

  /** A code that signs a browser in with the token of the caller. */
  async promise({ tokenId, sessionId }: Pick<Caller, "tokenId" | "sessionId">): Promise<OneTimeCode> {
    const [maker] = sessionId === undefined ? [] : await this.#rows([sessionId]);
    const endsMs = maker === undefined ? Number.POSITIVE_INFINITY : Date.parse(maker.ends_at);
    return this.#codes.make({ letters: this.#tokens.keyOf(tokenId), endsMs });
  }

  /** A session for a code; undefined: it was used, is too old, or its token is over. */
  async byCode(code: string, userAgent: string | undefined): Promise<NewSession | undefined> {
    const promised = this.#codes.take(code);
    const token = promised === undefined ? undefined : await this.#tokens.byKey(promised.letters);
    return token && (await this.#create(token, promised?.endsMs, userAgent));
  }

  /** A session for a token; undefined: it is not valid. */
  async byToken(text: string, userAgent: string | undefined): Promise<NewSession | undefined> {
    const token = await this.#tokens.verify(text);
    return token && (await this.#create(token, undefined, userAgent));
  }

  /** The session that a key and one of these cookies are of; undefined when they are of none that is valid. */
  async verify(key: string, cookies: readonly string[]): Promise<SessionInfo | undefined> {
    const letters = tokenKey(key);
    if (letters === undefined) return undefined;
    const [row] = await this.#rows([`ses_${letters}`]);
    const isKey = timingSafeEqual(tokenHash(key), hashOf(row?.key_hash));
    const cookieHash = hashOf(row?.cookie_hash);
    // All of them are looked at: how long it takes says nothing.
    const matching = cookies.filter((cookie) => timingSafeEqual(tokenHash(cookie), cookieHash));
    if (row === undefined || !isKey || matching.length === 0) return undefined;
    const token = await this.#tokens.byKey(row.token_letters);
    if (token === undefined) return undefined;
    this.#used(row);
    return infoOf(row, token);
  }

  /** Those whose token is valid, the newest first. */
  async list(): Promise<SessionInfo[]> {
    const rows = await this.#store.db
      .selectFrom("session")
      .selectAll()
      .where("expires_at", ">", new Date().toISOString())
      .orderBy("created_at", "desc")
      .orderBy("id")
      .execute();
    const tokens = new Map<string, TokenInfo | undefined>();
    const found: SessionInfo[] = [];
    for (const row of rows) {
      const { token_letters: letters } = row;
      if (!tokens.has(letters)) tokens.set(letters, await this.#tokens.byKey(letters));
      const token = tokens.get(letters);
      if (token !== undefined) found.push(infoOf(row, token));
    }
    return found;
  }

  /** One that is valid, by its id. */
  async find(id: string): Promise<SessionInfo | undefined> {
    const [row] = await this.#rows([id]);
    const token = row && (await this.#tokens.byKey(row.token_letters));
    return row && token && infoOf(row, token);
  }

  /** @throws session.unknown */
  async get(id: string): Promise<SessionInfo> {
    const found = await this.find(id);
    if (found === undefined) throw berthError("session.unknown", { hop: "runner", context: { id } });
    return found;
  }

  /** Letters that tell what a caller is let in by, and are no secret. */
  lettersOf({ tokenId, sessionId }: Pick<Caller, "tokenId" | "sessionId">): string {
    return sessionId === undefined ? this.#tokens.keyOf(tokenId) : sessionId.slice("ses_".length);
  }

  /** The token or session that such letters are of, if it is valid: those of two are never the same. */
  async byLetters(letters: string): Promise<Admittance | undefined> {
    const token = await this.#tokens.byKey(letters);
    if (token !== undefined) return { token, expiresAt: token.expiresAt };
    const session = await this.find(`ses_${letters}`);
    return session && { token: session.token, sessionId: session.id, expiresAt: undefined };
  }

  /** It is worth nothing from now on, and its connections end. */
  async end(id: string): Promise<void> {
    await this.#store.db.deleteFrom("session").where("id", "=", id).execute();
    this.#usedMs.delete(id);
    this.#holds.end(id);
  }

  /** Ends what a browser was signed in by, whose cookie is replaced: nobody has both secrets of it any more. */
  async replaced(cookies: readonly string[]): Promise<SessionInfo[]> {
    const hashes = new Set(cookies.map((cookie) => tokenHash(cookie).toString("hex")));
    if (hashes.size === 0) return [];
    const rows = await this.#store.db
      .selectFrom("session")
      .select("id")
      .where("cookie_hash", "in", [...hashes])
      .execute();
    const ended: SessionInfo[] = [];
    for (const { id } of rows) {
      const info = await this.find(id);
      await this.end(id);
      if (info !== undefined) ended.push(info);
    }
    return ended;
  }

  /** `end` is called when the session is over before this is disposed. */
  hold(id: string, end: (error: BerthError) => void): Disposable {
    return this.#holds.hold(id, end);
  }

  /** Removes those that have expired, or whose token is gone. */
  async prune(): Promise<void> {
    const local = this.#tokens.keyOf("local");
    await this.#store.db
      .deleteFrom("session")
      .where(({ or, and, eb }) =>
        or([
          eb("expires_at", "<=", new Date().toISOString()),
          and([
            eb("token_letters", "!=", local),
            eb("token_letters", "not in", (query) =>
              query.selectFrom("token").select(sql<string>`substr(id, 5)`.as("letters")),
            ),
          ]),
        ]),
      )
      .execute();
  }

  [Symbol.dispose](): void {
    this.#holds[Symbol.dispose]();
  }

  async #create(
    token: TokenInfo,
    longestMs = Number.POSITIVE_INFINITY,
    userAgent: string | undefined,
  ): Promise<NewSession> {
    await this.prune();
    const [key, cookie] = [newToken(), newToken()];
    const now = Date.now();
    const endsMs = Math.min(now + LONGEST_MS, longestMs);
    const row = {
      id: `ses_${tokenKey(key)}`,
      key_hash: tokenHash(key).toString("hex"),
      cookie_hash: tokenHash(cookie).toString("hex"),
      token_letters: this.#tokens.keyOf(token.id),
      user_agent: cleaned(userAgent),
      created_at: timeOf(now),
      last_used_at: timeOf(now),
      expires_at: timeOf(Math.min(now + IDLE_MS, endsMs)),
      ends_at: timeOf(endsMs),
    };
    await this.#store.db.insertInto("session").values(row).execute();
    const tokenEndsMs = token.expiresAt === undefined ? endsMs : Date.parse(token.expiresAt);
    return { info: infoOf(row, token), key, cookie, endsMs: Math.min(endsMs, tokenEndsMs) };
  }

  /** Those that have not expired. */
  #rows(ids: readonly string[]) {
    return this.#store.db
      .selectFrom("session")
      .selectAll()
      .where("id", "in", [...ids])
      .where("expires_at", ">", new Date().toISOString())
      .execute();
  }

  /** Written behind the answer; one that is lost costs nothing. */
  #used({ id, last_used_at, ends_at }: Pick<SessionRow, "id" | "last_used_at" | "ends_at">): void {
    const now = Date.now();
    const lastMs = Math.max(Date.parse(last_used_at), this.#usedMs.get(id) ?? 0);
    if (now - lastMs < USED_EVERY_MS) return;
    this.#usedMs.set(id, now);
    const expires_at = timeOf(Math.min(now + IDLE_MS, Date.parse(ends_at)));
    void this.#store.db
      .updateTable("session")
      .set({ last_used_at: timeOf(now), expires_at })
      .where("id", "=", id)
      .execute()
      .catch(() => this.#usedMs.delete(id));
  }
}

interface SessionRow {
  readonly id: string;
  readonly user_agent: string | null;
  readonly created_at: string;
  readonly last_used_at: string;
  readonly expires_at: string;
  readonly ends_at: string;
}

function infoOf(row: SessionRow, token: TokenInfo): SessionInfo {
  const { expiresAt } = token;
  return {
    id: row.id,
    token,
    userAgent: row.user_agent ?? undefined,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    expiresAt: expiresAt !== undefined && expiresAt < row.expires_at ? expiresAt : row.expires_at,
  };
}

/** What a call is told whose session is over. */
export function sessionOver(message = "the session is over"): BerthError {
  return berthError("auth.invalid", { hop: "runner", message, hint: "Sign in again: berth open" });
}

function hashOf(hex: string | undefined): Buffer {
  return hex === undefined ? NO_HASH : Buffer.from(hex, "hex");
}

function timeOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** Whatever a program calls itself, in letters that are shown as they are. */
function cleaned(userAgent: string | undefined): string | null {
  const text = userAgent?.replace(/[^!-~]+/g, " ").trim() ?? "";
  return text === "" ? null : text.slice(0, MAX_USER_AGENT);
}
