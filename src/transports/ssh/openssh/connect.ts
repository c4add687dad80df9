import { berthError } from "../../../contract/errors.ts";
import { throwIfAborted } from "../../abort.ts";
import type { SshConnection } from "../connection.ts";
import { findOpenSsh, type OpenSshClient } from "../openssh-client.ts";
import type { ConnectOptions, SshTarget } from "../target.ts";
import { authentication } from "./classify.ts";
import { openSshConnection } from "./connection.ts";
import { login, type MasterLog } from "./login.ts";
import { newSocketPath, type OwnedMaster, sweepMasters, takeMaster, takeSocket } from "./masters.ts";
import { socketDirectory, socketDirectoryPath } from "./socket-directory.ts";

/** Another process can take a new master before the one that started it does; hardly ever twice. */
const ATTEMPTS = 3;

export interface OpenSshOptions extends ConnectOptions {
  /** Default: this process's. SSH_AUTH_SOCK, BERTH_HOME and PATH count, and proxy commands get all of it. */
  readonly environment?: NodeJS.ProcessEnv;
}

/**
 * A connection by the system's OpenSSH: the master that an earlier process left, else a new login. The user's whole
 * ssh configuration counts, but for what Berth decides (master-options.ts).
 * @throws the errors of classify.ts; ssh.client_missing, provision.no_directory, operation.aborted
 */
export async function connectOpenSsh(target: SshTarget, options: OpenSshOptions): Promise<SshConnection> {
  const { signal, environment = process.env } = options;
  throwIfAborted(signal);
  const client = await findOpenSsh(environment);
  if (client === undefined) throw berthError("ssh.client_missing");
  const directory = await socketDirectory(socketDirectoryPath(environment));
  const left = await takeMaster(directory, target.key);
  if (left !== undefined) return connection(target, client, left, undefined);
  await sweepMasters(directory);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const socket = newSocketPath(directory, target.key);
    const log = await login(target, { client, directory, socket, environment, signal });
    const master = await takeSocket(socket);
    if (master !== undefined) return connection(target, client, master, log);
    await log[Symbol.asyncDispose]();
  }
  throw berthError("transport.unavailable", {
    hop: "transport",
    message: `the ssh that logged in to ${target.name} cannot be reached by its control socket`,
    hint: 'OpenSSH 7.6 or later is needed; transport: "ssh2" does without.',
    context: { host: target.name },
  });
}

async function connection(
  target: SshTarget,
  client: OpenSshClient,
  master: OwnedMaster,
  log: MasterLog | undefined,
): Promise<SshConnection> {
  const how = log === undefined ? "by the master of an earlier process" : authentication(await log.read());
  return openSshConnection({
    target,
    master,
    log,
    detail: `${client.version}${how === "" ? "" : `, ${how}`}`,
  });
}
