import { readFile } from "node:fs/promises";
import { Client, type SFTPWrapper } from "ssh2";
import type { SshConfig } from "../src/contract/config.ts";
import { createSshConnector } from "../src/transports/ssh/connect.ts";
import { resolveSshTarget } from "../src/transports/ssh/resolve.ts";
import type { SshServer } from "../test/fixtures/sshd.ts";
import { spawnPiped } from "./ways.ts";

/** OpenSSH with ControlMaster, as people set it up: the first command makes the master, the others use it. */
export interface ControlMaster extends AsyncDisposable {
  argv(command: readonly string[]): string[];
}

export async function controlMaster(
  server: SshServer,
  user: string,
  options: { readonly directory: string; readonly port?: number },
): Promise<ControlMaster> {
  const port = options.port ?? server.port;
  const argv = (command: readonly string[], more: readonly string[] = []): string[] => [
    ...["ssh", "-F", server.emptyConfigPath, "-p", String(port), "-i", server.keyPath],
    ...[
      "-o",
      "IdentitiesOnly=yes",
      "-o",
      "BatchMode=yes",
      "-o",
      `UserKnownHostsFile=${server.knownHostsPath}`,
    ],
    ...["-o", `ControlPath=${options.directory}/cm-${user}-${port}`, ...more],
    `${user}@${server.host}`,
    ...command,
  ];
  const code = await spawnPiped(argv(["true"], ["-o", "ControlMaster=auto", "-o", "ControlPersist=600"]));
  if (code !== 0) throw new Error(`ssh with ControlMaster exited ${code}`);
  return {
    argv,
    [Symbol.asyncDispose]: async () => void (await spawnPiped(argv([], ["-O", "exit"]))),
  };
}

/** A connection of the package ssh2, used as its documentation shows. */
export interface PlainSsh2 extends Disposable {
  exec(command: string, onData?: (chunk: Buffer) => void): Promise<number>;
  sftp(): Promise<SFTPWrapper>;
}

export async function plainSsh2(server: SshServer, user: string, port = server.port): Promise<PlainSsh2> {
  const client = new Client();
  const privateKey = await readFile(server.keyPath);
  await new Promise<void>((resolve, reject) => {
    client.once("ready", resolve).once("error", reject);
    client.connect({ host: server.host, port, username: user, privateKey });
  });
  return {
    exec: (command, onData) =>
      new Promise((resolve, reject) => {
        client.exec(command, (error, channel) => {
          if (error) return reject(error);
          channel.on("data", onData ?? (() => {}));
          channel.stderr.resume();
          let code = -1;
          channel.once("exit", (exitCode: number | null) => {
            code = exitCode ?? -1;
          });
          channel.once("close", () => resolve(code));
        });
      }),
    sftp: () =>
      new Promise((resolve, reject) => client.sftp((error, sftp) => (error ? reject(error) : resolve(sftp)))),
    [Symbol.dispose]: () => void client.end(),
  };
}

/** Milliseconds that the transport itself needs until it is authenticated, without the pool. */
export async function handshakeMs(config: SshConfig): Promise<number> {
  const target = await resolveSshTarget(config);
  const startedMs = performance.now();
  const { connection } = await createSshConnector()(target, { signal: AbortSignal.timeout(60_000) });
  const handshake = performance.now() - startedMs;
  await connection.close();
  return handshake;
}
