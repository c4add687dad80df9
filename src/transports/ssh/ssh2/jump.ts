import { parseSshHost, type SshConfig } from "../../../contract/config-ssh.ts";
import type { ErrorCode } from "../../../contract/error-registry.ts";
import { type BerthError, berthError, isBerthError } from "../../../contract/errors.ts";
import { resolveSshTarget } from "../resolve.ts";
import type { ConnectOptions, SshTarget } from "../target.ts";
import type { Ssh2Connection } from "./connection.ts";
import type { Way } from "./way.ts";

type Connect = (jump: SshTarget) => Promise<Ssh2Connection>;

/**
 * A stream over the last host of the target's ProxyJump, which is reached over those before it. As with ssh -J only
 * the configuration file is handed on: user, port, keys and known_hosts of a host on the way are those that the user's
 * ssh configuration has for it.
 * @throws what connecting to a host on the way throws; ssh.config_invalid, ssh.proxy_failed
 */
export async function openJump(target: SshTarget, options: ConnectOptions, connect: Connect): Promise<Way> {
  const jump = await hopOf(target, options);
  const connection = await connect(jump).catch((cause: unknown) => {
    throw isBerthError(cause) && OF_THE_WAY.has(cause.code)
      ? proxyFailed(target, jump, cause.message, cause)
      : cause;
  });
  try {
    const stream = await connection.dialTcp(target.hostname, target.port, options);
    return {
      stream,
      received: () => stream.bytesRead,
      description: `over ${jump.name}`,
      failure: () => undefined,
      ref: () => connection.ref(),
      unref: () => connection.unref(),
      close: async () => {
        stream.destroy();
        await connection.close();
      },
    };
  } catch (error) {
    await connection.close();
    throw isBerthError(error) ? error : forwardError(error as Error, target, jump);
  }
}

async function hopOf(target: SshTarget, options: ConnectOptions): Promise<SshTarget> {
  const hops = (target.proxyJump ?? "").split(",");
  const last = hops.pop()?.trim() ?? "";
  const parsed = parseSshHost(last);
  if (typeof parsed === "string") {
    throw berthError("ssh.config_invalid", {
      message: `the ProxyJump of ${target.name} is not valid: ${parsed}`,
      context: { host: target.name },
    });
  }
  const { host, user, port } = parsed;
  const config: SshConfig = {
    type: "ssh",
    host,
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port }),
    ...(target.given.configFile === undefined ? {} : { configFile: target.given.configFile }),
    transport: "ssh2",
  };
  const resolved = await resolveSshTarget(config, { signal: options.signal });
  // The hosts that are named before it lead to it, whatever its own configuration says; ssh -J does the same.
  if (hops.length > 0) return { ...resolved, proxyJump: hops.join(",") };
  return resolved;
}

/** Of a host on the way these say no more than that the way failed; its host key and its login are about itself. */
const OF_THE_WAY: ReadonlySet<string> = new Set<ErrorCode>([
  "ssh.name_not_found",
  "ssh.unreachable",
  "ssh.connection_refused",
  "ssh.connect_timeout",
  "ssh.handshake_failed",
  "ssh.server_busy",
]);

function proxyFailed(target: SshTarget, jump: SshTarget, reason: string, cause: unknown): BerthError {
  return berthError("ssh.proxy_failed", {
    hop: "transport",
    message: `the way to ${target.name} leads over ${jump.name}, which failed: ${reason}`,
    context: { host: target.name, proxy: jump.name, reason },
    cause,
  });
}

/** What the host on the way says of the connection that it was to make. */
function forwardError(error: Error & { reason?: unknown }, target: SshTarget, jump: SshTarget): BerthError {
  if (error.reason === ADMINISTRATIVELY_PROHIBITED) {
    const reason = "it forwards no TCP connections (AllowTcpForwarding in its sshd_config)";
    return proxyFailed(target, jump, reason, error);
  }
  const words = error.message.replace(/^\(SSH\) Channel open failure: /, "");
  const code = CODE_OF_WORDS.find(([pattern]) => pattern.test(words))?.[1] ?? "ssh.unreachable";
  const { name: host, hostname, port } = target;
  return berthError(code, {
    hop: "transport",
    message: `${hostname} port ${port} cannot be reached from ${jump.name}: ${words}`,
    context: { host, hostname, port, proxy: jump.name, reason: words },
    cause: error,
  });
}

/** RFC 4254, 5.1. */
const ADMINISTRATIVELY_PROHIBITED = 1;

/** sshd hands on what its own connection failed with, in words. */
const CODE_OF_WORDS: readonly (readonly [RegExp, ErrorCode])[] = [
  [/refused/i, "ssh.connection_refused"],
  [/not known|not resolve|name resolution|no address|nodename nor servname/i, "ssh.name_not_found"],
  [/timed? ?out/i, "ssh.connect_timeout"],
];
