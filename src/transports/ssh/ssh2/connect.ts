import { berthError } from "../../../contract/errors.ts";
import type { ConnectOptions, SshTarget } from "../target.ts";
import { Ssh2Connection } from "./connection.ts";
import { logIn } from "./handshake.ts";
import { openJump } from "./jump.ts";
import { loadSsh2 } from "./library.ts";
import { openProxyCommand } from "./proxy-command.ts";
import { openTcp, type Way } from "./way.ts";

/** More hosts on the way are a configuration that leads back to itself. */
const MAX_HOPS = 8;

/**
 * Connects in this process: the way there, the host's key, the login. Hosts on the way are connected to in the same
 * manner, each with its own host key and login. `options.signal` is the deadline.
 * @throws what ../connection.ts and `logIn` say; of the way: ssh.name_not_found, ssh.unreachable,
 *   ssh.connection_refused, ssh.connect_timeout, ssh.proxy_failed, ssh.config_invalid; operation.aborted
 */
export function connectSsh2(target: SshTarget, options: ConnectOptions): Promise<Ssh2Connection> {
  return connectAsHop(target, options, 0);
}

async function connectAsHop(
  target: SshTarget,
  options: ConnectOptions,
  hop: number,
): Promise<Ssh2Connection> {
  if (hop > MAX_HOPS) {
    throw berthError("ssh.config_invalid", {
      message: `the ProxyJump of ${target.name} leads over more than ${MAX_HOPS} hosts, or back to itself`,
      context: { host: target.name },
    });
  }
  // Loaded while the way is opened.
  const library = loadSsh2();
  library.catch(() => {});
  const way = await openWay(target, options, (jump) => connectAsHop(jump, options, hop + 1));
  try {
    const ssh2 = await library;
    const { client, detail } = await logIn(ssh2, way, target, options);
    return new Ssh2Connection(client, way, target, detail);
  } catch (error) {
    await way.close();
    throw error;
  }
}

async function openWay(
  target: SshTarget,
  options: ConnectOptions,
  connectJump: (jump: SshTarget) => Promise<Ssh2Connection>,
): Promise<Way> {
  const { proxyJump, proxyCommand } = target;
  if (proxyJump !== undefined && proxyJump !== "none") return await openJump(target, options, connectJump);
  if (proxyCommand !== undefined && proxyCommand !== "none") return await openProxyCommand(target, options);
  return await openTcp(target, options);
}
