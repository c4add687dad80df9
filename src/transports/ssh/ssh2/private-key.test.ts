import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadSsh2 } from "./library.ts";
import { keyTypeOf, openPrivateKey, readKeyFile } from "./private-key.ts";

const directory = await mkdtemp(join(tmpdir(), "berth-key-"));
after(() => rm(directory, { recursive: true, force: true }));
const ssh2 = await loadSsh2();

function hasKeygen(): boolean {
  try {
    execFileSync("sh", ["-c", "command -v ssh-keygen"]);
    return true;
  } catch {
    return false;
  }
}

const skip = hasKeygen() ? false : "no ssh-keygen";

async function make(name: string, ...options: string[]): Promise<{ path: string; publicBlob: Buffer }> {
  const path = join(directory, name);
  execFileSync("ssh-keygen", ["-q", "-C", "test", ...options, "-f", path]);
  const [, base64 = ""] = (await readFile(`${path}.pub`, "utf8")).split(" ");
  return { path, publicBlob: Buffer.from(base64, "base64") };
}

const FORMATS = {
  ed25519: ["-t", "ed25519"],
  ecdsa: ["-t", "ecdsa"],
  rsa: ["-t", "rsa"],
  "rsa-pem": ["-t", "rsa", "-m", "PEM"],
  "rsa-pkcs8": ["-t", "rsa", "-m", "PKCS8"],
  "ecdsa-pem": ["-t", "ecdsa", "-m", "PEM"],
  "ecdsa-pkcs8": ["-t", "ecdsa", "-m", "PKCS8"],
};

for (const [name, options] of Object.entries(FORMATS)) {
  test(`${name}: its public half is known, with a passphrase only that opens it`, { skip }, async () => {
    const plain = await make(name, ...options, "-N", "");
    assert.deepEqual(await readKeyFile(ssh2, plain.path), { kind: "private", encrypted: false, ...plain });
    const opened = await openPrivateKey(ssh2, plain.path, undefined);
    assert.ok(opened?.getPublicSSH().equals(plain.publicBlob));
    const locked = await make(`${name}-locked`, ...options, "-N", "open sesame");
    assert.deepEqual(await readKeyFile(ssh2, locked.path), { kind: "private", encrypted: true, ...locked });
    assert.equal(await openPrivateKey(ssh2, locked.path, "shut sesame"), undefined);
    const unlocked = await openPrivateKey(ssh2, locked.path, "open sesame");
    assert.ok(unlocked?.getPublicSSH().equals(locked.publicBlob));
  });
}

test("an old format with a passphrase and no public key beside it tells nothing of itself", {
  skip,
}, async () => {
  const { path } = await make("lonely", "-t", "rsa", "-m", "PEM", "-N", "open sesame");
  await rm(`${path}.pub`);
  assert.deepEqual(await readKeyFile(ssh2, path), {
    kind: "private",
    path,
    publicBlob: undefined,
    encrypted: true,
  });
});

test("a public key in place of the private one, and what is none at all", { skip }, async () => {
  const { path, publicBlob } = await make("pair", "-t", "ed25519", "-N", "");
  const file = `${path}.pub`;
  assert.deepEqual(await readKeyFile(ssh2, file), { kind: "public", path: file, publicBlob });
  assert.equal(keyTypeOf(publicBlob), "ssh-ed25519");
  await chmod(path, 0o640);
  assert.equal((await readKeyFile(ssh2, path)).kind, "unusable");
  const text = join(directory, "text");
  for (const content of [
    "",
    "hello\n",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
  ]) {
    await writeFile(text, content, { mode: 0o600 });
    assert.equal((await readKeyFile(ssh2, text)).kind, "unusable", content);
  }
  await writeFile(text, "x".repeat(100_000), { mode: 0o600 });
  assert.equal((await readKeyFile(ssh2, text)).kind, "unusable");
  assert.equal((await readKeyFile(ssh2, join(directory, "missing"))).kind, "unusable");
});
