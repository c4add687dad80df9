import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { berthError } from "../../contract/errors.ts";

/** A Host header in its parts. */
export interface HostName {
  /** In lower case, without the dot at its end; of IPv6 without its brackets. */
  readonly name: string;
  readonly port: string;
}

/** undefined: it is not one name or address with at most a port. */
export function parseHost(text: string): HostName | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?$/i.exec(text);
  if (match === null) return undefined;
  const [, v6, name = "", port = ""] = match;
  if (v6 !== undefined) return isIP(v6) === 6 ? { name: v6.toLowerCase(), port } : undefined;
  const plain = name.toLowerCase().replace(/\.$/, "");
  return plain === "" ? undefined : { name: plain, port };
}

/** 127.0.0.0/8, ::1, and the names that always mean them. */
export function isLoopback(host: string): boolean {
  const plain = withoutMapping(host.toLowerCase().replace(/^\[|\]$/g, ""));
  return plain === "localhost" || plain === "::1" || (isIP(plain) === 4 && plain.startsWith("127."));
}

/** ::ffff:127.0.0.1, as a socket for both kinds of addresses names one of IPv4, is 127.0.0.1. */
export function withoutMapping(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

/**
 * The one Host of a request. Two of them, or a target with a host of its own, are how a request says one thing to a proxy
 * and another one to whom it is behind.
 * @throws request.host_refused, request.invalid
 */
export function hostOf(request: IncomingMessage): HostName {
  const { url = "", rawHeaders } = request;
  if (!url.startsWith("/")) {
    throw berthError("request.invalid", {
      hop: "runner",
      message: "the target of the request is not a path",
      hint: "Send the path alone, and the host in the Host header.",
    });
  }
  const hosts = rawHeaders.filter(
    (name, index) => index % 2 === 0 && name.length === 4 && name.toLowerCase() === "host",
  );
  const text = request.headers.host;
  const host = hosts.length === 1 && text !== undefined ? parseHost(text) : undefined;
  if (host === undefined) throw hostRefused(hosts.length > 1 ? "two of them" : (text ?? "none"));
  return host;
}

export function hostRefused(host: string): Error {
  return berthError("request.host_refused", { hop: "runner", context: { host: host.slice(0, 255) } });
}

/**
 * Whether a page may make this request: browsers say of where it is (Origin, Sec-Fetch-Site), and programs say nothing.
 * Following a link to here is no call of a page.
 * @throws request.origin_refused
 */
export function checkOrigin(request: IncomingMessage, own: readonly string[]): void {
  const { origin, "sec-fetch-site": site, "sec-fetch-mode": mode } = request.headers;
  if (origin !== undefined && !own.includes(origin.toLowerCase())) throw originRefused(origin);
  if (site === undefined || site === "same-origin" || site === "none") return;
  const isLink = mode === "navigate" && (request.method === "GET" || request.method === "HEAD");
  if (!isLink) throw originRefused(origin ?? "another site");
}

function originRefused(origin: string): Error {
  return berthError("request.origin_refused", { hop: "runner", context: { origin: origin.slice(0, 255) } });
}
