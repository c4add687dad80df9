import { basename } from "node:path";
import { type BerthError, berthError } from "../../../contract/errors.ts";
import { trustCommand } from "../host-keys.ts";
import type { SshTarget } from "../target.ts";
import type { Verdict } from "./classify.ts";

/** What an ssh says whose own connection goes over a proxy that has ended: it is not the one that failed. */
const AFTERMATH =
  /Connection (?:closed|reset) by UNKNOWN port|^(?:kex_exchange_identification|banner exchange): /;
/** Of a host on the way that was reached and could not go on: "channel 0: open failed: connect failed: …". */
const FORWARD_FAILED = /open failed: connect failed: (.*?)\s*$/m;

/**
 * The error of a way over other hosts that failed; undefined when these said nothing.
 * @param words what the proxy command, or the ssh of ProxyJump, said
 */
export function failedProxy(
  target: SshTarget,
  words: string,
  classify: (words: string) => Verdict | undefined,
): BerthError | undefined {
  const lines = words
    .replaceAll("\r", "")
    .split("\n")
    .filter((line) => line.trim() !== "");
  const telling = lines.filter((line) => !AFTERMATH.test(line));
  const hops = target.proxyJump?.split(",").map((hop) => hop.trim()) ?? [];
  // Each ssh behind the one that failed says that its connection was closed.
  const behind = lines.filter((line) => /by UNKNOWN port/.test(line)).length;
  const last = hops.at(Math.max(0, hops.length - 1 - behind));
  const onward = FORWARD_FAILED.exec(words)?.[1];
  if (last !== undefined && onward !== undefined) {
    const next = hops.at(Math.max(0, hops.length - behind));
    if (behind === 0 || next === undefined) return behindProxy(target, last, onward, classify);
    return proxyError(target, next, `${onward}, from ${last}`);
  }
  if (last === undefined && lines.length === 0) return undefined;
  const verdict = classify(telling.join("\n"));
  if (last !== undefined && verdict?.code.startsWith("ssh.host_key_")) {
    return hopKeyError(target, last, verdict);
  }
  const reason =
    telling
      .at(-1)
      ?.trim()
      .replace(/^ssh: /, "") ?? "it closed the connection";
  return proxyError(target, last, reason);
}

/** A way that ended before the first byte of an SSH server came, and said nothing: as `nc` does. */
export function silentProxy(target: SshTarget): BerthError {
  return proxyError(target, target.proxyJump?.split(",").at(-1)?.trim(), "it closed the connection at once");
}

/** @param jump the host on the way; undefined for a ProxyCommand, of which the program's name says enough */
function proxyError(target: SshTarget, jump: string | undefined, reason: string): BerthError {
  const proxy = jump ?? basename(target.proxyCommand?.trim().split(/\s+/)[0] ?? "ProxyCommand");
  return berthError("ssh.proxy_failed", {
    hop: "transport",
    message: `the way to ${target.name} leads over ${proxy}, which failed: ${reason}`,
    ...(jump === undefined
      ? { hint: `Try the ProxyCommand alone; \`ssh -v ${target.alias}\` shows it.` }
      : {}),
    context: { host: target.name, proxy, reason },
  });
}

/** A host on the way is not trusted: it has to be by itself, under its own name. */
function hopKeyError(target: SshTarget, hop: string, { code, reason }: Verdict): BerthError {
  const { message } = berthError(code, { context: { host: hop } });
  const trust = trustCommand({ name: hop, given: { configFile: target.given.configFile } });
  return berthError(code, {
    hop: "transport",
    message: `${message}, over which the way to ${target.name} leads: ${reason}`,
    ...(code === "ssh.host_key_unknown" ? { hint: `Compare its fingerprint, then: ${trust}` } : {}),
    context: { host: hop, proxy: hop, reason },
  });
}

/** The last host on the way was reached, and did not reach the target. */
function behindProxy(
  target: SshTarget,
  proxy: string,
  reason: string,
  classify: (words: string) => Verdict | undefined,
): BerthError {
  const code = classify(`connect: ${reason}`)?.code ?? "ssh.unreachable";
  const resolved = /not known|not resolve|name resolution|No address/i.test(reason)
    ? "ssh.name_not_found"
    : code;
  return berthError(resolved, {
    hop: "transport",
    message: `${target.hostname} port ${target.port} cannot be reached from ${proxy}: ${reason}`,
    context: { host: target.name, hostname: target.hostname, port: target.port, proxy, reason },
  });
}
