import type { IncomingMessage } from "node:http";

/** Of a session, by the port of the page: cookies know no ports, and two runners of a machine have one each. */
const SESSION_COOKIE = /^(?:__Host-)?berth_\d{1,5}$/;
/** More of them than anybody has runners at one name. */
const MAX_SESSION_COOKIES = 64;

/** Names and values of a Cookie header, in the order in which they came. */
export function cookiesOf(header: string | undefined): [name: string, value: string][] {
  if (header === undefined) return [];
  return header.split(";").flatMap((text): [string, string][] => {
    const pair = text.trim();
    if (pair === "") return [];
    const equals = pair.indexOf("=");
    return [equals === -1 ? ["", pair] : [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()]];
  });
}

/**
 * Values that may be a session's. Whichever name they have: others may set cookies of the same name (a page of the same
 * host at another port, a preview below the same domain), and a proxy may show another port than browsers see.
 */
export function sessionCookies({ headers }: Pick<IncomingMessage, "headers">): string[] {
  const values = cookiesOf(headers.cookie).flatMap(([name, value]) =>
    SESSION_COOKIE.test(name) ? [value] : [],
  );
  return values.slice(0, MAX_SESSION_COOKIES);
}

/**
 * Set-Cookie for a session of the page at `origin`; `maxAgeSeconds` 0 removes it. With TLS its name has the prefix by which
 * browsers take it from nobody but the host itself.
 */
export function sessionCookie(origin: string, value: string, maxAgeSeconds: number): string {
  const { protocol, port } = new URL(origin);
  const isSecure = protocol === "https:";
  const name = `${isSecure ? "__Host-" : ""}berth_${port || (isSecure ? 443 : 80)}`;
  return `${name}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${isSecure ? "; Secure" : ""}`;
}
