import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { Duplex } from "node:stream";
import { SftpClient } from "./client.ts";

const SERVERS = [
  "/usr/lib/openssh/sftp-server",
  "/usr/libexec/openssh/sftp-server",
  "/usr/lib/ssh/sftp-server",
];

/** OpenSSH's sftp-server of this machine; undefined where it is not installed. */
export function sftpServerPath(): string | undefined {
  return SERVERS.find((path) => existsSync(path));
}

export interface LocalServer {
  readonly stream: Duplex;
  readonly pid: number | undefined;
}

/** The server over its stdio, as sshd starts it; `uid` is whom it runs as. */
export function localServer(args: readonly string[] = [], uid?: number): LocalServer {
  const path = sftpServerPath();
  if (path === undefined) throw new Error("sftp-server is not installed");
  const child = spawn(path, args, {
    stdio: ["pipe", "pipe", "ignore"],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
  stream.once("close", () => child.kill("SIGKILL"));
  return { stream, pid: child.pid };
}

export interface LocalClient extends AsyncDisposable {
  readonly client: SftpClient;
  readonly pid: number | undefined;
}

export async function localClient(args: readonly string[] = [], uid?: number): Promise<LocalClient> {
  const { stream, pid } = localServer(args, uid);
  const client = await SftpClient.open(stream, { host: "box" });
  return { client, pid, [Symbol.asyncDispose]: async () => client.close() };
}
