import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";
import { berthError } from "../../contract/errors.ts";
import { withoutMapping } from "./hosts.ts";

/** Proxies whose X-Forwarded-* headers are believed; of everybody else's they are not looked at. */
export class Proxies {
  readonly #trusted = new BlockList();

  /** Addresses, or networks as "10.0.0.0/8". @throws cli.usage */
  constructor(addresses: readonly string[]) {
    for (const text of addresses) {
      const [address = "", bits, ...more] = text.split("/");
      const family = isIP(address);
      const most = family === 4 ? 32 : 128;
      const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
      if (family === 0 || more.length > 0 || !(prefix <= most)) {
        throw berthError("cli.usage", {
          message: `"${text}" is no address of a proxy`,
          hint: "Give an address or a network: --trusted-proxy 10.0.0.2, --trusted-proxy 10.0.0.0/8",
        });
      }
      this.#trusted.addSubnet(address, prefix, family === 4 ? "ipv4" : "ipv6");
    }
  }

  /** Address of who calls: of the first hop, counted from here, that is no trusted proxy. */
  addressOf(request: IncomingMessage): string {
    let address = withoutMapping(request.socket.remoteAddress ?? "unknown");
    if (!this.#trusts(address)) return address;
    const hops = header(request, "x-forwarded-for").split(",").reverse();
    for (const hop of hops) {
      const next = withoutMapping(hop.trim().replace(/^\[|\]$/g, ""));
      if (isIP(next) === 0) break;
      address = next;
      if (!this.#trusts(address)) break;
    }
    return address;
  }

  /** "https" by TLS here, or by the word of a trusted proxy. */
  schemeOf(request: IncomingMessage): "http" | "https" {
    if ("encrypted" in request.socket) return "https";
    const isTrusted = this.#trusts(withoutMapping(request.socket.remoteAddress ?? ""));
    const scheme = isTrusted ? header(request, "x-forwarded-proto").split(",").at(-1)?.trim() : undefined;
    return scheme === "https" ? "https" : "http";
  }

  #trusts(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#trusted.check(address, family === 4 ? "ipv4" : "ipv6");
  }
}

function header(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(",") : (value ?? "");
}
