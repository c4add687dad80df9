import { createHmac, timingSafeEqual } from "node:crypto";
import { type OneTimeCode, OneTimeCodes } from "../access/one-time-codes.ts";
import { holds } from "../access/scopes.ts";
import type { TokenInfo, Tokens } from "../access/tokens.ts";
import type { PreviewEntry } from "./labels.ts";

/** A cookie ends with its token, or after this time. */
const COOKIE_LIFE_MS = 30 * 24 * 3_600_000;
const COOKIE = /^berth_([0-9a-z]{8})([0-9a-f]{10})([0-9a-f]{64})$/;

interface Promised {
  /** What the preview is, so that one that is made anew at the same address is another one. */
  readonly preview: string;
  readonly tokenId: string;
  readonly path: string;
}

/** Name of the cookie. With the prefix, which needs HTTPS, browsers take it from nobody but the host itself. */
export function cookieName(isSecure: boolean): string {
  return isSecure ? "__Host-berth_preview" : "berth_preview";
}

/**
 * Who may see a preview: whoever has opened a one-time link, on which the host gets a cookie. The cookie is a statement of
 * this runner about one preview and one token, with its HMAC, so that nothing is kept of it and a restarted
 * runner knows it again; it is worth what the token is worth at the time.
 */
export class PreviewSessions {
  readonly #tokens: Tokens;
  readonly #links = new OneTimeCodes<Promised>();

  constructor(tokens: Tokens) {
    this.#tokens = tokens;
  }

  /** A code that `redeem` takes once. */
  promise(entry: PreviewEntry, tokenId: string, path: string): OneTimeCode {
    return this.#links.make({ preview: statementOf(entry), tokenId, path });
  }

  /** The cookie for a code of this preview, and where to go; undefined: used, too old, or of another host. */
  async redeem(
    entry: PreviewEntry,
    code: string,
    isSecure: boolean,
  ): Promise<{ readonly cookie: string; readonly path: string } | undefined> {
    const promised = this.#links.take(code, ({ preview }) => preview === statementOf(entry));
    if (promised === undefined) return undefined;
    const letters = this.#tokens.keyOf(promised.tokenId);
    const info = await this.#tokens.byKey(letters);
    if (info === undefined) return undefined;
    const end = Math.min(
      Date.now() + COOKIE_LIFE_MS,
      info.expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(info.expiresAt),
    );
    const seconds = Math.floor(end / 1000);
    const value = `berth_${letters}${hex(seconds)}${this.#sign(entry, letters, seconds).toString("hex")}`;
    const maxAge = Math.max(1, seconds - Math.floor(Date.now() / 1000));
    const attributes = `Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Lax${isSecure ? "; Secure" : ""}`;
    return { cookie: `${cookieName(isSecure)}=${value}; ${attributes}`, path: promised.path };
  }

  /** The token that a cookie of this preview stands for. Others may have set cookies of the same name beside it. */
  async admit(entry: PreviewEntry, cookies: readonly string[]): Promise<TokenInfo | undefined> {
    for (const value of cookies) {
      const [, letters = "", time = "", mac = ""] = COOKIE.exec(value) ?? [];
      if (letters === "") continue;
      const seconds = Number.parseInt(time, 16);
      const isGenuine = timingSafeEqual(this.#sign(entry, letters, seconds), Buffer.from(mac, "hex"));
      if (!isGenuine || seconds * 1000 <= Date.now()) continue;
      const info = await this.#tokens.byKey(letters);
      if (info === undefined || !holds(info.scope, "operate")) continue;
      if (info.workspaces === undefined || info.workspaces.has(entry.workspaceId)) return info;
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
