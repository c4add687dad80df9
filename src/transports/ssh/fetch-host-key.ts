import { spawn } from "node:child_process";
import { type FSWatcher, watch } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { type BerthError, berthError } from "../../contract/errors.ts";
import { abortedError } from "../abort.ts";
import { findKnownKeys, type HostKey, hostKeyOf, knownAlgorithms, readKnownKeys } from "./known-hosts.ts";
import { classify, sshError } from "./openssh/classify.ts";
import { failedProxy } from "./openssh/proxy-failure.ts";
import {
  configFileOptions,
  destinationOptions,
  findOpenSsh,
  hostKeyPolicy,
  optionPath,
} from "./openssh-client.ts";
import { offeredAlgorithms } from "./ssh2/algorithms.ts";
import { loadSsh2 } from "./ssh2/library.ts";
import { openTcp } from "./ssh2/way.ts";
import type { SshTarget } from "./target.ts";

/** The name in the temporary known_hosts, whatever the host is called. */
const NAME = "berth-host-key";

/**
 * The key that the target's host shows, along the user's whole configuration (jump hosts, proxy commands), without
 * trusting it: nothing is recorded, no key, password or command is sent to it. Hosts on the way have to be known.
 * Of several keys it is the one that a connection gets: those that are known are preferred.
 * @throws what connecting throws before there is a key; operation.aborted
 */
export async function fetchHostKey(
  target: SshTarget,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<HostKey> {
  const deadline = AbortSignal.timeout(target.connectTimeoutMs);
  const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]);
  const client = target.resolvedBy === "openssh" ? await findOpenSsh() : undefined;
  const preferred = knownAlgorithms(await readKnownKeys(target));
  try {
    return await (client === undefined
      ? bySsh2(target, preferred, signal)
      : byOpenSsh(client.path, target, preferred, signal));
  } catch (error) {
    if (options.signal?.aborted) throw abortedError(options.signal);
    if (deadline.aborted) {
      throw berthError("ssh.connect_timeout", { hop: "transport", context: { host: target.name } });
    }
    throw error;
  }
}

async function byOpenSsh(
  ssh: string,
  target: SshTarget,
  preferred: readonly string[],
  signal: AbortSignal,
): Promise<HostKey> {
  const directory = await mkdtemp(join(tmpdir(), "berth-host-key-"));
  try {
    const known = join(directory, "known_hosts");
    const settings = [
      "StrictHostKeyChecking=accept-new",
      `UserKnownHostsFile=${optionPath(known)}`,
      "GlobalKnownHostsFile=/dev/null",
      // Whether the key is revoked is looked up by who asks for it.
      "RevokedHostKeys=none",
      "HashKnownHosts=no",
      `HostKeyAlias=${NAME}`,
      ...hostKeyPolicy(target, { command: false }),
      ...(preferred.length === 0 ? [] : [`HostKeyAlgorithms=^${preferred.join(",")}`]),
      "PreferredAuthentications=none",
      "BatchMode=yes",
      "ControlMaster=no",
      "ControlPath=none",
      "ClearAllForwardings=yes",
      "ForwardAgent=no",
      "ForwardX11=no",
      "PermitLocalCommand=no",
      "RemoteCommand=none",
      "RequestTTY=no",
      "LogLevel=VERBOSE",
    ];
    const log = join(directory, "log");
    const argv = [
      ...(await configFileOptions(target, directory, userInfo().homedir)),
      ...settings.flatMap((setting) => ["-o", setting]),
      ...destinationOptions(target),
      // Apart from the words of a proxy command, or of the ssh to a host on the way.
      ...["-E", log],
      // A host that lets in without any authentication is asked for no session either.
      ...["-N", "-T", "--", target.alias],
    ];
    const recorded = async (): Promise<HostKey | undefined> =>
      findKnownKeys(await readFile(known, "latin1").catch(() => ""), NAME)[0];
    const proxyWords = await untilRecorded(ssh, argv, directory, recorded, signal);
    const key = await recorded();
    if (key !== undefined) return { type: key.type, blob: key.blob };
    throw fetchError(target, await readFile(log, "utf8").catch(() => ""), proxyWords);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * Runs ssh until it ends or has recorded a key in the directory: what comes after is the login, which is nobody's
 * business here.
 * @returns what it said on stderr
 */
async function untilRecorded(
  ssh: string,
  argv: readonly string[],
  directory: string,
  recorded: () => Promise<HostKey | undefined>,
  signal: AbortSignal,
): Promise<string> {
  if (signal.aborted) throw abortedError(signal);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const watcher = watchDirectory(directory, () => {
    void recorded().then((key) => key !== undefined && resolve());
  });
  // In a session of its own there is no terminal to ask on, and what it starts can be ended with it.
  const child = spawn(ssh, argv, {
    detached: true,
    env: { ...process.env, LC_ALL: "C", SSH_ASKPASS_REQUIRE: "never" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  const onAbort = () => reject(abortedError(signal));
  signal.addEventListener("abort", onAbort, { once: true });
  child.once("error", reject);
  child.once("close", () => resolve());
  child.stderr.on("data", (chunk: Buffer) => {
    if (said.length < SAID_LIMIT) said += chunk.toString("utf8");
  });
  try {
    await promise;
    return said;
  } finally {
    signal.removeEventListener("abort", onAbort);
    watcher?.close();
    endGroup(child.pid);
  }
}

/** Where nothing can be watched (inotify's limits throw at once), ssh ends by itself when it is not let in. */
function watchDirectory(directory: string, onChange: () => void): FSWatcher | undefined {
  try {
    return watch(directory, onChange).on("error", () => {});
  } catch {
    return undefined;
  }
}

const SAID_LIMIT = 64 * 1024;

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // All of it has ended.
  }
}

/** Why there is no key: of the way there, or of a server that does not get as far as showing one. */
function fetchError(target: SshTarget, words: string, proxyWords: string): BerthError {
  const proxied = target.proxyJump !== undefined || target.proxyCommand !== undefined;
  const verdict = classify(proxied ? words : `${words}\n${proxyWords}`);
  if (proxied && (verdict === undefined || verdict.code === "ssh.handshake_failed")) {
    const ofTheWay = failedProxy(target, proxyWords, classify);
    if (ofTheWay !== undefined) return ofTheWay;
  }
  return sshError(target, verdict ?? { code: "ssh.handshake_failed", reason: "it shows no host key" });
}

async function bySsh2(
  target: SshTarget,
  preferred: readonly string[],
  signal: AbortSignal,
): Promise<HostKey> {
  if (signal.aborted) throw abortedError(signal);
  const { Client } = await loadSsh2();
  const way = await openTcp(target, { signal });
  const client = new Client();
  const { promise, resolve, reject } = Promise.withResolvers<HostKey>();
  const onAbort = () => reject(abortedError(signal));
  signal.addEventListener("abort", onAbort, { once: true });
  client.on("error", (cause) => reject(fetchError(target, cause.message, "")));
  client.on("close", () => reject(fetchError(target, "", "")));
  client.connect({
    sock: way.stream,
    username: target.user,
    algorithms: offeredAlgorithms(preferred),
    hostVerifier: (blob: Buffer) => {
      resolve(hostKeyOf(Buffer.from(blob)));
      return false;
    },
  });
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
    // The refused handshake fails after it was answered.
    client.removeAllListeners("error").on("error", () => {});
    client.destroy();
    await way.close();
  }
}
