import type { IncomingMessage } from "node:http";
import { cookiesOf } from "../access/cookies.ts";
import { cookieName } from "./sessions.ts";

/** Of one connection, never of what is passed on (RFC 9110, 7.6.1). */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "http2-settings",
  "te",
  "transfer-encoding",
  "upgrade",
]);
/** Set here, or answered here. */
const OWN: ReadonlySet<string> = new Set(["host", "expect", "cookie", "forwarded", "x-real-ip"]);
/** Answers that reach further than the host of the preview. */
const TOO_FAR: ReadonlySet<string> = new Set(["alt-svc", "clear-site-data", "strict-transport-security"]);
const BERTH_SECRET = /berth_[0-9a-z]{8}[0-9A-Za-z]{16}/;
const COOKIE_NAMES: ReadonlySet<string> = new Set([cookieName(false), cookieName(true)]);

/** What the application is told of the way. */
export interface Forwarded {
  readonly address: string;
  readonly scheme: "http" | "https";
  /** Host header of the preview. */
  readonly host: string;
  /** Host header that the application gets. */
  readonly hostForApplication: string;
}

type Pairs = (readonly [name: string, value: string])[];

/** Names and values in the order and spelling in which they came. */
function pairsOf(rawHeaders: readonly string[]): Pairs {
  const pairs: Pairs = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    pairs.push([rawHeaders[index] ?? "", rawHeaders[index + 1] ?? ""]);
  }
  return pairs;
}

/** Values of the cookie of previews in a request. */
export function previewCookies(request: IncomingMessage): string[] {
  return cookiesOf(request.headers.cookie).flatMap(([name, value]) =>
    COOKIE_NAMES.has(name) ? [value] : [],
  );
}

/**
 * Headers for the application: without those of this connection, without anything of Berth's (its cookie, a token), and
 * with X-Forwarded-* that nobody else has written. A name with `_` is to many applications the same as with `-`.
 */
export function requestHeaders(request: IncomingMessage, way: Forwarded, upgrade?: string): string[] {
  const named = connectionNames(request.headers.connection);
  const kept = pairsOf(request.rawHeaders).filter(([name, value]) => {
    const key = name.toLowerCase().replaceAll("_", "-");
    if (HOP_BY_HOP.has(key) || OWN.has(key) || key.startsWith("x-forwarded-") || named.has(key)) return false;
    return key === "sec-websocket-protocol" || !BERTH_SECRET.test(value);
  });
  const headers = kept.flatMap(([name, value]): string[] => {
    if (name.toLowerCase() !== "sec-websocket-protocol") return [name, value];
    const offered = value.split(",").filter((text) => !BERTH_SECRET.test(text));
    return offered.length === 0 ? [] : [name, offered.join(",")];
  });
  headers.unshift("Host", way.hostForApplication);
  const cookies = cookiesOf(request.headers.cookie).filter(
    ([name, value]) => !COOKIE_NAMES.has(name) && !BERTH_SECRET.test(value),
  );
  if (cookies.length > 0) {
    headers.push(
      "Cookie",
      cookies.map(([name, value]) => (name === "" ? value : `${name}=${value}`)).join("; "),
    );
  }
  headers.push("X-Forwarded-For", way.address);
  headers.push("X-Forwarded-Host", way.host);
  headers.push("X-Forwarded-Proto", way.scheme);
  if (upgrade !== undefined) headers.push("Connection", "Upgrade", "Upgrade", upgrade);
  else if (request.headers["transfer-encoding"] !== undefined) headers.push("Transfer-Encoding", "chunked");
  else if (request.headers["content-length"] === undefined && hasBodyByDefault(request.method)) {
    headers.push("Content-Length", "0");
  }
  if (/\btrailers\b/i.test(String(request.headers.te ?? "")) && upgrade === undefined)
    headers.push("TE", "trailers");
  return headers;
}

/**
 * Headers of an answer for the browser: a cookie is of this host alone, whatever the application says, and never Berth's;
 * what would reach other hosts is left out; an address of the application by its own name becomes the preview's.
 */
export function responseHeaders(
  response: IncomingMessage,
  way: Forwarded & { readonly port: number },
): string[] {
  const named = connectionNames(response.headers.connection);
  return pairsOf(response.rawHeaders).flatMap(([name, value]): string[] => {
    const key = name.toLowerCase();
    if (HOP_BY_HOP.has(key) || TOO_FAR.has(key) || named.has(key)) return [];
    if (key === "set-cookie") {
      const cookie = hostCookie(value);
      return cookie === undefined ? [] : [name, cookie];
    }
    if (key === "location" || key === "content-location") return [name, ownAddress(value, way)];
    return [name, value];
  });
}

/** A Set-Cookie without its Domain; undefined: it is for a cookie of Berth's. */
function hostCookie(value: string): string | undefined {
  const [pair = "", ...attributes] = value.split(";");
  const equals = pair.indexOf("=");
  if (COOKIE_NAMES.has(pair.slice(0, equals === -1 ? undefined : equals).trim())) return undefined;
  return [pair, ...attributes.filter((text) => !/^\s*domain\s*(?:=|$)/i.test(text))].join(";");
}

function ownAddress(
  value: string,
  { scheme, host, port }: { scheme: string; host: string; port: number },
): string {
  const match = /^(?:https?|wss?):\/\/(?:localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0):(\d+)(?=[/?#]|$)/i.exec(
    value,
  );
  return match !== null && Number(match[1]) === port
    ? `${scheme}://${host}${value.slice(match[0].length)}`
    : value;
}

function connectionNames(header: string | undefined): Set<string> {
  const names = (header ?? "").split(",").map((name) => name.trim().toLowerCase());
  // How long the body is can't be unsaid.
  return new Set(names.filter((name) => name !== "content-length"));
}

function hasBodyByDefault(method: string | undefined): boolean {
  return method === "POST" || method === "PUT" || method === "PATCH";
}
