/** A TCP port of a place that something listens at. */
export interface ListeningPort {
  readonly port: number;
  /** The address: "127.0.0.1", "0.0.0.0", "::1", "::". */
  readonly host: string;
  /** The process whose tree it is of; undefined when it is of none of the runtime's own, or that can't be known. */
  readonly processId?: string | undefined;
  /** Name of the program; undefined where it may not be seen. */
  readonly command?: string | undefined;
}

/**
 * An address as /proc/net/tcp and tcp6 of Linux have it: "0100007F:1F90". The words of 32 bits are in the byte order of the
 * machine; those of the machines that Berth runs on are little-endian.
 * @returns undefined for what is none
 */
export function listeningAddress(text: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/i.exec(text);
  if (match === null) return undefined;
  const [, address = "", port = ""] = match;
  const bytes = (address.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse());
  return { host: bytes.length === 4 ? ipv4(bytes) : ipv6(bytes), port: Number.parseInt(port, 16) };
}

/** By port and address, each once; of two that share one, that whose process is known. */
export function sortedPorts(ports: readonly ListeningPort[]): ListeningPort[] {
  const byAddress = new Map<string, ListeningPort>();
  for (const one of ports) {
    const key = `${one.host} ${one.port}`;
    const known = byAddress.get(key);
    if (known === undefined || (known.processId === undefined && one.processId !== undefined)) {
      byAddress.set(key, one);
    }
  }
  return [...byAddress.values()].sort((a, b) => a.port - b.port || (a.host < b.host ? -1 : 1));
}

function ipv4(bytes: readonly string[]): string {
  return bytes.map((byte) => Number.parseInt(byte, 16)).join(".");
}

/** In the short form, which URLs have, too. */
function ipv6(bytes: readonly string[]): string {
  const groups = Array.from({ length: 8 }, (_, at) => `${bytes[2 * at]}${bytes[2 * at + 1]}`);
  const mapped = /^(?:0000:){5}ffff$/i.test(groups.slice(0, 6).join(":"));
  if (mapped) return `::ffff:${ipv4(bytes.slice(12))}`;
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}
