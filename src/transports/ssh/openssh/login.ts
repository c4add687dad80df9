import { spawn } from "node:child_process";
import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { berthError } from "../../../contract/errors.ts";
import { abortedError, throwIfAborted } from "../../abort.ts";
import { recordNewKey } from "../host-keys.ts";
import type { OpenSshClient } from "../openssh-client.ts";
import type { SshTarget } from "../target.ts";
import { loginError } from "./classify.ts";
import { terminateMaster } from "./control-socket.ts";
import { isErrno } from "./errno.ts";
import { masterArguments } from "./master-options.ts";
import { directoryError } from "./socket-directory.ts";

/** Of what ssh and a proxy command say. */
const SAID_LIMIT_BYTES = 64 * 1024;

export interface LoginOptions {
  readonly client: OpenSshClient;
  readonly directory: string;
  /** Where the master is to listen. */
  readonly socket: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** What a master says while it runs. Open until closed; the file has no name any more. */
export interface MasterLog extends AsyncDisposable {
  read(): Promise<string>;
}

/**
 * Logs in: starts `ssh` as a master, which goes to the background once it is authenticated and listens.
 * @throws the error of what ssh says (classify.ts), operation.aborted
 */
export async function login(target: SshTarget, options: LoginOptions): Promise<MasterLog> {
  const { signal, environment } = options;
  throwIfAborted(signal);
  await using stack = new AsyncDisposableStack();
  const own = await mkdtemp(join(options.directory, "login-")).catch((cause) => {
    throw directoryError(options.directory, cause);
  });
  stack.defer(() => rm(own, { recursive: true, force: true }));
  const logPath = join(own, "log");
  const newKeys = join(own, "known_hosts");
  // "a+": ssh and this process append to it and read it by names and handles of their own.
  const log = await open(logPath, "a+", 0o600);
  // A pipe would end a proxy command with SIGPIPE that says something once this process is gone.
  const proxyWords = await open(join(own, "stderr"), "a+", 0o600);
  stack.defer(() => proxyWords.close());
  const words = masterLog(log);
  try {
    const argv = await masterArguments(
      target,
      options.client,
      { directory: own, socket: options.socket, log: logPath, newKeys },
      userInfo().homedir,
    );
    throwIfAborted(signal);
    const exit = await runToEnd(options.client.path, argv, proxyWords.fd, environment, signal);
    if (exit === 0) {
      await recordKey(target, newKeys, options.socket);
      return words;
    }
    throw await loginError(target, {
      ssh: await words.read(),
      proxy: await readAll(proxyWords),
      exit,
      signal,
    });
  } catch (error) {
    await words[Symbol.asyncDispose]();
    throw error;
  }
}

/** A host that cannot be recorded would be a new one each time, whatever key it shows: it is not let in. */
async function recordKey(target: SshTarget, newKeys: string, socket: string): Promise<void> {
  try {
    await recordNewKey(target, newKeys);
  } catch (error) {
    await terminateMaster(socket).catch(() => {});
    throw error;
  }
}

/** @returns its exit code, or the name of the signal that ended it. @throws ssh.client_missing, operation.aborted */
async function runToEnd(
  ssh: string,
  argv: readonly string[],
  stderr: number,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<number | string> {
  const child = spawn(ssh, argv, {
    // A session of its own: without a terminal nothing can be asked there, hosts on the way included.
    detached: true,
    env: { ...environment, SSH_ASKPASS_REQUIRE: "never" },
    stdio: ["ignore", "ignore", stderr],
  });
  const { promise, resolve, reject } = Promise.withResolvers<number | string>();
  child.once("error", (cause) => {
    reject(isErrno(cause, "ENOENT") || isErrno(cause, "EACCES") ? berthError("ssh.client_missing") : cause);
  });
  child.once("exit", (code, name) => resolve(code ?? name ?? "SIGKILL"));
  const onAbort = (): void => {
    endGroup(child.pid);
    reject(abortedError(signal));
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** A proxy command belongs to the group. */
function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGTERM");
  } catch {
    // All of it has ended.
  }
}

function masterLog(log: FileHandle): MasterLog {
  return {
    read: () => readAll(log),
    [Symbol.asyncDispose]: () => log.close(),
  };
}

async function readAll(file: FileHandle): Promise<string> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(SAID_LIMIT_BYTES), 0, SAID_LIMIT_BYTES, 0);
  return buffer.toString("utf8", 0, bytesRead);
}
