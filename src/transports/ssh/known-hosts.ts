import { createHash, createHmac } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lookFor, runLocal } from "./openssh-client.ts";
import type { SshTarget } from "./target.ts";

/** A public key as it goes over the wire: RFC 4253, 6.6. */
export interface HostKey {
  /** "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256". */
  readonly type: string;
  readonly blob: Buffer;
}

/** A line of known_hosts that is about a host. */
export interface KnownHostKey extends HostKey {
  readonly marker: "none" | "revoked" | "cert-authority";
  readonly file: string;
  readonly line: number;
}

export interface HostKeyCheck {
  /**
   * "changed" as OpenSSH has it: none of the host's known keys is this one, of whatever type they are. A key of
   * another type is what somebody in between would show.
   */
  readonly status: "known" | "unknown" | "changed" | "revoked";
  /** Of a key that is known, changed or revoked: the line that says so. */
  readonly at?: { readonly file: string; readonly line: number };
  /** The host is known by a certificate authority alone, which only OpenSSH can check. */
  readonly authorityOnly: boolean;
}

/** What a target's known_hosts files say about its host. */
export interface KnownKeys {
  /** Under the host's own name; with a port other than 22 that is [host]:port. */
  readonly own: readonly KnownHostKey[];
  /** Under the name without port, where OpenSSH looks too: a key found there is known, another one says nothing. */
  readonly withoutPort: readonly KnownHostKey[];
}

/** The name under which known_hosts has the target's host. */
export function knownHostsName(target: Pick<SshTarget, "hostname" | "port" | "hostKeyAlias">): string {
  if (target.hostKeyAlias !== undefined) return target.hostKeyAlias;
  const host = target.hostname.toLowerCase();
  return target.port === 22 ? host : `[${host}]:${target.port}`;
}

/** Reads the target's known_hosts files. One that is not there or that cannot be read knows nobody. */
export async function readKnownKeys(target: SshTarget): Promise<KnownKeys> {
  const files = [...target.userKnownHostsFiles, ...target.globalKnownHostsFiles];
  const texts = await Promise.all(
    files.map((file) =>
      readFile(file, "latin1").then(
        (text) => ({ file, text }),
        () => ({ file, text: "" }),
      ),
    ),
  );
  const under = (name: string): KnownHostKey[] =>
    texts.flatMap(({ file, text }) => findKnownKeys(text, name, file));
  const aliased = target.hostKeyAlias !== undefined || target.port === 22;
  return {
    own: under(knownHostsName(target)),
    withoutPort: aliased ? [] : under(target.hostname.toLowerCase()),
  };
}

/**
 * Whether a key is that of the target's host, by its known_hosts files and its RevokedHostKeys, as OpenSSH decides
 * with StrictHostKeyChecking on. Certificates are never known here.
 */
export async function checkHostKey(target: SshTarget, blob: Buffer): Promise<HostKeyCheck> {
  const [known, revoked] = await Promise.all([
    readKnownKeys(target),
    target.revokedHostKeysFile === undefined ? false : isRevoked(target.revokedHostKeysFile, blob),
  ]);
  if (revoked && target.revokedHostKeysFile !== undefined) {
    return { status: "revoked", at: { file: target.revokedHostKeysFile, line: 0 }, authorityOnly: false };
  }
  return judge(known, blob);
}

/** The decision of `checkHostKey`, without its files. */
export function judge({ own, withoutPort }: KnownKeys, blob: Buffer): HostKeyCheck {
  const same = (key: KnownHostKey): boolean => key.blob.equals(blob);
  const plain = own.filter(({ marker }) => marker === "none");
  const authorityOnly = plain.length === 0 && own.some(({ marker }) => marker === "cert-authority");
  const all = [...own, ...withoutPort];
  const revoked = all.find((key) => key.marker === "revoked" && same(key));
  if (revoked !== undefined) return { status: "revoked", at: revoked, authorityOnly };
  const match = plain.find(same);
  if (match !== undefined) return { status: "known", at: match, authorityOnly };
  const [other] = plain;
  if (other !== undefined) return { status: "changed", at: other, authorityOnly };
  const elsewhere = withoutPort.find((key) => key.marker === "none" && same(key));
  if (elsewhere !== undefined) return { status: "known", at: elsewhere, authorityOnly };
  return { status: "unknown", authorityOnly };
}

/**
 * Algorithms whose keys are known, to be preferred when the connection is negotiated: a host with several keys shows
 * one of these then, and is known. Empty when none is.
 */
export function knownAlgorithms({ own, withoutPort }: KnownKeys): string[] {
  const plain = (keys: readonly KnownHostKey[]) => keys.filter(({ marker }) => marker === "none");
  const keys = plain(own).length > 0 ? plain(own) : plain(withoutPort);
  return [...new Set(keys.map(({ type }) => type))].flatMap((type) =>
    type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type],
  );
}

/** "SHA256:…" as ssh and ssh-keygen show it. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

/** "ED25519": the type of a key as people read it in ssh's messages. */
export function typeForPeople(type: string): string {
  if (type.startsWith("ecdsa-")) return "ECDSA";
  return type
    .replace(/^sk-/, "")
    .replace(/^ssh-/, "")
    .replace(/^dss$/, "dsa")
    .replace(/@.*$/, "")
    .toUpperCase();
}

/** The lines of a known_hosts file that are about `name`. Lines that cannot be read are skipped, as ssh does. */
export function findKnownKeys(text: string, name: string, file = "known_hosts"): KnownHostKey[] {
  const found: KnownHostKey[] = [];
  let line = 0;
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    line += 1;
    const key = matchLine(text.slice(start, end), name);
    if (key !== undefined) found.push({ ...key, file, line });
    start = end + 1;
  }
  return found;
}

function matchLine(line: string, name: string): Omit<KnownHostKey, "file" | "line"> | undefined {
  const words = line.split(/[ \t\r]+/);
  if (words[0] === "") words.shift();
  if (words[0] === undefined || words[0].startsWith("#")) return undefined;
  const marker = words[0].startsWith("@") ? MARKERS.get(words.shift() ?? "") : "none";
  const [names, type, base64] = words;
  if (marker === undefined || names === undefined || type === undefined || base64 === undefined) {
    return undefined;
  }
  if (!matchesNames(names, name)) return undefined;
  const blob = decodeKey(type, base64);
  return blob && { marker, type, blob };
}

const MARKERS = new Map<string, KnownHostKey["marker"]>([
  ["@revoked", "revoked"],
  ["@cert-authority", "cert-authority"],
]);

/** Whether a name is in the first field of a line: a hashed name, or patterns of which none is negated and matches. */
export function matchesNames(names: string, name: string): boolean {
  if (names.startsWith("|")) return matchesHash(names, name);
  const host = name.toLowerCase();
  let matched = false;
  for (const pattern of names.toLowerCase().split(",")) {
    if (pattern.startsWith("!")) {
      if (matchesPattern(pattern.slice(1), host)) return false;
    } else if (matchesPattern(pattern, host)) matched = true;
  }
  return matched;
}

/** |1|salt|hash: HMAC-SHA1 of the name with 20 bytes of salt, both in base64. */
function matchesHash(field: string, name: string): boolean {
  const [, version, salt = "", hash] = field.split("|");
  if (version !== "1") return false;
  const key = Buffer.from(salt, "base64");
  return key.length === HASH_BYTES && createHmac("sha1", key).update(name).digest("base64") === hash;
}

const HASH_BYTES = 20;

/** `name` as HashKnownHosts writes it. */
export function hashName(name: string, salt: Buffer): string {
  return `|1|${salt.toString("base64")}|${createHmac("sha1", salt).update(name).digest("base64")}`;
}

/** `*` stands for any characters, `?` for one. In linear time for every pattern: the file may be anybody's. */
export function matchesPattern(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    if (pattern[p] === "*") {
      star = p;
      resume = t;
      p += 1;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[t])) {
      p += 1;
      t += 1;
    } else if (star !== -1) {
      p = star + 1;
      resume += 1;
      t = resume;
    } else return false;
  }
  while (pattern[p] === "*") p += 1;
  return p === pattern.length;
}

/** A key of a line; undefined when it is no key of the type that it says. */
export function decodeKey(type: string, base64: string): Buffer | undefined {
  const blob = Buffer.from(base64, "base64");
  if (blob.toString("base64") !== base64) return undefined;
  // Strings with their length before them, the first of which is the type.
  const fields: Buffer[] = [];
  for (let at = 0; at < blob.length; ) {
    if (at + 4 > blob.length) return undefined;
    const end = at + 4 + blob.readUInt32BE(at);
    if (end > blob.length) return undefined;
    fields.push(blob.subarray(at + 4, end));
    at = end;
  }
  if (fields.length < 2 || fields[0]?.toString("latin1") !== type) return undefined;
  return type === "ssh-ed25519" && fields[1]?.length !== 32 ? undefined : blob;
}

/** The type that a key says of itself. */
export function hostKeyOf(blob: Buffer): HostKey {
  const length = blob.length < 4 ? 0 : blob.readUInt32BE(0);
  return { type: blob.toString("latin1", 4, 4 + length), blob };
}

/** First bytes of a key revocation list (PROTOCOL.krl of OpenSSH). */
const KRL_MAGIC = "SSHKRL\n\0";

/**
 * Whether a file of RevokedHostKeys has the key. One that cannot be read revokes all, as in OpenSSH: what it was
 * written for would be let through otherwise.
 */
async function isRevoked(file: string, blob: Buffer): Promise<boolean> {
  const text = await readFile(file, "latin1").catch(() => undefined);
  if (text === undefined) return true;
  if (!text.startsWith(KRL_MAGIC)) {
    const base64 = blob.toString("base64");
    return text.split("\n").some((line) => !line.trimStart().startsWith("#") && line.includes(base64));
  }
  const keygen = await lookFor("ssh-keygen", process.env.PATH ?? "");
  if (keygen === undefined) return true;
  const directory = await mkdtemp(join(tmpdir(), "berth-host-key-"));
  try {
    const path = join(directory, "key.pub");
    await writeFile(path, `${hostKeyOf(blob).type} ${blob.toString("base64")}\n`, { mode: 0o600 });
    const { exitCode } = await runLocal([keygen, "-Q", "-f", file, path]);
    return exitCode !== 0;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
