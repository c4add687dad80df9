import { access, readFile } from "node:fs/promises";

/**
 * The key with a passphrase that a login has failed for: ssh says nothing of it where nobody can be asked.
 * @param words what ssh said; since 8.5 "Server accepts key: PATH …" among it (LogVerbose)
 */
export async function lockedKey(paths: readonly string[], words: string): Promise<string | undefined> {
  const accepted = [...words.matchAll(/Server accepts key: (.*) \S+ SHA256:/g)].map((match) => match[1]);
  for (const path of paths) {
    const key = await readFile(path, "latin1").catch(() => "");
    if (!hasPassphrase(key)) continue;
    if (accepted.includes(path)) return path;
    // A key whose public half is known was offered without its passphrase, and not accepted.
    const offered = isOpenSshFormat(key) || (await exists(`${path}.pub`));
    if (!offered) return path;
  }
  return undefined;
}

const OPENSSH_BEGIN = "-----BEGIN OPENSSH PRIVATE KEY-----";
/** PROTOCOL.key: AUTH_MAGIC, then the name of the cipher as a string. */
const MAGIC = "openssh-key-v1\0";

function isOpenSshFormat(key: string): boolean {
  return key.trimStart().startsWith(OPENSSH_BEGIN);
}

/** Whether a private key, in OpenSSH's format or as PEM, is encrypted. */
export function hasPassphrase(key: string): boolean {
  if (!isOpenSshFormat(key)) {
    return /^-----BEGIN ENCRYPTED PRIVATE KEY-----/m.test(key) || /^Proc-Type: 4,ENCRYPTED/m.test(key);
  }
  const base64 = key.slice(key.indexOf(OPENSSH_BEGIN) + OPENSSH_BEGIN.length).split("-----")[0] ?? "";
  const bytes = Buffer.from(base64, "base64");
  if (bytes.toString("latin1", 0, MAGIC.length) !== MAGIC || bytes.length < MAGIC.length + 4) return false;
  const length = bytes.readUInt32BE(MAGIC.length);
  return bytes.toString("latin1", MAGIC.length + 4, MAGIC.length + 4 + length) !== "none";
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
