import { readFile, readlink } from "node:fs/promises";
import type { Isolation } from "../../contract/capabilities.ts";
import { shellQuote } from "../../transports/shell-quote.ts";

const NAMESPACES = { mnt: "filesystem", pid: "processes", net: "network" } as const;

/** Of the running kernel, in hexadecimal digits and dashes; "" where it can't be told. */
export async function ownBootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")).trim();
}

/**
 * Shell text that says what a place shares with this machine, for a script that has `say` and `boot`: nothing, unless
 * the kernel is the same one, which a container's host or `ssh localhost` is. The kernel's random id of its boot tells.
 */
export function sharedScript(bootId: string): string {
  const names = Object.keys(NAMESPACES).join(" ");
  return `if [ -n "$boot" ] && [ "$boot" = ${shellQuote(bootId)} ]; then
  for name in ${names}; do say namespace "$name $(readlink "/proc/self/ns/$name" 2>/dev/null)"; done
fi`;
}

/** How far a place is apart from this machine, from the values that `sharedScript` said. */
export async function isolationFrom(namespaces: readonly string[]): Promise<Isolation> {
  const isolation = {
    filesystem: "separate",
    processes: "separate",
    network: "separate",
    kernel: namespaces.length === 0 ? "separate" : "shared",
  } as { -readonly [Name in keyof Isolation]: Isolation[Name] };
  for (const [name, aspect] of Object.entries(NAMESPACES)) {
    const own = await readlink(`/proc/self/ns/${name}`).catch(() => undefined);
    if (own !== undefined && namespaces.includes(`${name} ${own}`)) isolation[aspect] = "shared";
  }
  return isolation;
}
