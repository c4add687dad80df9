import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { scratchDirectory } from "../../../../test/fixtures/disk.ts";
import { output } from "../../../../test/fixtures/process.ts";
import { hasPassphrase, lockedKey } from "./locked-key.ts";

const KEYGEN = ["ssh-keygen", "-q", "-C", "test"];

test("keys with a passphrase are known in every format; which one a login has failed for", async () => {
  await using scratch = await scratchDirectory();
  const make = async (name: string, passphrase: string, ...options: string[]): Promise<string> => {
    const path = join(scratch.path, name);
    await output([...KEYGEN, "-N", passphrase, "-f", path, ...options]);
    return path;
  };
  const ed25519 = ["-t", "ed25519"];
  const rsa = ["-t", "rsa", "-b", "2048"];
  const plain = await make("plain", "", ...ed25519);
  const locked = await make("locked", "sesame", ...ed25519);
  const pem = await make("pem", "sesame", ...rsa, "-m", "PEM");
  const pkcs8 = await make("pkcs8", "sesame", ...rsa, "-m", "PKCS8");
  const has = async (path: string): Promise<boolean> => hasPassphrase(await readFile(path, "latin1"));
  for (const path of [locked, pem, pkcs8]) assert.equal(await has(path), true, path);
  assert.equal(await has(plain), false);
  assert.equal(await has(await make("plain-pem", "", ...rsa, "-m", "PEM")), false);
  assert.equal(hasPassphrase("nonsense"), false);
  assert.equal(hasPassphrase("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"), false);

  const accepts = (path: string) => `debug1: Server accepts key: ${path} ED25519 SHA256:abc explicit\r\n`;
  assert.equal(await lockedKey([plain, locked], accepts(locked)), locked);
  // Offered by its public half, and not accepted: the passphrase would not help.
  assert.equal(await lockedKey([plain, locked, pem], ""), undefined);
  await rm(`${pem}.pub`);
  assert.equal(await lockedKey([plain, locked, pem], ""), pem);
  assert.equal(await lockedKey([join(scratch.path, "missing")], ""), undefined);
});
