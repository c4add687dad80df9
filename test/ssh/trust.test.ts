import assert from "node:assert/strict";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fetchHostKey } from "../../src/transports/ssh/fetch-host-key.ts";
import { fingerprint, hostKeyOf } from "../../src/transports/ssh/known-hosts.ts";
import { BERTH } from "../cli/berth.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { output } from "../fixtures/process.ts";
import { sshUser } from "../fixtures/ssh-user.ts";
import { sshServer } from "../fixtures/sshd.ts";
import { runAs } from "../fixtures/user.ts";

import { at, keyOf, nameOf, nobodyTried } from "./host-key-place.ts";

test("a workspace of a provider that writes ssh configuration works by its alias, once it is trusted", async (t) => {
  const found = await requireOrSkip(t, () => sshServer());
  if (found === undefined) return;
  await using server = found;
  await using user = await sshUser();
  // ssh takes the home directory of the account: so it is another account whose ~/.ssh this is.
  await using client = await sshUser();
  await mkdir(join(client.home, ".ssh"), { mode: 0o700 });
  const proxy = `import { connect } from "node:net"; const socket = connect(${server.port}, "${server.host}");
    process.stdin.pipe(socket).pipe(process.stdout);`;
  await writeFile(join(client.home, "proxy.mjs"), proxy);
  await writeFile(join(client.home, ".ssh/key"), await readFile(server.keyPath), { mode: 0o600 });
  const lines = [
    "Host coder.behind",
    `  HostName ${server.host}`,
    `  Port ${server.port}`,
    "  ProxyJump coder.mine",
    "Host coder.*",
    "  ConnectTimeout=0",
    "  StrictHostKeyChecking=no",
    "  UserKnownHostsFile=/dev/null",
    "  LogLevel ERROR",
    `  User ${user.name}`,
    "  IdentityFile ~/.ssh/key",
    `  ProxyCommand "${process.execPath}" ~/proxy.mjs ssh --stdio %h`,
  ];
  await writeFile(join(client.home, ".ssh/config"), `${lines.join("\n")}\n`);
  await output(["chown", "-R", `${client.uid}:${client.gid}`, client.home]);
  const berth = (...words: string[]) => runAs(client, [process.execPath, BERTH, ...words]);
  const enter = (host: string) => berth("exec", "--no-daemon", "-r", `ssh://${host}`, "--", "id", "-un");
  const known = fingerprint(Buffer.from(server.hostPublicKey.split(" ")[1] ?? "", "base64"));
  // The first is a host on the way to the second.
  for (const host of ["coder.mine", "coder.behind"]) {
    for (const wanted of ["coder.behind", host]) {
      const unknown = (await enter(wanted)).stderr.toString();
      assert.match(unknown, /ssh\.host_key_unknown/);
      assert.ok(unknown.trimEnd().endsWith(`berth ssh trust ${host}`), unknown);
    }
    const trusted = await berth("ssh", "trust", host, "--fingerprint", known);
    assert.equal(trusted.exitCode, 0, trusted.stderr.toString());
    const entered = await enter(host);
    assert.equal(entered.stdout.toString(), `${user.name}\n`, entered.stderr.toString());
  }
  assert.equal((await stat(join(client.home, ".ssh/known_hosts"))).mode & 0o777, 0o600);
});

test("openssh: a KnownHostsCommand of the user's own counts", (t) =>
  at(t, {}, async ({ server, user, alias, enter, path }) => {
    const right = join(path, "right");
    await writeFile(right, `${nameOf(server)} ${keyOf(server)}\n`);
    assert.equal(await enter("openssh", await alias([`KnownHostsCommand /bin/cat ${right}`])), user.name);
  }));

test("a host that is known by its certificate authority is let in by OpenSSH, and ssh2 says that it cannot check it", async (t) => {
  await using keys = await scratchDirectory();
  const certificateAuthority = join(keys.path, "authority");
  await output(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", certificateAuthority]);
  await at(t, { certificateAuthority }, async ({ user, alias, enter, known }) => {
    const authority = (await readFile(`${certificateAuthority}.pub`, "utf8")).trim();
    await writeFile(known, `@cert-authority * ${authority}\n`);
    assert.equal(await enter("openssh", await alias()), user.name);
    for (const hostKeys of ["strict", "accept-new"] as const) {
      await assert.rejects(enter("ssh2", await alias([], { hostKeys })), {
        code: "ssh.host_key_unknown",
        message: /certificate authority/,
      });
    }
    await writeFile(known, `@cert-authority *.elsewhere ${authority}\n`);
    await assert.rejects(enter("openssh", await alias()), { code: "ssh.host_key_unknown" });
  });
});

test("fetching a key asks a host that lets everybody in for nothing, and leaves nothing behind", async (t) => {
  const open = ["PasswordAuthentication yes", "PermitEmptyPasswords yes"];
  await at(t, { config: open }, async ({ server, user, alias }) => {
    await output(["passwd", "-q", "-d", user.name]);
    const target = await alias();
    const host = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "box", "true"];
    const ssh = ["ssh", "-F", target.given.configFile ?? "", "-o", "PreferredAuthentications=none"];
    await output([...ssh, ...host]);
    assert.match(server.log(), /Accepted none/, "no authentication is needed");
    const sessions = server.log().split("Starting session").length;
    const left = async () => (await readdir(tmpdir())).filter((name) => name.startsWith("berth-host-key-"));
    const before = await left();
    const key = await fetchHostKey(target);
    assert.equal(`${key.type} ${key.blob.toString("base64")}`, keyOf(server));
    assert.equal(server.log().split("Starting session").length, sessions);
    assert.deepEqual(
      (await left()).filter((name) => !before.includes(name)),
      [],
    );
  });
});

test("a key that cannot be fetched is told as what connecting fails with", async (t) => {
  await at(t, {}, async ({ server, alias }) => {
    const gone = await alias(["HostName no-such-host.invalid"]);
    await assert.rejects(fetchHostKey(gone), { code: "ssh.name_not_found" });
    const target = await alias();
    await server.stop();
    for (const resolvedBy of ["openssh", "berth"] as const) {
      await assert.rejects(fetchHostKey({ ...target, resolvedBy }), { code: "ssh.connection_refused" });
    }
    const abort = new AbortController();
    abort.abort();
    await assert.rejects(fetchHostKey(target, { signal: abort.signal }), { code: "operation.aborted" });
  });
});

test("without ssh the same key is fetched", (t) =>
  at(t, {}, async ({ server, alias }) => {
    const key = await fetchHostKey({ ...(await alias()), resolvedBy: "berth" });
    assert.deepEqual(key, hostKeyOf(Buffer.from(server.hostPublicKey.split(" ")[1] ?? "", "base64")));
    nobodyTried(server);
  }));
