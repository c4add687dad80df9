import { createHmac, timingSafeEqual } from "node:crypto";
import { statSync } from "node:fs";
import type { Scope } from "../../api/route.ts";
import { type BerthError, berthError } from "../../contract/errors.ts";
import { isUniqueViolation, type Store } from "../../store/open.ts";
import { Holds } from "./holds.ts";
import { ensureLocalToken, readLocalToken, rotateLocalToken, tokenFilePath } from "./local-token.ts";
import { newToken, tokenHash, tokenKey } from "./token-text.ts";

/** Id of the token of the state directory. */
const LOCAL_TOKEN_ID = "local";
/** How coarse "last used" is. */
const USED_EVERY_MS = 60_000;
/** In place of the hash of a token that there is none of. */
const NO_HASH = Buffer.alloc(32);

export interface TokenInfo {
  /** "tok_" and the letters of the token that tell which it is, or "local". */
  readonly id: string;
  readonly name: string;
  readonly scope: Scope;
  /** Ids that it is limited to; undefined: all. */
  readonly workspaces: ReadonlySet<string> | undefined;
  readonly createdAt: string;
  readonly expiresAt: string | undefined;
  readonly lastUsedAt: string | undefined;
}

export interface NewToken {
  readonly name: string;
  readonly scope: Scope;
  readonly workspaces?: readonly string[] | undefined;
  /** Milliseconds from now. */
  readonly expiresInMs?: number | undefined;
}

interface LocalToken {
  readonly key: string;
  readonly hash: Buffer;
  readonly stamp: string;
}

/**
 * The tokens of a runner: that of the state directory, and those by name, of which the store has a hash and nothing
 * else. What is asked is asked of file and store each time, so that a token that any program revokes is worth nothing at
 * once, and ends open connections within a second.
 */
export class Tokens implements Disposable {
  readonly #store: Store;
  readonly #stateDirectory: string;
  readonly #usedMs = new Map<string, number>();
  readonly #holds = new Holds({
    valid: (ids) => this.#valid(ids),
    over: () =>
      berthError("auth.invalid", {
        hop: "runner",
        message: "the token of this connection was revoked, or has expired",
      }),
  });
  #local: LocalToken | undefined;

  /** Makes the local token if there is none. @throws errors of files */
  constructor(store: Store, stateDirectory: string) {
    this.#store = store;
    this.#stateDirectory = stateDirectory;
    ensureLocalToken(stateDirectory);
  }

  /** The token that a text is; undefined when it is none that is valid, in the same time whichever it is not. */
  async verify(text: string): Promise<TokenInfo | undefined> {
    const key = tokenKey(text);
    if (key === undefined) return undefined;
    const hash = tokenHash(text);
    const local = this.#localToken();
    if (timingSafeEqual(hash, local.hash)) return LOCAL;
    const row = await this.#row(`tok_${key}`);
    const isNamed = timingSafeEqual(hash, row === undefined ? NO_HASH : Buffer.from(row.hash, "hex"));
    if (!isNamed || row === undefined || isOver(row.expires_at)) return undefined;
    this.#used(row.id);
    return infoOf(row);
  }

  /** A valid token by the letters that tell which it is. */
  async byKey(key: string): Promise<TokenInfo | undefined> {
    if (key !== "" && this.#localToken().key === key) return LOCAL;
    const row = await this.#row(`tok_${key}`);
    return row === undefined || isOver(row.expires_at) ? undefined : infoOf(row);
  }

  /** A valid token by its id. @throws token.unknown */
  async get(id: string): Promise<TokenInfo> {
    if (id === LOCAL_TOKEN_ID) return this.#localInfo();
    const row = await this.#row(id);
    if (row !== undefined && !isOver(row.expires_at)) return infoOf(row);
    throw berthError("token.unknown", { hop: "runner", context: { id } });
  }

  /** The letters of a token that tell which it is. */
  keyOf(id: string): string {
    return id === LOCAL_TOKEN_ID ? this.#localToken().key : id.slice("tok_".length);
  }

  /** A key of this runner for one purpose, that ends with the local token. */
  keyFor(purpose: string): Buffer {
    let { hash } = this.#localToken();
    if (hash === NO_HASH) {
      ensureLocalToken(this.#stateDirectory);
      hash = this.#localToken().hash;
    }
    return createHmac("sha256", hash).update(purpose).digest();
  }

  /** Those by name that are valid, and the local one first. */
  async list(): Promise<TokenInfo[]> {
    const rows = await this.#store.db.selectFrom("token").selectAll().orderBy("created_at").execute();
    return [this.#localInfo(), ...rows.filter((row) => !isOver(row.expires_at)).map(infoOf)];
  }

  /**
   * Makes one; its text is told here and never again.
   * @throws token.name_taken
   */
  async create(wanted: NewToken): Promise<{ readonly info: TokenInfo; readonly token: string }> {
    const { name, scope, workspaces, expiresInMs } = wanted;
    const token = newToken();
    const now = Date.now();
    const row = {
      id: `tok_${tokenKey(token)}`,
      name,
      hash: tokenHash(token).toString("hex"),
      scope,
      workspaces: workspaces === undefined ? null : JSON.stringify(workspaces),
      created_at: new Date(now).toISOString(),
      expires_at: expiresInMs === undefined ? null : new Date(now + expiresInMs).toISOString(),
      last_used_at: null,
    };
    const taken = () => berthError("token.name_taken", { hop: "runner", context: { name } });
    if (name === LOCAL.name) throw taken();
    // The name of one that has expired is free.
    await this.#store.db
      .deleteFrom("token")
      .where("name", "=", name)
      .where("expires_at", "<=", new Date(now).toISOString())
      .execute();
    try {
      await this.#store.db.insertInto("token").values(row).execute();
    } catch (cause) {
      throw isUniqueViolation(cause) ? taken() : cause;
    }
    return { info: infoOf(row), token };
  }

  /**
   * Revokes a token by id or name: it is worth nothing from now on, and its connections end. In the place of the local one a
   * new one is made.
   * @throws token.unknown
   */
  async remove(idOrName: string): Promise<TokenInfo> {
    if (idOrName === LOCAL_TOKEN_ID) {
      rotateLocalToken(this.#stateDirectory);
      this.#localToken();
      return LOCAL;
    }
    const row = (await this.#row(idOrName)) ?? (await this.#row(idOrName, "name"));
    if (row === undefined) throw berthError("token.unknown", { hop: "runner", context: { id: idOrName } });
    await this.#store.db.deleteFrom("token").where("id", "=", row.id).execute();
    this.#holds.end(row.id);
    return infoOf(row);
  }

  /** `end` is called when the token is revoked or expires before this is disposed. */
  hold(id: string, end: (error: BerthError) => void): Disposable {
    // Of calls that need no token.
    return id === "" ? { [Symbol.dispose]: () => undefined } : this.#holds.hold(id, end);
  }

  [Symbol.dispose](): void {
    this.#holds[Symbol.dispose]();
  }

  async #valid(ids: readonly string[]): Promise<ReadonlySet<string>> {
    this.#localToken();
    const named = ids.filter((id) => id !== LOCAL_TOKEN_ID);
    if (named.length === 0) return new Set([LOCAL_TOKEN_ID]);
    const rows = await this.#store.db
      .selectFrom("token")
      .select(["id", "expires_at"])
      .where("id", "in", named)
      .execute();
    return new Set([LOCAL_TOKEN_ID, ...rows.filter((row) => !isOver(row.expires_at)).map(({ id }) => id)]);
  }

  #localInfo(): TokenInfo {
    return { ...LOCAL, createdAt: statSync(tokenFilePath(this.#stateDirectory)).mtime.toISOString() };
  }

  #row(value: string, column: "id" | "name" = "id") {
    return this.#store.db.selectFrom("token").selectAll().where(column, "=", value).executeTakeFirst();
  }

  /** Read again when the file is another one; what the one before held open ends. */
  #localToken(): LocalToken {
    const path = tokenFilePath(this.#stateDirectory);
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    const stamp = stat === undefined ? "none" : `${stat.ino}:${stat.ctimeNs}:${stat.size}`;
    if (this.#local?.stamp === stamp) return this.#local;
    const token = readLocalToken(this.#stateDirectory);
    const key = token === undefined ? undefined : tokenKey(token);
    const before = this.#local;
    this.#local =
      token === undefined || key === undefined
        ? { key: "", hash: NO_HASH, stamp }
        : { key, hash: tokenHash(token), stamp };
    if (before !== undefined && !before.hash.equals(this.#local.hash)) this.#holds.end(LOCAL_TOKEN_ID);
    return this.#local;
  }

  /** Written behind the answer; one that is lost costs nothing. */
  #used(id: string): void {
    const now = Date.now();
    if (now - (this.#usedMs.get(id) ?? 0) < USED_EVERY_MS) return;
    this.#usedMs.set(id, now);
    const last_used_at = new Date(now).toISOString();
    void this.#store.db
      .updateTable("token")
      .set({ last_used_at })
      .where("id", "=", id)
      .execute()
      .catch(() => this.#usedMs.delete(id));
  }
}

const LOCAL: TokenInfo = {
  id: LOCAL_TOKEN_ID,
  name: "local",
  scope: "admin",
  workspaces: undefined,
  createdAt: new Date(0).toISOString(),
  expiresAt: undefined,
  lastUsedAt: undefined,
};

function isOver(expiresAt: string | null): boolean {
  return expiresAt !== null && Date.parse(expiresAt) <= Date.now();
}

interface TokenRow {
  readonly id: string;
  readonly name: string;
  readonly scope: string;
  readonly workspaces: string | null;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
}

function infoOf(row: TokenRow): TokenInfo {
  return {
    id: row.id,
    name: row.name,
    // A scope of a newer version is none that this one could grant.
    scope: row.scope === "admin" || row.scope === "operate" ? row.scope : "read",
    workspaces: row.workspaces === null ? undefined : new Set(JSON.parse(row.workspaces) as string[]),
    createdAt: row.created_at,
    expiresAt: row.expires_at ?? undefined,
    lastUsedAt: row.last_used_at ?? undefined,
  };
}
