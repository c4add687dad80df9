import * as z from "zod";
import { baseDir, common, ownPath, secretReferenceSchema } from "./config-fields.ts";

/**
 * What OpenSSH lets no host or user name hold either (valid_hostname and valid_ruser of its ssh.c): a ProxyCommand or
 * Match exec of the user's configuration hands them to a shell. A leading dash would be an option.
 */
const UNSAFE = /^-|[\s\0-\x1f\x7f'`"$;&<>|(){}]/;

/** A user name may have an @ and a backslash, as those of directories do: me@corp.example, CORP\me. */
const isUserName = (text: string): boolean => text !== "" && !UNSAFE.test(text) && !/[:/]|\\$/.test(text);

/** As OpenSSH prints the fingerprint of a key: 43 letters of base64, whose padding it leaves out. */
export const FINGERPRINT = /^SHA256:[A-Za-z0-9+/]{43}=?$/;

const PORT = "has to be a number from 1 to 65535, such as 2222";
const EXAMPLE = "for example box, dev@box, dev@box.example:2222 or ssh://dev@box/srv/app";

/** As isIPv6 of node:net, which pages have not: with a zone, as fe80::1%eth0. */
export function isIPv6(text: string): boolean {
  const [, address = ""] = /^([0-9A-Fa-f:.]+)(?:%[0-9A-Za-z.:-]+)?$/.exec(text) ?? [];
  return address !== "" && URL.canParse(`http://[${address}]/`);
}

/** A host reached by SSH. Once it is read, `host` has been taken apart: it is the bare name, alias or address. */
export const sshConfigSchema = z.strictObject({
  type: z.literal("ssh"),
  ...common,
  /** Where workspaces stand on the host. Default ~/berth. */
  baseDir,
  /** Host name, address or alias of the user's ssh configuration; also user@host and ssh://user@host:port. */
  host: z.string(`has to be a text, ${EXAMPLE}`),
  /** Who logs in. Default: what the ssh configuration says, else the user of this machine. */
  user: z.string().refine(isUserName, { message: 'is not a user name, such as "dev"' }).optional(),
  /** Default: what the ssh configuration says, else 22. */
  port: z.int(PORT).min(1, PORT).max(65535, PORT).optional(),
  /**
   * Private key of this machine. Tried first, in place of the agent's other keys and of the default ones; what the
   * user's ssh configuration has for the host comes after it, as with `ssh -i`.
   */
  identityFile: ownPath.optional(),
  /** Where the password is found; makes the transport ssh2. */
  password: secretReferenceSchema.optional(),
  /** Where the passphrase of an encrypted key is found; makes the transport ssh2. */
  passphrase: secretReferenceSchema.optional(),
  /** "auto": the system's OpenSSH, or ssh2 where there is none or where an answer has to be given by the program. */
  transport: z.enum(["auto", "openssh", "ssh2"]).optional(),
  /** "strict" (default): only hosts that are known; "accept-new": unknown ones are recorded. A changed key is refused by both. */
  hostKeys: z.enum(["strict", "accept-new"]).optional(),
  /** Instead of the user's known_hosts, such as for hosts that live for an hour. */
  knownHostsFile: ownPath.optional(),
  /** Instead of the user's ssh configuration (`ssh -F`). */
  configFile: ownPath.optional(),
  /** The agent of this machine can be used in the place. Default false. */
  forwardAgent: z.boolean().optional(),
  /** Milliseconds to connect and authenticate. Default 15,000. */
  connectTimeoutMs: z.int().min(100).max(600_000).optional(),
  /** Connections to this host at most. Default 4. */
  maxConnections: z.int().min(1).max(16).optional(),
});

export type SshConfig = z.infer<typeof sshConfigSchema>;
export type SecretReference = z.infer<typeof secretReferenceSchema>;

/** What `user@host:port` says. */
export interface SshHost {
  readonly host: string;
  readonly user?: string;
  readonly port?: number;
  readonly workdir?: string;
}

/**
 * Takes a host apart: `box`, `dev@box:2222`, `[::1]:22`, or as URI `ssh://dev@box:2222/srv/app`; `/~` and `/~/app` are in
 * the home directory. A percent sign and every other character of the path mean themselves.
 * @returns the parts, or in words what is wrong; never with the text itself, which may hold a password
 */
export function parseSshHost(text: string): SshHost | string {
  // An address alone, as it comes out of here.
  if (isIPv6(text) && !UNSAFE.test(text)) return { host: text };
  const uri = text.startsWith("ssh://");
  const rest = uri ? text.slice("ssh://".length) : text;
  const slash = rest.indexOf("/");
  if (!uri && slash !== -1) return `a host has no path; ${EXAMPLE}`;
  const authority = slash === -1 ? rest : rest.slice(0, slash);
  const path = slash === -1 ? "" : rest.slice(slash);
  const at = authority.lastIndexOf("@");
  const user = at === -1 ? undefined : authority.slice(0, at);
  if (user?.includes(":")) {
    return 'a password does not belong here: use a key, or password: { env: "NAME" } in berth.yaml';
  }
  if (user !== undefined && !isUserName(user)) return `the user name is not valid; ${EXAMPLE}`;
  const address = authority.slice(at + 1);
  if (!address.startsWith("[") && address.split(":").length > 2) {
    return "an IPv6 address stands in brackets: ssh://dev@[::1]:22/srv/app";
  }
  const match = /^(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([^:[\]\\]+))(?::(.*))?$/s.exec(address);
  if (match === null || UNSAFE.test(match[2] ?? "")) return `the host is missing or not valid; ${EXAMPLE}`;
  const [, bracketed, name, portText] = match;
  const port = portText === undefined ? undefined : Number(portText);
  if (port !== undefined && !(/^\d+$/.test(portText ?? "") && port >= 1 && port <= 65535)) {
    return `the port has to be a number from 1 to 65535; ${EXAMPLE}`;
  }
  if (path.includes("\0")) return "the path has a NUL character";
  const workdir = /^\/~(?=\/|$)/.test(path) ? path.slice(1) : path;
  return {
    host: bracketed ?? name ?? "",
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port }),
    ...(workdir.length > 1 || workdir === "~" ? { workdir } : {}),
  };
}

/**
 * The configuration with its `host` taken apart.
 * @returns it, or "field: reason" of what contradicts itself
 */
export function normalizeSshConfig(config: SshConfig): SshConfig | string {
  const parsed = parseSshHost(config.host);
  if (typeof parsed === "string") return `host: ${parsed}`;
  for (const field of ["user", "port", "workdir"] as const) {
    if (parsed[field] !== undefined && config[field] !== undefined && parsed[field] !== config[field]) {
      return `${field}: ${JSON.stringify(config[field])} contradicts the host, which says ${JSON.stringify(parsed[field])}; give it once, for example host: "box", ${field}: ${JSON.stringify(config[field])}`;
    }
  }
  if (config.knownHostsFile !== undefined && /^\/dev\/(?:null|zero)$/.test(config.knownHostsFile)) {
    return 'knownHostsFile: keeps no host keys, so every host would be let in; for hosts that live for an hour give a file and hostKeys: "accept-new", for example knownHostsFile: "~/.ssh/known_hosts_ci"';
  }
  if (config.transport === "openssh" && (config.password ?? config.passphrase) !== undefined) {
    const field = config.password === undefined ? "passphrase" : "password";
    return `${field}: OpenSSH takes none from a program; use transport: "ssh2" or leave transport out`;
  }
  return { ...config, ...parsed };
}
