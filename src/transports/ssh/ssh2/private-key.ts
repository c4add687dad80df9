import { createPrivateKey } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import type { ParsedKey } from "ssh2";
import type { Ssh2 } from "./library.ts";

/** No private key is larger; RSA with 16,384 bits has 13 KB. */
const LIMIT_BYTES = 64 * 1024;

/** What stands in an identity file, as far as it can be told without a passphrase. */
export type KeyFile =
  | {
      readonly kind: "private";
      readonly path: string;
      readonly publicBlob: Buffer | undefined;
      readonly encrypted: boolean;
    }
  /** The agent may hold the private half. */
  | { readonly kind: "public"; readonly path: string; readonly publicBlob: Buffer }
  | { readonly kind: "unusable"; readonly path: string; readonly reason: string };

/** Reads an identity file, and the public key beside it where the private one does not tell it. Never throws. */
export async function readKeyFile(ssh2: Ssh2, path: string): Promise<KeyFile> {
  const unusable = (reason: string): KeyFile => ({ kind: "unusable", path, reason });
  let text: string;
  try {
    text = await readPrivate(path);
  } catch (cause) {
    return unusable(cause instanceof Error ? reasonOf(cause) : String(cause));
  }
  const publicHere = publicBlobOf(text);
  if (publicHere !== undefined) {
    return isHardwareKey(publicHere) ? unusable(HARDWARE) : { kind: "public", path, publicBlob: publicHere };
  }
  const header = openSshHeader(text);
  if (header !== undefined) {
    return isHardwareKey(header.publicBlob) ? unusable(HARDWARE) : { kind: "private", path, ...header };
  }
  if (!text.includes("PRIVATE KEY-----")) return unusable("it is no private key");
  const encrypted = /ENCRYPTED/.test(text);
  if (encrypted) {
    const beside = await readFile(`${path}.pub`, "utf8").then(publicBlobOf, () => undefined);
    return { kind: "private", path, publicBlob: beside, encrypted };
  }
  const parsed = parsePrivateKey(ssh2, text, undefined);
  if (parsed === undefined)
    return unusable("its format is not one that ssh2 reads; `ssh-keygen -p -f` rewrites it");
  return { kind: "private", path, publicBlob: parsed.getPublicSSH(), encrypted: false };
}

/**
 * The key itself; undefined for a wrong passphrase.
 * @throws when the file cannot be read any more
 */
export async function openPrivateKey(
  ssh2: Ssh2,
  path: string,
  passphrase: string | undefined,
): Promise<ParsedKey | undefined> {
  return parsePrivateKey(ssh2, await readPrivate(path), passphrase);
}

const HARDWARE = "it is on a FIDO security key, which ssh2 cannot use; transport openssh can";

function isHardwareKey(publicBlob: Buffer): boolean {
  return /^sk-|^webauthn-/.test(keyTypeOf(publicBlob));
}

/** "ssh-ed25519": the first string of a public key. */
export function keyTypeOf(publicBlob: Buffer): string {
  const length = publicBlob.length < 4 ? 0 : publicBlob.readUInt32BE(0);
  return publicBlob.toString("latin1", 4, Math.min(4 + length, publicBlob.length));
}

/** As ssh: a private key that others can read is not used. */
async function readPrivate(path: string): Promise<string> {
  await using file = await open(path, "r");
  const { mode, uid, size } = await file.stat();
  if (size > LIMIT_BYTES) throw new Error("it is too large for a key");
  const text = await file.readFile("utf8");
  const readable = uid === process.getuid?.() && (mode & 0o077) !== 0;
  if (readable && text.includes("PRIVATE KEY-----")) {
    throw new Error("others can read it (chmod 600)");
  }
  return text;
}

function reasonOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined ? error.message : `it cannot be read: ${code}`;
}

/** The key of a line "type base64 comment". */
function publicBlobOf(text: string): Buffer | undefined {
  const [type, base64] = text.trimStart().split(/\s+/, 2);
  if (type === undefined || base64 === undefined || !/^[\w@.-]+$/.test(type)) return undefined;
  const blob = Buffer.from(base64, "base64");
  return keyTypeOf(blob) === type && type !== "" ? blob : undefined;
}

const MAGIC = "openssh-key-v1\0";

/** OpenSSH's own format tells its public key and its cipher in clear (PROTOCOL.key of OpenSSH). */
function openSshHeader(text: string): { publicBlob: Buffer; encrypted: boolean } | undefined {
  const match = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]+?)-----END/.exec(text);
  const bytes = Buffer.from(match?.[1] ?? "", "base64");
  if (bytes.toString("latin1", 0, MAGIC.length) !== MAGIC) return undefined;
  let at = MAGIC.length;
  const field = (): Buffer => {
    if (at + 4 > bytes.length) return Buffer.alloc(0);
    const start = at + 4;
    at = start + bytes.readUInt32BE(at);
    return bytes.subarray(start, at);
  };
  const cipher = field().toString("latin1");
  field();
  field();
  at += 4;
  // A copy: `bytes` holds the private key too and is wiped.
  const publicBlob = Buffer.from(field());
  bytes.fill(0);
  return publicBlob.length === 0 ? undefined : { publicBlob, encrypted: cipher !== "none" };
}

function parsePrivateKey(ssh2: Ssh2, text: string, passphrase: string | undefined): ParsedKey | undefined {
  const parsed = parse(ssh2, text, passphrase) ?? parse(ssh2, rewritten(text, passphrase), undefined);
  return parsed?.isPrivateKey() ? parsed : undefined;
}

function parse(ssh2: Ssh2, text: string | undefined, passphrase: string | undefined): ParsedKey | undefined {
  if (text === undefined) return undefined;
  const parsed: ParsedKey | ParsedKey[] | Error = ssh2.utils.parseKey(text, passphrase);
  if (parsed instanceof Error) return undefined;
  return Array.isArray(parsed) ? parsed[0] : parsed;
}

/** PKCS #8, which ssh2 does not read, as what it does. */
function rewritten(text: string, passphrase: string | undefined): string | undefined {
  if (!/-----BEGIN (ENCRYPTED )?PRIVATE KEY-----/.test(text)) return undefined;
  try {
    const key = createPrivateKey({ key: text, ...(passphrase === undefined ? {} : { passphrase }) });
    const type = key.asymmetricKeyType === "rsa" ? "pkcs1" : "sec1";
    return key.export({ type, format: "pem" }).toString();
  } catch {
    // A wrong passphrase, or a kind of key that has no older form.
    return undefined;
  }
}
