import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { type BerthError, berthError, fileError } from "../../contract/errors.ts";
import { shellQuote } from "../shell-quote.ts";
import {
  checkHostKey,
  findKnownKeys,
  fingerprint,
  type HostKey,
  type HostKeyCheck,
  hashName,
  knownHostsName,
  typeForPeople,
} from "./known-hosts.ts";
import type { SshTarget } from "./target.ts";

/** What recording a host key did. */
export interface RecordedHostKey {
  /** The known_hosts file that has it. */
  readonly file: string;
  /** False when it was there already. */
  readonly added: boolean;
}

/** Appending is one write, but whether a line is there already has to be looked up before. */
const recording = new Map<string, Promise<unknown>>();

/**
 * Appends the host's key to the target's first known_hosts file as ssh does: under HostKeyAlias or [host]:port, hashed
 * where HashKnownHosts says so. A key that is known already is not recorded again. The file is made (0600, a new
 * directory 0700) where there is none; what is there is not touched.
 * @throws ssh.host_key_changed when the host has another key; ssh.host_key_revoked; EACCES, ENOSPC and others of the
 *   file
 */
export async function recordHostKey(target: SshTarget, key: HostKey): Promise<RecordedHostKey> {
  const [file] = target.userKnownHostsFiles;
  if (file === undefined) throw berthError("internal", { message: "a target without known_hosts file" });
  const before = recording.get(file);
  const recorded = (async () => {
    await before?.catch(() => {});
    const check = await checkHostKey(target, key.blob);
    if (check.status === "known") return { file: check.at?.file ?? file, added: false };
    const refusal = hostKeyError(target, key, check);
    if (check.status !== "unknown" && refusal !== undefined) throw refusal;
    await appendLine(file, lineFor(target, key));
    return { file, added: true };
  })();
  recording.set(file, recorded);
  try {
    return await recorded;
  } finally {
    if (recording.get(file) === recorded) recording.delete(file);
  }
}

/**
 * Records the key that an `ssh` has put in a file of its own when it let in a new host (`hostKeyOptions`).
 * @throws what recording throws
 */
export async function recordNewKey(target: SshTarget, file: string): Promise<void> {
  const text = await readFile(file, "latin1").catch((cause: NodeJS.ErrnoException) => {
    // There is none where the host was known already.
    if (cause.code === "ENOENT") return "";
    throw fileError(cause, file, "client");
  });
  const [key] = findKnownKeys(text, knownHostsName(target));
  if (key !== undefined) await recordHostKey(target, { type: key.type, blob: key.blob });
}

/**
 * The policy of the target for a key that its host shows: a known one is let through, an unknown one is recorded where
 * the configuration says `accept-new`. For connections that OpenSSH does not verify.
 * @throws ssh.host_key_unknown, ssh.host_key_changed, ssh.host_key_revoked; what recording throws
 */
export async function verifyHostKey(target: SshTarget, key: HostKey): Promise<void> {
  const check = await checkHostKey(target, key.blob);
  // A host with a certificate authority is no new one, only one that cannot be checked here.
  if (check.status === "unknown" && target.hostKeys === "accept-new" && !check.authorityOnly) {
    await recordHostKey(target, key);
    return;
  }
  const refusal = hostKeyError(target, key, check);
  if (refusal !== undefined) throw refusal;
}

/** A name that a pattern or a further field could be read into is written as hash, which stands for it alone. */
function lineFor(target: SshTarget, key: HostKey): string {
  const name = knownHostsName(target);
  const hashed = target.hashKnownHosts || !/^[A-Za-z0-9._:[\]%-]+$/.test(name);
  const names = hashed ? hashName(name, randomBytes(20)) : name;
  return `${names} ${key.type} ${key.blob.toString("base64")}`;
}

async function appendLine(path: string, line: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT;
    await using file = await open(path, flags, 0o600);
    const status = await file.stat();
    // /dev/null takes every key and knows none: each host would be new for ever.
    if (!status.isFile())
      throw berthError("EINVAL", { message: `${path} keeps no host keys`, context: { path } });
    const separator = (await endsWithinLine(file, status.size)) ? "\n" : "";
    await file.appendFile(`${separator}${line}\n`);
    await file.datasync();
  } catch (cause) {
    throw fileError(cause, path, "client");
  }
}

async function endsWithinLine(file: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return false;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] !== 0x0a;
}

/** What a connection to a host with this key fails with; undefined for a key that is known. */
export function hostKeyError(target: SshTarget, key: HostKey, check: HostKeyCheck): BerthError | undefined {
  const shown = `${typeForPeople(key.type)} ${fingerprint(key.blob)}`;
  const context = { host: target.name, fingerprint: fingerprint(key.blob), keyType: key.type };
  const where =
    check.at === undefined ? "" : `${check.at.file}${check.at.line > 0 ? `:${check.at.line}` : ""}`;
  switch (check.status) {
    case "known":
      return undefined;
    case "unknown":
      return check.authorityOnly ? authorityError(target, key) : unknownHostError(target, key);
    case "changed":
      return berthError("ssh.host_key_changed", {
        message: `the host key of ${target.name} is not the one that is known: it shows ${shown}, and ${where} has another`,
        hint: `Somebody may be in between, or the host was set up anew. Ask its administrator; only then remove the old key: ${removeCommand(target, check.at?.file)}`,
        context: { ...context, known: where },
      });
    case "revoked":
      return berthError("ssh.host_key_revoked", {
        message: `the host key of ${target.name} is revoked: ${shown}, by ${where}`,
        context: { ...context, known: where },
      });
  }
}

/** ssh.host_key_unknown with the fingerprint and the command that records the key. */
export function unknownHostError(target: SshTarget, key: HostKey): BerthError {
  const shown = `${typeForPeople(key.type)} ${fingerprint(key.blob)}`;
  return berthError("ssh.host_key_unknown", {
    message: `the host key of ${target.name} is not known: ${shown}`,
    hint: `Compare the fingerprint with the host's own, then: ${trustCommand(target)}`,
    context: { host: target.name, fingerprint: fingerprint(key.blob), keyType: key.type },
  });
}

function authorityError(target: SshTarget, key: HostKey): BerthError {
  return berthError("ssh.host_key_unknown", {
    message: `${target.name} is known by a certificate authority alone, which ssh2 cannot check`,
    hint: `Use transport: "openssh", which checks certificates, or record its key: ${trustCommand(target)}`,
    context: { host: target.name, fingerprint: fingerprint(key.blob), keyType: key.type },
  });
}

/** `berth ssh trust` for exactly this host, in the files that this target reads. */
export function trustCommand(target: Pick<SshTarget, "name" | "given">): string {
  const { configFile, knownHostsFile } = target.given;
  return [
    "berth ssh trust",
    ...(configFile === undefined ? [] : ["--ssh-config", shellQuote(configFile)]),
    ...(knownHostsFile === undefined ? [] : ["--known-hosts", shellQuote(knownHostsFile)]),
    shellQuote(target.name),
  ].join(" ");
}

function removeCommand(target: SshTarget, file: string | undefined): string {
  return `ssh-keygen -R ${shellQuote(knownHostsName(target))}${file === undefined ? "" : ` -f ${shellQuote(file)}`}`;
}
