import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { lstat, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../../contract/errors.ts";
import { recordHostKey, trustCommand, unknownHostError, verifyHostKey } from "./host-keys.ts";
import { fingerprint, type HostKey, hostKeyOf } from "./known-hosts.ts";
import { resolveSshTarget } from "./resolve.ts";
import type { SshTarget } from "./target.ts";

/** Nobody's key, of the right form. */
function makeKey(): HostKey {
  const type = Buffer.from("\0\0\0\x0bssh-ed25519\0\0\0\x20", "latin1");
  return hostKeyOf(Buffer.concat([type, randomBytes(32)]));
}

const lineOf = (name: string, key: HostKey): string => `${name} ${key.type} ${key.blob.toString("base64")}\n`;

async function directory(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "berth-test-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function targetOf(file: string, changes: Partial<SshTarget> = {}): Promise<SshTarget> {
  const config = { type: "ssh", host: "box", knownHostsFile: file } as const;
  const target = await resolveSshTarget(config, { environment: { PATH: "/nonexistent" } });
  return { ...target, ...changes };
}

test("a key is recorded in a file and directory that only the user can read, once", async () => {
  await using scratch = await directory();
  const file = join(scratch.path, "new/.ssh/known_hosts");
  const target = await targetOf(file);
  const key = makeKey();
  assert.deepEqual(await recordHostKey(target, key), { file, added: true });
  assert.equal(await readFile(file, "latin1"), lineOf("box", key));
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.equal((await stat(join(file, ".."))).mode & 0o777, 0o700);
  assert.deepEqual(await recordHostKey(target, key), { file, added: false });
  // Another name of the same machine is a line of its own.
  await recordHostKey(await targetOf(file, { port: 2222 }), key);
  await recordHostKey(await targetOf(file, { port: 2222, hostKeyAlias: "the-box" }), key);
  assert.equal(
    await readFile(file, "latin1"),
    lineOf("box", key) + lineOf("the-box", key),
    "[box]:2222 is known as box",
  );
});

test("what is in the file is kept: its last line, its mode, and the link that it is", async () => {
  await using scratch = await directory();
  const real = join(scratch.path, "dotfiles-known_hosts");
  const file = join(scratch.path, "known_hosts");
  const [first, key] = [makeKey(), makeKey()];
  await writeFile(real, `# mine\n${lineOf("other", first).trimEnd()}`, { mode: 0o644 });
  await symlink(real, file);
  await recordHostKey(await targetOf(file), key);
  assert.equal(await readFile(real, "latin1"), `# mine\n${lineOf("other", first)}${lineOf("box", key)}`);
  assert.ok((await lstat(file)).isSymbolicLink());
  assert.equal((await stat(real)).mode & 0o777, 0o644);
});

test("a name is hashed where the user wants it, and where it could be read as a pattern", async () => {
  await using scratch = await directory();
  const file = join(scratch.path, "known_hosts");
  const key = makeKey();
  const targets = [
    await targetOf(file, { hashKnownHosts: true, port: 2222 }),
    await targetOf(file, { hostKeyAlias: "*" }),
    await targetOf(file, { hostKeyAlias: "a,b" }),
    await targetOf(file, { hostKeyAlias: "@revoked x" }),
  ];
  for (const target of targets) {
    await recordHostKey(target, key);
    await verifyHostKey(target, key);
    await assert.rejects(verifyHostKey({ ...target, hostKeyAlias: "other" }, key), {
      code: "ssh.host_key_unknown",
    });
  }
  const text = await readFile(file, "latin1");
  assert.match(text, /^(\|1\|[\w+/]{27}=\|[\w+/]{27}= ssh-ed25519 [\w+/]+=*\n){4}$/);
  const found = execFileSync("ssh-keygen", ["-F", "[box]:2222", "-f", file], { encoding: "utf8" });
  assert.match(found, /found: line 1/);
});

test("twenty at once record one line", async () => {
  await using scratch = await directory();
  const file = join(scratch.path, "known_hosts");
  const target = await targetOf(file);
  const key = makeKey();
  const results = await Promise.all(Array.from({ length: 20 }, () => recordHostKey(target, key)));
  assert.equal(results.filter(({ added }) => added).length, 1);
  assert.equal(await readFile(file, "latin1"), lineOf("box", key));
});

test("a changed or revoked key is never recorded, nor let through by accept-new", async () => {
  await using scratch = await directory();
  const file = join(scratch.path, "known_hosts");
  const [known, other, revoked] = [makeKey(), makeKey(), makeKey()];
  const content = lineOf("box", known) + lineOf("@revoked *", revoked);
  await writeFile(file, content);
  for (const hostKeys of ["strict", "accept-new"] as const) {
    const target = await targetOf(file, { hostKeys });
    await verifyHostKey(target, known);
    for (const attempt of [recordHostKey, verifyHostKey]) {
      await assert.rejects(attempt(target, other), (error) => {
        assert.ok(isBerthError(error, "ssh.host_key_changed"));
        assert.ok(error.message.includes(fingerprint(other.blob)) && error.message.includes(`${file}:1`));
        assert.match(error.hint, /Ask its administrator.*ssh-keygen -R box -f/);
        return true;
      });
      await assert.rejects(attempt(target, revoked), { code: "ssh.host_key_revoked" });
    }
  }
  assert.equal(await readFile(file, "latin1"), content);
});

test("an unknown key is let through only where new hosts are accepted, and is recorded then", async () => {
  await using scratch = await directory();
  const file = join(scratch.path, "known_hosts");
  const key = makeKey();
  await assert.rejects(verifyHostKey(await targetOf(file), key), { code: "ssh.host_key_unknown" });
  await assert.rejects(stat(file), { code: "ENOENT" });
  await verifyHostKey(await targetOf(file, { hostKeys: "accept-new" }), key);
  await verifyHostKey(await targetOf(file), key);
});

test("a host with a certificate authority is no new one for ssh2, which cannot check it", async () => {
  await using scratch = await directory();
  const file = join(scratch.path, "known_hosts");
  const content = lineOf("@cert-authority *", makeKey());
  await writeFile(file, content);
  const target = await targetOf(file, { hostKeys: "accept-new" });
  await assert.rejects(verifyHostKey(target, makeKey()), {
    code: "ssh.host_key_unknown",
    message: /certificate authority/,
    hint: /transport: "openssh"/,
  });
  assert.equal(await readFile(file, "latin1"), content);
});

test("an unknown host is told with its fingerprint and the command for exactly that host", async () => {
  const key = makeKey();
  const target = await targetOf("/k/known hosts", { name: "dev@box:2222" });
  const error = unknownHostError(target, key);
  assert.equal(error.code, "ssh.host_key_unknown");
  assert.ok(error.message.includes(`ED25519 ${fingerprint(key.blob)}`));
  assert.ok(error.hint.endsWith("berth ssh trust --known-hosts '/k/known hosts' dev@box:2222"), error.hint);
  assert.deepEqual(error.context, {
    host: "dev@box:2222",
    fingerprint: fingerprint(key.blob),
    keyType: "ssh-ed25519",
  });
  const given = { configFile: "/c/config" };
  assert.equal(trustCommand({ name: "box", given }), "berth ssh trust --ssh-config /c/config box");
});

test("what keeps no keys takes none", async () => {
  await using scratch = await directory();
  const file = join(scratch.path, "known_hosts");
  await symlink("/dev/null", file);
  for (const attempt of [recordHostKey, verifyHostKey]) {
    await assert.rejects(attempt(await targetOf(file, { hostKeys: "accept-new" }), makeKey()), {
      code: "EINVAL",
      message: /keeps no host keys/,
    });
  }
});

test("a file that cannot be written is told by its errno and path", async () => {
  await using scratch = await directory();
  const file = join(scratch.path, "known_hosts");
  await mkdir(file);
  await assert.rejects(recordHostKey(await targetOf(file), makeKey()), { code: "EISDIR" });
  const below = join(scratch.path, "file", "known_hosts");
  await writeFile(join(below, ".."), "");
  await assert.rejects(recordHostKey(await targetOf(below), makeKey()), { code: "EEXIST" });
});
