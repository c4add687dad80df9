import type { ErrorCode } from "../../../contract/error-registry.ts";
import { type BerthError, berthError, isBerthError } from "../../../contract/errors.ts";
import { fetchHostKey } from "../fetch-host-key.ts";
import { hostKeyError } from "../host-keys.ts";
import { checkHostKey } from "../known-hosts.ts";
import type { SshTarget } from "../target.ts";
import { lockedKey } from "./locked-key.ts";
import { failedProxy, silentProxy } from "./proxy-failure.ts";

/** What an `ssh` said that did not connect. */
export interface LoginWords {
  /** Its own messages, which go to a file of their own. */
  readonly ssh: string;
  /** What is on stderr: from proxy commands and hosts on the way, and what ssh says before it has read its options. */
  readonly proxy: string;
  /** Exit code or name of the signal. */
  readonly exit: number | string;
  readonly signal: AbortSignal;
}

/** What a message means, before anything else is looked up. */
export interface Verdict {
  readonly code: ErrorCode;
  /** The part of the message that tells why. */
  readonly reason: string;
  readonly context?: Readonly<Record<string, string>>;
}

type Rule = readonly [pattern: RegExp, code: ErrorCode, contextName?: string];

/**
 * Messages of OpenSSH 7.x to 10.x, the most telling first. What a rule's first group matches is put into the error's
 * context by the third entry's name.
 */
const RULES: readonly Rule[] = [
  [/line \d+: Bad configuration option/, "ssh.config_invalid"],
  [/terminating, \d+ bad configuration options/, "ssh.config_invalid"],
  [/^Bad owner or permissions on /m, "ssh.config_invalid"],
  [/^Can't open user config file/m, "ssh.config_invalid"],
  [/^(?:command-line )?line \d+: /m, "ssh.config_invalid"],
  [/ line \d+: (?:[Bb]ad|[Ii]nvalid|[Mm]issing|[Uu]nsupported|keyword|no argument)/, "ssh.config_invalid"],

  [
    /REVOKED HOST KEY DETECTED|host key for .* was revoked|^Host key .* revoked by file/m,
    "ssh.host_key_revoked",
  ],
  [/REMOTE HOST IDENTIFICATION HAS CHANGED|Host key for .* has changed/, "ssh.host_key_changed"],
  [/No .* host key is known for /, "ssh.host_key_unknown"],
  [/Host key verification failed\./, "ssh.host_key_unknown"],

  [/Could not resolve hostname (\S+): /, "ssh.name_not_found", "hostname"],
  [/no address associated with name/, "ssh.name_not_found"],
  [/: Connection refused\s*$/m, "ssh.connection_refused"],
  [
    /: (?:No route to host|Network is unreachable|Host is down|Network is down|Network is down or unreachable|Cannot assign requested address|Can't assign requested address)\s*$/m,
    "ssh.unreachable",
  ],
  [/connect to (?:host|address) .*: Permission denied\s*$/m, "ssh.unreachable"],
  [/: (?:Connection|Operation) timed out\s*$/m, "ssh.connect_timeout"],
  [/Connection timed out during banner exchange/, "ssh.connect_timeout"],
  [/Connection to .* port \d+ timed out/, "ssh.connect_timeout"],
  [/^Timeout, server .* not responding/m, "ssh.connect_timeout"],

  // sshd's own words before it closes; PerSourcePenalties (9.8) says the second.
  [/Exceeded MaxStartups|Not allowed at this time/, "ssh.server_busy"],

  [/Too many authentication failures/, "ssh.too_many_keys"],
  [/Permission denied \(([^)]*)\)\.?\s*$/m, "ssh.auth_failed", "methods"],
  [/No (?:more|supported) authentication methods (?:available|to try)/, "ssh.auth_failed"],

  [/Unable to negotiate with/, "ssh.handshake_failed"],
  [/Bad remote protocol version identification|Invalid SSH identification string/, "ssh.handshake_failed"],
  [/banner exchange: |kex_exchange_identification: /, "ssh.handshake_failed"],
  [/ssh_dispatch_run_fatal|Corrupted MAC|Bad packet length|incorrect signature/, "ssh.handshake_failed"],
  [/Received disconnect from /, "ssh.handshake_failed"],
  [/Connection (?:closed|reset) by /, "ssh.handshake_failed"],
  [/Disconnected from /, "ssh.handshake_failed"],
];

/** What an `ssh` of any version means. Looks nothing up. */
export function classify(words: string): Verdict | undefined {
  const text = plain(words);
  for (const [pattern, code, contextName] of RULES) {
    const match = pattern.exec(text);
    if (match === null) continue;
    const reason = lineAround(text, match.index);
    const value = match[1];
    return {
      code,
      reason,
      ...(contextName !== undefined && value !== undefined ? { context: { [contextName]: value } } : {}),
    };
  }
  return undefined;
}

/**
 * The error of a login that failed.
 * @returns one of error-registry-ssh.ts
 */
export async function loginError(target: SshTarget, words: LoginWords): Promise<BerthError> {
  const proxied = target.proxyJump !== undefined || target.proxyCommand !== undefined;
  const verdict = classify(proxied ? words.ssh : `${words.ssh}\n${words.proxy}`);
  if (proxied && (verdict === undefined || verdict.code === "ssh.handshake_failed")) {
    const error = (await askedAgain(target, words)) ?? failedProxy(target, words.proxy, classify);
    if (error !== undefined) return error;
    // Which of them it is depends on whether ssh had said its own name before the proxy ended.
    if (/^kex_exchange_identification: (?:Connection closed|write: Broken pipe)/m.test(plain(words.ssh)))
      return silentProxy(target);
  }
  if (verdict === undefined) {
    const reason = lastLine(`${words.proxy}\n${words.ssh}`);
    return sshError(target, {
      code: "ssh.handshake_failed",
      reason: reason === "" ? `ssh ended with ${words.exit}` : reason,
    });
  }
  switch (verdict.code) {
    case "ssh.host_key_unknown":
    case "ssh.host_key_changed":
    case "ssh.host_key_revoked":
      return (await shownKeyError(target, verdict, words.signal)) ?? sshError(target, verdict);
    case "ssh.auth_failed":
      return (await keyError(target, words.ssh)) ?? authFailed(target, verdict);
    default:
      return sshError(target, verdict);
  }
}

/** A master (ControlPersist) drops what its proxy says; one that only looks at the host's key does not. */
async function askedAgain(target: SshTarget, words: LoginWords): Promise<BerthError | undefined> {
  if (words.proxy.trim() !== "") return undefined;
  try {
    await fetchHostKey(target, { signal: words.signal });
    return undefined;
  } catch (error) {
    if (!isBerthError(error) || words.signal.aborted) return undefined;
    return isBerthError(error, "ssh.handshake_failed") ? undefined : error;
  }
}

/** With the fingerprint, which ssh does not tell where nobody can be asked. */
async function shownKeyError(
  target: SshTarget,
  { code }: Verdict,
  signal: AbortSignal,
): Promise<BerthError | undefined> {
  try {
    const key = await fetchHostKey(target, { signal });
    const error = hostKeyError(target, key, await checkHostKey(target, key.blob));
    return error?.code === code ? error : undefined;
  } catch {
    // The host does not answer a second time: what is known already is told.
    return undefined;
  }
}

/** A key that ssh could not use, when it is what the login has failed for. */
async function keyError(target: SshTarget, words: string): Promise<BerthError | undefined> {
  const hop = "transport";
  const mattering = (path: string): boolean =>
    target.identityFiles.includes(path) &&
    (target.identityFiles.length === 1 || target.given.identityFile === path);
  const open = /^Permissions 0\d+ for '(.*)' are too open\.\s*$/m.exec(words)?.[1];
  if (open !== undefined && mattering(open)) {
    return berthError("ssh.key_unusable", {
      hop,
      message: `the key ${open} cannot be used: others can read it (chmod 600 ${open})`,
      context: { host: target.name, path: open },
    });
  }
  const [, path, reason = ""] = /^Load key "(.*)": (.*?)\s*$/m.exec(words) ?? [];
  if (path !== undefined && mattering(path) && !/passphrase/.test(reason)) {
    return berthError("ssh.key_unusable", {
      hop,
      message: `the key ${path} cannot be used: ${reason}`,
      context: { host: target.name, path, reason },
    });
  }
  const locked = await lockedKey(target.identityFiles, words);
  return locked === undefined
    ? undefined
    : berthError("ssh.key_encrypted", { hop, context: { host: target.name, path: locked } });
}

function authFailed(target: SshTarget, verdict: Verdict): BerthError {
  const methods = (verdict.context?.methods ?? "").split(",").filter(Boolean).join(", ");
  return berthError("ssh.auth_failed", {
    hop: "transport",
    context: {
      host: target.name,
      user: target.user,
      methods: methods === "" ? "nothing that is known" : methods,
    },
  });
}

/** Codes whose text names all there is to know; the others get ssh's words. */
const SELF_EXPLAINING: readonly ErrorCode[] = [
  "ssh.connection_refused",
  "ssh.server_busy",
  "ssh.too_many_keys",
  "ssh.host_key_changed",
  "ssh.host_key_revoked",
  "ssh.host_key_unknown",
];

/** The error of a message that is understood. */
export function sshError(target: SshTarget, { code, reason, context }: Verdict): BerthError {
  const full = {
    host: target.name,
    hostname: target.hostname,
    port: target.port,
    reason,
    ...context,
  };
  const error = berthError(code, { hop: "transport", context: full });
  if (SELF_EXPLAINING.includes(code)) return error;
  return berthError(code, { hop: "transport", context: full, message: `${error.message}: ${reason}` });
}

/** What a master that has connected says of it: "authenticated by publickey, aes128-gcm". Empty when it does not. */
export function authentication(words: string): string {
  const method = /^Authenticated to .* using "([^"]+)"\./m.exec(words)?.[1];
  const cipher = /kex: server->client cipher: ([\w-]+)/.exec(words)?.[1];
  return [
    ...(method === undefined ? [] : [`authenticated by ${method}`]),
    ...(cipher === undefined ? [] : [cipher]),
  ].join(", ");
}

/** Why a master that was connected has ended, if it said so. */
export function lossReason(words: string): string | undefined {
  const lines = words.replaceAll("\r", "").split("\n");
  return lines.findLast((line) =>
    /^Timeout, server |^Connection (?:reset|closed) by |^Connection to .* closed|^Received disconnect from |Broken pipe|Corrupted MAC|^client_loop: |^ssh_dispatch_run_fatal/.test(
      line,
    ),
  );
}

/** Of LogVerbose: "debug1: kex.c:kex_exchange_identification():1345 (pid=17): ", elsewhere without the place in the source. */
const LOG_PREFIX = /^(?:debug\d: )?(?:[\w-]+\.c:(\w+\(\)):\d+ \(pid=\d+\): )?/gm;

/** As it stands on the terminal of somebody who calls ssh. */
function plain(words: string): string {
  return words
    .replaceAll("\r", "")
    .replace(LOG_PREFIX, (_, place?: string) => (place === undefined ? "" : `${place.slice(0, -2)}: `));
}

function lineAround(text: string, index: number): string {
  const start = text.lastIndexOf("\n", index) + 1;
  const end = text.indexOf("\n", index === start ? index + 1 : index);
  return text
    .slice(start, end === -1 ? undefined : end)
    .trim()
    .replace(/^ssh: /, "");
}

function lastLine(text: string): string {
  return plain(text).trim().split("\n").at(-1) ?? "";
}
