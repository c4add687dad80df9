import type { Capabilities } from "../../contract/capabilities.ts";
import type { Hello } from "../../wire/messages.ts";

/** What a daemon can do where its HELLO does not say otherwise. */
const DAEMON: Capabilities = {
  daemon: true,
  spawn: true,
  resume: true,
  tty: true,
  processTree: "exact",
  user: false,
  watch: true,
  forward: true,
  reverseForward: true,
  contained: true,
  durableWrite: true,
  reasons: {},
};

/** Capabilities of a runtime: the daemon's own word, and above it what the way to it changes. */
export function daemonCapabilities(hello: Hello, overrides: Partial<Capabilities> = {}): Capabilities {
  const said = hello.capabilities ?? {};
  const known: Record<string, unknown> = {};
  for (const [name, standard] of Object.entries(DAEMON)) {
    const value = said[name];
    if (name === "reasons") known[name] = reasons(value);
    else if (name === "processTree") known[name] = isProcessTree(value) ? value : standard;
    else known[name] = typeof value === "boolean" ? value : standard;
  }
  const base = known as unknown as Capabilities;
  return { ...base, ...overrides, reasons: { ...base.reasons, ...overrides.reasons } };
}

function isProcessTree(value: unknown): value is Capabilities["processTree"] {
  return value === "exact" || value === "best-effort" || value === "group";
}

function reasons(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
