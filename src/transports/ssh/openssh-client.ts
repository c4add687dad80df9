import { constants } from "node:fs";
import { access, rename, rm, writeFile } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { collect } from "../collect.ts";
import { createLocalTransport } from "../local.ts";
import type { RunResult } from "../transport.ts";
import type { SshTarget } from "./target.ts";

/** The system's `ssh`. */
export interface OpenSshClient {
  /** Absolute. */
  readonly path: string;
  /** As it says itself: "OpenSSH_9.2p1". */
  readonly version: string;
  /** [9, 2] of OpenSSH_9.2p1. */
  readonly release: readonly [number, number];
}

/** `ssh -V` and `ssh -G` read files and do no network, unless the user's Match exec does; a hung home must not hang all. */
const LOCAL_DEADLINE_MS = 10_000;

/** Where the system's known hosts are unless the configuration says otherwise (ssh_config(5)). */
export const GLOBAL_KNOWN_HOSTS = ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"] as const;

const found = new Map<string, Promise<OpenSshClient | undefined>>();

/** OpenSSH's `ssh` of PATH, looked for once per PATH; undefined when there is none that runs. */
export function findOpenSsh(
  environment: NodeJS.ProcessEnv = process.env,
): Promise<OpenSshClient | undefined> {
  const searched = environment.PATH ?? "";
  const known = found.get(searched);
  if (known !== undefined) return known;
  const search = lookFor("ssh", searched).then((path) =>
    path === undefined ? undefined : askVersion(path, environment),
  );
  found.set(searched, search);
  // One that could not be asked is asked again the next time: it may be installed meanwhile.
  search.then(
    (client) => client === undefined && found.delete(searched),
    () => found.delete(searched),
  );
  return search;
}

/** A program of OpenSSH beside or on PATH, such as ssh-keygen. */
export async function lookFor(program: string, searched: string): Promise<string | undefined> {
  for (const directory of searched.split(delimiter)) {
    if (!isAbsolute(directory)) continue;
    const path = join(directory, program);
    const runs = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return path;
  }
  return undefined;
}

async function askVersion(path: string, environment: NodeJS.ProcessEnv): Promise<OpenSshClient | undefined> {
  const said = await runLocal([path, "-V"], { environment }).catch(() => undefined);
  if (said?.exitCode !== 0) return undefined;
  // Other clients that are called ssh (Dropbear's) have no -G, and control sockets of their own kind if any.
  const match = /^(OpenSSH_(?:for_Windows_)?(\d+)\.(\d+)[^\s,]*)/.exec(said.stderr);
  if (match === null) return undefined;
  const [, version = "", major, minor] = match;
  return { path, version, release: [Number(major), Number(minor)] };
}

/**
 * Runs a program of OpenSSH on this machine to its end: no shell, messages in English, no terminal.
 * @throws operation.aborted, operation.timeout, transport.unavailable
 */
export async function runLocal(
  argv: readonly string[],
  options: {
    readonly environment?: NodeJS.ProcessEnv | undefined;
    readonly signal?: AbortSignal | undefined;
    readonly deadlineMs?: number;
  } = {},
): Promise<RunResult> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...(options.environment ?? process.env), LC_ALL: "C" })) {
    if (value !== undefined) env[name] = value;
  }
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const child = await createLocalTransport().run(argv, { env, cleanEnvironment: true, ...signal });
  return collect(child, {
    ...signal,
    deadlineMs: options.deadlineMs ?? LOCAL_DEADLINE_MS,
  });
}

/** A path as a word of an option's value: blanks and quotes mean themselves. */
function quoted(path: string): string {
  return `"${path.replace(/["\\]/g, "\\$&")}"`;
}

/** The same for options that have % tokens. */
export function optionPath(path: string): string {
  return quoted(path).replaceAll("%", "%%");
}

/** What stands for `no files`. */
const NO_FILES = "/dev/null";

/**
 * Berth's policy on host keys for the destination, as options for `ssh`: nothing in the user's configuration gets
 * past them, because of two values for an option the first one counts, and the command line comes first.
 * @param newKeys where `accept-new` puts the key of an unknown host, for `recordNewKey`: ssh itself goes on when it
 *   cannot record one, and would let in another key the next time. Without it unknown hosts are refused.
 */
export function hostKeyOptions(target: SshTarget, newKeys?: string): string[] {
  const acceptInto = target.hostKeys === "accept-new" && newKeys !== undefined ? [newKeys] : [];
  return [
    `StrictHostKeyChecking=${acceptInto.length > 0 ? "accept-new" : "yes"}`,
    `UserKnownHostsFile=${[...acceptInto, ...target.userKnownHostsFiles].map(optionPath).join(" ") || NO_FILES}`,
    `GlobalKnownHostsFile=${target.globalKnownHostsFiles.map(quoted).join(" ") || NO_FILES}`,
    // A file of one's own says that it alone counts.
    ...hostKeyPolicy(target, { command: target.given.knownHostsFile === undefined }),
  ].flatMap((option) => ["-o", option]);
}

/**
 * Turns off the ways in which OpenSSH lets a host in whose key is in no known_hosts, or records keys on its own.
 * @param command the user's KnownHostsCommand counts
 */
export function hostKeyPolicy(
  target: Pick<SshTarget, "hostProofs">,
  { command }: { readonly command: boolean },
): string[] {
  return [
    "NoHostAuthenticationForLocalhost=no",
    "VerifyHostKeyDNS=no",
    "CheckHostIP=no",
    "UpdateHostKeys=no",
    ...(target.hostProofs.includes("GSSAPIKeyExchange") ? ["GSSAPIKeyExchange=no"] : []),
    ...(target.hostProofs.includes("KnownHostsCommand") && !command ? ["KnownHostsCommand=none"] : []),
  ];
}

/** User, port and identity that Berth's own configuration gives, as arguments for `ssh`. */
export function destinationOptions(target: Pick<SshTarget, "given">): string[] {
  const { user, port, identityFile } = target.given;
  return [
    ...(user === undefined ? [] : ["-l", user]),
    ...(port === undefined ? [] : ["-p", String(port)]),
    ...(identityFile === undefined
      ? []
      : ["-o", `IdentityFile=${optionPath(identityFile)}`, "-o", "IdentitiesOnly=yes"]),
  ];
}

/**
 * The `-F` for this target. Hosts on the way (ProxyJump) are reached by further `ssh`, to which ssh hands only its
 * `-F`: so for these a file is written in `directory` (0700, the caller's) that puts Berth's policy before what the
 * user's configuration says.
 */
export async function configFileOptions(
  target: Pick<SshTarget, "given" | "proxyJump" | "key" | "hostProofs" | "globalKnownHostsFiles">,
  directory: string,
  home: string,
): Promise<string[]> {
  const own = target.given.configFile;
  if (target.proxyJump === undefined) return own === undefined ? [] : ["-F", own];
  const included = own === undefined ? [join(home, ".ssh/config"), "/etc/ssh/ssh_config"] : [own];
  const system =
    target.given.knownHostsFile === undefined ? target.globalKnownHostsFiles : GLOBAL_KNOWN_HOSTS;
  const lines = [
    "StrictHostKeyChecking yes",
    // Theirs may be /dev/null, which knows nobody: where `berth ssh trust` records these counts as well.
    `GlobalKnownHostsFile ${[...system, join(home, ".ssh/known_hosts")].map(quoted).join(" ")}`,
    ...hostKeyPolicy(target, { command: true }).map((option) => option.replace("=", " ")),
    // Nobody answers there; a question on the terminal would stand in the middle of somebody's output.
    "BatchMode yes",
    ...included.map((path) => `Include "${path.replace(/[*?[\]\\]/g, "\\$&")}"`),
  ];
  const path = join(directory, `${target.key}.config`);
  const temporary = `${path}.${process.pid}.${performance.now()}`;
  try {
    await writeFile(temporary, `${lines.join("\n")}\n`, { mode: 0o600, flag: "wx" });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return ["-F", path];
}
