/** A port of what was typed; undefined for what is none. */
export function portOf(text: string): number | undefined {
  const port = /^\s*\d{1,5}\s*$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}

/** Host and port as one writes them in an address. */
export function addressText(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Ports of a later look that were not there at the first one. */
export function newPorts(first: readonly number[] | undefined, now: readonly number[]): number[] {
  return first === undefined ? [] : [...new Set(now.filter((port) => !first.includes(port)))];
}
