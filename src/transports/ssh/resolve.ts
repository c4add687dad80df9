import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { access, open } from "node:fs/promises";
import { userInfo } from "node:os";
import { join, resolve } from "node:path";
import type { SshConfig } from "../../contract/config-ssh.ts";
import { berthError, isBerthError } from "../../contract/errors.ts";
import { destinationOptions, findOpenSsh, GLOBAL_KNOWN_HOSTS, runLocal } from "./openssh-client.ts";
import {
  expandPath,
  parseSshConfigOutput,
  type SshConfigOutput,
  splitPaths,
  type TokenContext,
} from "./ssh-config-output.ts";
import type { SshTarget } from "./target.ts";

const CONNECT_TIMEOUT_MS = 15_000;
const MAX_CONNECTIONS = 4;

/** The order in which OpenSSH tries them (ssh_config(5), IdentityFile). */
const DEFAULT_IDENTITIES = ["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"];

/**
 * The first is a patch of Debian and others, by which a Kerberos server vouches for the host; the second came with
 * OpenSSH 8.5, which prints it where it is set.
 */
const HOST_PROOFS = ["GSSAPIKeyExchange", "KnownHostsCommand"] as const;

/** What does not count without an ssh that reads the user's configuration. */
const LOST = [
  "Host aliases, Include and Match of ~/.ssh/config do not count: this machine has no ssh that reads them.",
  "ProxyJump and ProxyCommand do not count: the host is connected to directly.",
  "Certificates do not count, neither the host's nor the user's.",
] as const;

/** Everything of a target that the ssh configuration decides. */
type Resolved = Omit<
  SshTarget,
  "name" | "alias" | "given" | "hostKeys" | "connectTimeoutMs" | "maxConnections" | "key" | Own
>;
type Own = "transport" | "password" | "passphrase" | "forwardAgent";

interface Account {
  readonly home: string;
  readonly name: string;
  readonly id: number;
}

/**
 * A host as it is connected to: what `ssh -G` makes of the configuration, or, on a machine without ssh, Berth's few
 * defaults (then `lost` says what does not count). Connects to nothing.
 * @throws ssh.config_invalid with what ssh says; ssh.key_unusable for an identityFile that is not there or that others
 *   can read; ssh.client_missing when the transport has to be OpenSSH; operation.aborted
 */
export async function resolveSshTarget(
  config: SshConfig,
  options: { readonly signal?: AbortSignal | undefined; readonly environment?: NodeJS.ProcessEnv } = {},
): Promise<SshTarget> {
  const environment = options.environment ?? process.env;
  const account = thisAccount(environment);
  const own = (path: string | undefined): string | undefined =>
    path?.startsWith("~/") ? join(environment.HOME || account.home, path.slice(2)) : path;
  const given = {
    user: config.user,
    port: config.port,
    identityFile: own(config.identityFile),
    knownHostsFile: own(config.knownHostsFile),
    configFile: own(config.configFile),
  };
  if (given.identityFile !== undefined) await checkIdentity(given.identityFile);
  const client = await findOpenSsh(environment);
  if (client === undefined && config.transport === "openssh") throw berthError("ssh.client_missing");
  const wanted = { config, given, environment, account, signal: options.signal };
  const [resolved, fingerprint] =
    client === undefined ? await byDefaults(wanted) : await byOpenSsh(client.path, wanted);
  const target = {
    ...resolved,
    ...(given.identityFile === undefined ? {} : withIdentity(given.identityFile, resolved)),
    ...(given.knownHostsFile === undefined
      ? { userKnownHostsFiles: usableKnownHosts(resolved.userKnownHostsFiles, account.home) }
      : { userKnownHostsFiles: [given.knownHostsFile], globalKnownHostsFiles: [] }),
    alias: config.host,
    name: nameOf(config),
    given,
    hostKeys: config.hostKeys ?? "strict",
    forwardAgent: config.forwardAgent ?? false,
    connectTimeoutMs: config.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    maxConnections: config.maxConnections ?? MAX_CONNECTIONS,
    transport: config.transport ?? "auto",
    password: config.password,
    passphrase: config.passphrase,
  };
  return { ...target, key: keyOf(target, fingerprint) };
}

function thisAccount(environment: NodeJS.ProcessEnv): Account {
  try {
    const { homedir, username, uid } = userInfo();
    return { home: homedir, name: username, id: uid };
  } catch {
    // An account that is in no user database, as in some containers; ssh itself refuses to run as one.
    return {
      home: environment.HOME ?? "/",
      name: environment.USER ?? "root",
      id: process.getuid?.() ?? 0,
    };
  }
}

/** "box", "dev@box:2222": what the configuration says, and not what ssh makes of it. */
function nameOf(config: SshConfig): string {
  const { host, user, port } = config;
  const address = host.includes(":") ? `[${host}]` : host;
  return `${user === undefined ? "" : `${user}@`}${address}${port === undefined ? "" : `:${port}`}`;
}

/**
 * ssh would go on without a key that it cannot use, and fail later for a reason that has nothing to do with it.
 * @throws ssh.key_unusable
 */
async function checkIdentity(path: string): Promise<void> {
  const unusable = (reason: string) =>
    berthError("ssh.key_unusable", {
      message: `the key ${path} cannot be used: ${reason}`,
      context: { path },
    });
  try {
    // A pipe without a writer would be waited for.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const status = await file.stat();
    if (!status.isFile()) throw unusable("it is not a file");
    const { buffer, bytesRead } = await file.read(Buffer.alloc(16), 0, 16, 0);
    // A public key names the one of the agent's keys that is to be used; it may be read by all.
    if (/^(ssh-|ecdsa-|sk-)/.test(buffer.toString("latin1", 0, bytesRead))) return;
    if (status.uid === process.getuid?.() && (status.mode & 0o077) !== 0) {
      throw unusable(`others can read it (chmod 600 ${path})`);
    }
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === "ENOENT") throw unusable("there is no such file");
    if (code === "EACCES" || code === "EPERM") throw unusable("you may not read it");
    throw cause;
  }
}

/** ssh itself lists the given one first; what the configuration has for the host comes after it. */
function withIdentity(path: string, { identityFiles, resolvedBy }: Resolved) {
  return { identityFiles: resolvedBy === "openssh" ? identityFiles : [path], identitiesOnly: true };
}

interface Wanted {
  readonly config: SshConfig;
  readonly given: SshTarget["given"];
  readonly environment: NodeJS.ProcessEnv;
  readonly account: Account;
  readonly signal: AbortSignal | undefined;
}

async function byOpenSsh(ssh: string, wanted: Wanted): Promise<[Resolved, readonly string[]]> {
  const { config, given, environment, account, signal } = wanted;
  const argv = [
    ssh,
    "-G",
    ...(given.configFile === undefined ? [] : ["-F", given.configFile]),
    ...destinationOptions({ given }),
    "--",
    config.host,
  ];
  const { exitCode, stdout, stderr } = await runLocal(argv, { environment, signal }).catch((cause) => {
    if (!isBerthError(cause, "operation.timeout")) throw cause;
    throw berthError("ssh.config_invalid", {
      message: `ssh -G ${config.host} does not end: a Match exec of the configuration may wait for something`,
      context: { host: config.host },
      cause,
    });
  });
  if (exitCode !== 0) {
    const lines = stderr.split(/\r?\n/).filter((line) => line !== "" && !line.startsWith("Pseudo-terminal"));
    throw berthError("ssh.config_invalid", {
      message: `ssh does not accept its configuration for ${config.host}: ${lines[0] ?? `ssh -G ended with ${exitCode}`}`,
      context: { host: config.host },
    });
  }
  const output = parseSshConfigOutput(stdout);
  const one = (keyword: string): string | undefined => {
    const value = output.get(keyword)?.[0];
    return value === undefined || value.toLowerCase() === "none" ? undefined : value;
  };
  const hostname = one("hostname") ?? config.host;
  const user = one("user") ?? account.name;
  const port = Number(one("port") ?? 22);
  const proxyJump = one("proxyjump");
  const hostKeyAlias = one("hostkeyalias");
  const context: TokenContext = {
    home: account.home,
    localUser: account.name,
    userId: account.id,
    alias: config.host,
    ...{ hostname, user, port, proxyJump, hostKeyAlias, environment },
  };
  const paths = (keyword: string): string[] =>
    (output.get(keyword) ?? [])
      .filter((path) => path.toLowerCase() !== "none")
      .flatMap((path) => expandPath(path, context) ?? []);
  // An older ssh prints them as they are written; what a newer one has expanded is not looked at again.
  const files = (keyword: string): string[] =>
    splitPaths(one(keyword) ?? "none").map((path) =>
      resolve(path.startsWith("~") ? (expandPath(path, context) ?? path) : path),
    );
  const revoked = one("revokedhostkeys");
  const resolved: Resolved = {
    hostname,
    user,
    port,
    identityFiles: await existingIdentities(paths("identityfile")),
    identitiesOnly: one("identitiesonly") === "yes",
    identityAgent: agentSocket(output.get("identityagent")?.[0], context),
    certificateFiles: await existing(paths("certificatefile")),
    proxyJump,
    proxyCommand: proxyJump === undefined ? one("proxycommand") : undefined,
    hostKeyAlias,
    userKnownHostsFiles: files("userknownhostsfile"),
    globalKnownHostsFiles: files("globalknownhostsfile"),
    revokedHostKeysFile: revoked === undefined ? undefined : (expandPath(revoked, context) ?? revoked),
    ciphers: one("ciphers")?.split(",") ?? [],
    hashKnownHosts: one("hashknownhosts") === "yes",
    hostProofs: HOST_PROOFS.filter((option) => output.has(option.toLowerCase())),
    resolvedBy: "openssh",
    lost: [],
  };
  return [resolved, connectionLines(output, config.host)];
}

/**
 * All that ssh knows of the connection: two aliases of one host share it, unless something of their configuration
 * differs or names the alias itself.
 */
function connectionLines(output: SshConfigOutput, alias: string): string[] {
  const lines = [...output]
    .filter(([keyword]) => keyword !== "host")
    .flatMap(([keyword, values]) => values.map((value) => `${keyword} ${value}`));
  return lines.some((line) => /%[nk]/.test(line)) ? [...lines, alias] : lines;
}

async function byDefaults(wanted: Wanted): Promise<[Resolved, readonly string[]]> {
  const { config, environment, account } = wanted;
  const home = environment.HOME || account.home;
  const resolved: Resolved = {
    hostname: config.host,
    user: config.user ?? account.name,
    port: config.port ?? 22,
    identityFiles: await existingIdentities(DEFAULT_IDENTITIES.map((name) => join(home, ".ssh", name))),
    identitiesOnly: false,
    identityAgent: environment.SSH_AUTH_SOCK || undefined,
    certificateFiles: [],
    proxyJump: undefined,
    proxyCommand: undefined,
    hostKeyAlias: undefined,
    userKnownHostsFiles: [join(home, ".ssh/known_hosts"), join(home, ".ssh/known_hosts2")],
    globalKnownHostsFiles: GLOBAL_KNOWN_HOSTS,
    revokedHostKeysFile: undefined,
    ciphers: [],
    hashKnownHosts: false,
    hostProofs: [],
    resolvedBy: "berth",
    lost: LOST,
  };
  return [resolved, []];
}

async function existing(paths: readonly string[]): Promise<string[]> {
  const there = await Promise.all(
    paths.map((path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    ),
  );
  return paths.filter((_, index) => there[index]);
}

/** Where only the public half of a key is there, it stands for the key: the agent has the other one. */
async function existingIdentities(paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    paths.map(async (path) => (await existing([path]))[0] ?? (await existing([`${path}.pub`]))[0]),
  );
  return [...new Set(found.flatMap((path) => path ?? []))];
}

/** IdentityAgent: a path, "none", SSH_AUTH_SOCK or $VARIABLE (ssh_config(5)). */
function agentSocket(value: string | undefined, context: TokenContext): string | undefined {
  if (value === undefined || value === "SSH_AUTH_SOCK") return context.environment.SSH_AUTH_SOCK || undefined;
  if (value.toLowerCase() === "none") return undefined;
  const variable = /^\$([A-Za-z_]\w*)$/.exec(value)?.[1];
  if (variable !== undefined) return context.environment[variable] || undefined;
  return expandPath(value, context);
}

/**
 * A configuration that keeps no host keys (`UserKnownHostsFile /dev/null`, usual beside StrictHostKeyChecking no)
 * would leave no way to know the host; then the account's usual file counts.
 */
function usableKnownHosts(files: readonly string[], home: string): string[] {
  const usable = files.filter((file) => file !== "/dev/null");
  return usable.length > 0 ? usable : [join(home, ".ssh/known_hosts")];
}

function keyOf(target: Omit<SshTarget, "key">, fingerprint: readonly string[]): string {
  const { name, alias, connectTimeoutMs, maxConnections, lost, ...deciding } = target;
  // What is tried follows from the configuration; a key that somebody adds meanwhile makes no other connection.
  const { identityFiles, certificateFiles, ...stable } = deciding;
  const text = JSON.stringify([stable, fingerprint]);
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}
