import { createHmac, timingSafeEqual } from "node:crypto";
import { type OneTimeCode, OneTimeCodes } from "../access/one-time-codes.ts";
import { holds } from "../access/scopes.ts";
import type { Admittance, Sessions } from "../access/sessions.ts";
import type { Tokens } from "../access/tokens.ts";
import type { Caller } from "../context.ts";
import type { PreviewEntry } from "./labels.ts";

/** A cookie ends with its token or session, or after this time. */
const COOKIE_LIFE_MS = 30 * 24 * 3_600_000;
const COOKIE = /^berth_([0-9a-z]{8})([0-9a-f]{10})([0-9a-f]{64})$/;

interface Promised {
  /** What the preview is, so that one that is made anew at the same address is another one. */
  readonly preview: string;
  /** Of the token or session that has asked for the link. */
  readonly letters: string;
  readonly path: string;
}

/** Name of the cookie. With the prefix, which needs HTTPS, browsers take it from nobody but the host itself. */
export function cookieName(isSecure: boolean): string {
  return isSecure ? "__Host-berth_preview" : "berth_preview";
}

/**
 * Who may see a preview: whoever has opened a one-time link, on which the host gets a cookie. The cookie is a statement of
 * this runner about one preview and one token, or one session of a page, with its HMAC, so that nothing is kept of it and a
 * restarted runner knows it again; it is worth what the token or session is worth at the time.
 */
export class PreviewSessions {
  readonly #tokens: Tokens;
  readonly #sessions: Sessions;
  readonly #links = new OneTimeCodes<Promised>();

  constructor({ tokens, sessions }: { readonly tokens: Tokens; readonly sessions: Sessions }) {
    this.#tokens = tokens;
    this.#sessions = sessions;
  }

  /** A code that `redeem` takes once. */
  promise(entry: PreviewEntry, caller: Pick<Caller, "tokenId" | "sessionId">, path: string): OneTimeCode {
    const letters = this.#sessions.lettersOf(caller);
    return this.#links.make({ preview: statementOf(entry), letters, path });
  }

  /** The cookie for a code of this preview, and where to go; undefined: used, too old, or of another host. */
  async redeem(
    entry: PreviewEntry,
    code: string,
    isSecure: boolean,
  ): Promise<{ readonly cookie: string; readonly path: string } | undefined> {
    const promised = this.#links.take(code, ({ preview }) => preview === statementOf(entry));
    if (promised === undefined) return undefined;
    const { letters } = promised;
    const by = await this.#sessions.byLetters(letters);
    if (by === undefined) return undefined;
    const end = Math.min(
      Date.now() + COOKIE_LIFE_MS,
      by.expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(by.expiresAt),
    );
    const seconds = Math.floor(end / 1000);
    const value = `berth_${letters}${hex(seconds)}${this.#sign(entry, letters, seconds).toString("hex")}`;
    const maxAge = Math.max(1, seconds - Math.floor(Date.now() / 1000));
    const attributes = `Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Lax${isSecure ? "; Secure" : ""}`;
    return { cookie: `${cookieName(isSecure)}=${value}; ${attributes}`, path: promised.path };
  }

  /** The token or session that a cookie of this preview stands for. Others may have set cookies of the same name beside it. */
  async admit(entry: PreviewEntry, cookies: readonly string[]): Promise<Admittance | undefined> {
    for (const value of cookies) {
      const [, letters = "", time = "", mac = ""] = COOKIE.exec(value) ?? [];
      if (letters === "") continue;
      const seconds = Number.parseInt(time, 16);
      const isGenuine = timingSafeEqual(this.#sign(entry, letters, seconds), Buffer.from(mac, "hex"));
      if (!isGenuine || seconds * 1000 <= Date.now()) continue;
      const by = await this.#sessions.byLetters(letters);
      if (by === undefined || !holds(by.token.scope, "operate")) continue;
      const { workspaces } = by.token;
      if (workspaces === undefined || workspaces.has(entry.workspaceId)) return by;
    }
    return undefined;
  }

  #sign(entry: PreviewEntry, letters: string, seconds: number): Buffer {
    const statement = [statementOf(entry), letters, hex(seconds)].join(" ");
    return createHmac("sha256", this.#tokens.keyFor("previews")).update(statement).digest();
  }
}

function statementOf({ port, label, workspaceId, createdAt }: PreviewEntry): string {
  return `${port}-${label} ${workspaceId} ${createdAt}`;
}

function hex(seconds: number): string {
  return seconds.toString(16).padStart(10, "0");
}
