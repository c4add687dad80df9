import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { SshConfig } from "../../contract/config-ssh.ts";
import { findOpenSsh, hostKeyOptions, optionPath, runLocal } from "./openssh-client.ts";
import { resolveSshTarget } from "./resolve.ts";

interface Scratch extends AsyncDisposable {
  readonly path: string;
  /** A configuration file with these lines, for a host. */
  config(lines: readonly string[], extra?: Partial<SshConfig>): Promise<SshConfig>;
  file(name: string, content?: string, mode?: number): Promise<string>;
}

async function scratch(): Promise<Scratch> {
  const path = await mkdtemp(join(tmpdir(), "berth-test-"));
  const file = async (name: string, content = "", mode = 0o600): Promise<string> => {
    const full = join(path, name);
    await mkdir(join(full, ".."), { recursive: true });
    await writeFile(full, content, { mode });
    await chmod(full, mode);
    return full;
  };
  return {
    path,
    file,
    config: async (lines, extra = {}) => ({
      type: "ssh",
      host: "box",
      configFile: await file("config", `${lines.join("\n")}\n`),
      ...extra,
    }),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

/** A variable as ssh's configuration names it. */
const KEYS = "$" + "{KEYS}";
const PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----\n";

test("this machine has an ssh, as the other tests need", async () => {
  assert.match((await findOpenSsh())?.version ?? "", /^OpenSSH_\d/);
  assert.equal(await findOpenSsh({ PATH: "/nonexistent:relative" }), undefined);
  await using dir = await scratch();
  await dir.file("ssh", "#!/bin/sh\necho 'Dropbear v2022.83' >&2\n", 0o755);
  assert.equal(
    await findOpenSsh({ PATH: dir.path }),
    undefined,
    "another one knows none of what is asked of it",
  );
});

test("aliases, Include and Match count as ssh has them", async () => {
  await using dir = await scratch();
  const included = await dir.file("included", "Host *.coder\n  HostName %h.example\n  Port 2200\n");
  const config = await dir.config(
    [
      `Include ${included}`,
      'Match originalhost box exec "true"',
      "  User matched",
      "Host box",
      "  HostName 192.0.2.7",
      "  User dev",
      "  Port 2222",
      "  HostKeyAlias the-box",
      "  HashKnownHosts yes",
      "  ForwardAgent yes",
      "  ProxyCommand nc -x proxy %h %p",
    ],
    {},
  );
  const box = await resolveSshTarget(config);
  assert.equal(box.resolvedBy, "openssh");
  assert.deepEqual(box.lost, []);
  assert.deepEqual(
    [box.hostname, box.user, box.port, box.hostKeyAlias, box.hashKnownHosts, box.proxyCommand, box.proxyJump],
    ["192.0.2.7", "matched", 2222, "the-box", true, "nc -x proxy %h %p", undefined],
  );
  // The agent goes along only where Berth's own configuration says so.
  assert.equal(box.forwardAgent, false);
  const workspace = await resolveSshTarget({ ...config, host: "mine.coder" });
  assert.deepEqual(
    [workspace.hostname, workspace.port, workspace.alias],
    ["mine.coder.example", 2200, "mine.coder"],
  );
  const given = await resolveSshTarget({ ...config, user: "root", port: 22 });
  assert.deepEqual([given.user, given.port, given.name], ["root", 22, "root@box:22"]);
});

test("hosts on the way are kept as written, and none is none", async () => {
  await using dir = await scratch();
  const jump = await resolveSshTarget(await dir.config(["ProxyJump me@one:2222,[::1]:22"]));
  assert.equal(jump.proxyJump, "me@one:2222,[::1]:22");
  assert.equal(jump.proxyCommand, undefined);
  const none = await resolveSshTarget(await dir.config(["ProxyJump none", "ProxyCommand none"]));
  assert.equal(none.proxyJump, undefined);
  assert.equal(none.proxyCommand, undefined);
});

test("identity files come in ssh's order with their tokens replaced; what does not exist is left out", async () => {
  await using dir = await scratch();
  const first = await dir.file("key of dev-box", PRIVATE);
  const second = await dir.file("id_b", PRIVATE);
  const agentOnly = await dir.file("id_c.pub", "ssh-ed25519 AAAA");
  const config = await dir.config([
    `IdentityFile "${dir.path}/key of %r-%n"`,
    `IdentityFile ${dir.path}/missing`,
    `IdentityFile ${KEYS}/id_b`,
    "IdentityFile none",
    `IdentityFile ${dir.path}/id_c`,
    `IdentityFile ${dir.path}/id_b`,
    `CertificateFile ${dir.path}/id_b`,
    "User dev",
    "IdentitiesOnly yes",
  ]);
  const box = await resolveSshTarget(config, { environment: { ...process.env, KEYS: dir.path } });
  assert.deepEqual(box.identityFiles, [first, second, agentOnly]);
  assert.deepEqual(box.certificateFiles, [second]);
  assert.equal(box.identitiesOnly, true);
});

test("an identity of Berth's own configuration comes first, and has to be usable", async () => {
  await using dir = await scratch();
  const other = await dir.file("other", PRIVATE);
  const key = await dir.file("key", PRIVATE);
  const config = await dir.config([`IdentityFile ${other}`], { identityFile: key });
  const box = await resolveSshTarget(config);
  assert.deepEqual(box.identityFiles, [key, other]);
  assert.equal(box.identitiesOnly, true);
  const alone = await resolveSshTarget(await dir.config([], { identityFile: key }));
  assert.deepEqual(alone.identityFiles, [key], "the default ones are not tried");
  await dir.file("key", PRIVATE, 0o640);
  await assert.rejects(resolveSshTarget(config), { code: "ssh.key_unusable", message: /others can read it/ });
  const refusals: [string, RegExp][] = [
    [join(dir.path, "no"), /no such file/],
    [dir.path, /not a file/],
  ];
  for (const [identityFile, message] of refusals) {
    await assert.rejects(resolveSshTarget({ ...config, identityFile }), {
      code: "ssh.key_unusable",
      message,
    });
  }
  // A public key says which one of the agent is meant; everybody may read it.
  const publicKey = await dir.file("key.pub", "ssh-ed25519 AAAA me", 0o644);
  assert.deepEqual((await resolveSshTarget({ ...config, identityFile: publicKey })).identityFiles, [
    publicKey,
  ]);
});

test("the agent is that of the environment, of a variable, of a path, or none", async () => {
  await using dir = await scratch();
  const environment = { ...process.env, SSH_AUTH_SOCK: "/run/agent", MINE: "/run/mine" };
  const agent = async (lines: string[], extra = {}) =>
    (await resolveSshTarget(await dir.config(lines), { environment: { ...environment, ...extra } }))
      .identityAgent;
  assert.equal(await agent([]), "/run/agent");
  assert.equal(await agent([], { SSH_AUTH_SOCK: "" }), undefined);
  assert.equal(await agent(["IdentityAgent none"]), undefined);
  assert.equal(await agent(["IdentityAgent SSH_AUTH_SOCK"]), "/run/agent");
  assert.equal(await agent(["IdentityAgent $MINE"]), "/run/mine");
  assert.equal(await agent(['IdentityAgent "/run/my agent/%r"', "User dev"]), "/run/my agent/dev");
  assert.equal(await agent(["IdentityAgent ~/agent.sock"]), join(userInfo().homedir, "agent.sock"));
});

test("known_hosts files: several, with blanks, of the account's home; a file of one's own replaces them all", async () => {
  await using dir = await scratch();
  const box = await resolveSshTarget(
    await dir.config([
      `UserKnownHostsFile "${dir.path}/my hosts" ~/hosts /h/%n`,
      `GlobalKnownHostsFile ${dir.path}/all`,
      "RevokedHostKeys ~/revoked-%h",
    ]),
  );
  const { homedir } = userInfo();
  assert.deepEqual(box.userKnownHostsFiles, [join(dir.path, "my hosts"), join(homedir, "hosts"), "/h/box"]);
  assert.deepEqual(box.globalKnownHostsFiles, [join(dir.path, "all")]);
  assert.equal(box.revokedHostKeysFile, join(homedir, "revoked-box"));
  const own = await resolveSshTarget(await dir.config([], { knownHostsFile: "/h/mine" }));
  assert.deepEqual([own.userKnownHostsFiles, own.globalKnownHostsFiles], [["/h/mine"], []]);
});

test("an older ssh prints known_hosts files without the home directory", async () => {
  await using dir = await scratch();
  // Stands in for OpenSSH 7, which is in no package here.
  const printed = [
    "hostname box",
    "user dev",
    "port 22",
    "userknownhostsfile ~/.ssh/known_hosts ~/hosts of %r",
  ];
  await dir.file(
    "ssh",
    `#!/bin/sh\n[ "$1" = -V ] && echo OpenSSH_7.9p1 >&2 && exit\nprintf '%s\\n' ${printed.map((line) => `'${line}'`).join(" ")}\n`,
    0o755,
  );
  const box = await resolveSshTarget(
    { type: "ssh", host: "box" },
    { environment: { ...process.env, PATH: dir.path } },
  );
  const { homedir } = userInfo();
  assert.deepEqual(box.userKnownHostsFiles, [
    join(homedir, ".ssh/known_hosts"),
    join(homedir, "hosts of dev"),
  ]);
  assert.deepEqual(box.hostProofs, []);
});

test("a user's configuration that checks no host keys and keeps none does not weaken the policy", async () => {
  await using dir = await scratch();
  for (const nowhere of ["/dev/null", "none"]) {
    const box = await resolveSshTarget(
      await dir.config([
        "StrictHostKeyChecking no",
        `UserKnownHostsFile ${nowhere}`,
        "NoHostAuthenticationForLocalhost yes",
        "VerifyHostKeyDNS yes",
      ]),
    );
    assert.equal(box.hostKeys, "strict");
    assert.deepEqual(box.userKnownHostsFiles, [join(userInfo().homedir, ".ssh/known_hosts")]);
    const options = hostKeyOptions(box);
    for (const option of [
      "StrictHostKeyChecking=yes",
      "NoHostAuthenticationForLocalhost=no",
      "VerifyHostKeyDNS=no",
      `UserKnownHostsFile="${userInfo().homedir}/.ssh/known_hosts"`,
    ]) {
      assert.ok(options.includes(option), option);
    }
  }
});

test("what else ssh can know a host by is turned off where this ssh has it", async () => {
  await using dir = await scratch();
  const config = await dir.config(["KnownHostsCommand /bin/cat /etc/hosts"]);
  const { stdout } = await runLocal(["ssh", "-G", "-F", config.configFile ?? "", "box"]);
  const user = hostKeyOptions(await resolveSshTarget(config));
  assert.equal(user.includes("GSSAPIKeyExchange=no"), stdout.includes("\ngssapikeyexchange "));
  assert.ok(!user.includes("KnownHostsCommand=none"), "a command of the user's own is one of theirs");
  const own = hostKeyOptions(await resolveSshTarget({ ...config, knownHostsFile: "/h/mine" }));
  assert.ok(own.includes("KnownHostsCommand=none"), "a file of one's own counts alone");
  const plain = hostKeyOptions(
    await resolveSshTarget({ ...(await dir.config([])), knownHostsFile: "/h/mine" }),
  );
  assert.ok(!plain.includes("KnownHostsCommand=none"), "an ssh before 8.5 does not know the name");
});

test("a path with blanks, quotes and per cents is one path for ssh", async () => {
  await using dir = await scratch();
  const path = join(dir.path, `a b"c'd%h$e\\f`);
  const config = await dir.config([`UserKnownHostsFile ${optionPath(path)} /other`]);
  assert.deepEqual((await resolveSshTarget(config)).userKnownHostsFiles, [path, "/other"]);
});

test("what ssh does not accept is told with the line that it names", async () => {
  await using dir = await scratch();
  await assert.rejects(resolveSshTarget(await dir.config(["Host box", "  Prot 22"])), {
    code: "ssh.config_invalid",
    message: /config.* line 2: Bad configuration option: prot/,
  });
  await assert.rejects(resolveSshTarget({ type: "ssh", host: "box", configFile: join(dir.path, "no") }), {
    code: "ssh.config_invalid",
    message: /Can't open user config file/,
  });
});

test("an ssh that hangs or an attempt that nobody waits for any more is ended", async () => {
  await using dir = await scratch();
  const abort = new AbortController();
  const resolving = resolveSshTarget(await dir.config(['Match exec "sleep 1000"', "  User x"]), {
    signal: abort.signal,
  });
  abort.abort();
  await assert.rejects(resolving, { code: "operation.aborted" });
});

test("without ssh the few defaults count, and what is lost is said", async () => {
  await using home = await scratch();
  await home.file(".ssh/id_ed25519", PRIVATE);
  await home.file(".ssh/id_rsa", PRIVATE);
  await home.file(".ssh/id_ecdsa.pub", "ecdsa-sha2-nistp256 AAAA");
  const environment = { HOME: home.path, PATH: "/nonexistent", SSH_AUTH_SOCK: "/run/agent" };
  const box = await resolveSshTarget({ type: "ssh", host: "box" }, { environment });
  const ssh = join(home.path, ".ssh");
  assert.deepEqual(
    [box.resolvedBy, box.hostname, box.port, box.user, box.identityAgent],
    ["berth", "box", 22, userInfo().username, "/run/agent"],
  );
  assert.deepEqual(
    box.identityFiles,
    ["id_rsa", "id_ecdsa.pub", "id_ed25519"].map((name) => join(ssh, name)),
  );
  assert.deepEqual(
    box.userKnownHostsFiles,
    ["known_hosts", "known_hosts2"].map((name) => join(ssh, name)),
  );
  assert.ok(box.globalKnownHostsFiles.includes("/etc/ssh/ssh_known_hosts"));
  for (const word of ["aliases", "Include", "Match", "ProxyJump", "ProxyCommand", "Certificates"]) {
    assert.ok(
      box.lost.some((sentence) => sentence.includes(word) && sentence.endsWith(".")),
      word,
    );
  }
  await assert.rejects(
    resolveSshTarget({ type: "ssh", host: "box", transport: "openssh" }, { environment }),
    {
      code: "ssh.client_missing",
    },
  );
});

test("what decides which connection it is makes the key, and nothing else does", async () => {
  await using dir = await scratch();
  const identityFile = await dir.file("key", PRIVATE);
  const lines = [
    "Host box other",
    "  HostName 192.0.2.7",
    "Host third",
    "  HostName 192.0.2.7",
    "  Ciphers aes128-ctr",
  ];
  const config = await dir.config(lines);
  const keyOf = async (extra: Partial<SshConfig>) => (await resolveSshTarget({ ...config, ...extra })).key;
  const key = await keyOf({});
  assert.match(key, /^[0-9a-f]{12}$/);
  for (const same of [
    { host: "other" },
    { connectTimeoutMs: 1_000 },
    { maxConnections: 1 },
    { workdir: "/srv", env: { A: "b" } },
    { hostKeys: "strict" as const },
  ]) {
    assert.equal(await keyOf(same), key, JSON.stringify(same));
  }
  const different = await Promise.all(
    [
      {},
      { host: "third" },
      { user: "somebody" },
      { port: 2222 },
      { identityFile },
      { password: { env: "P" } },
      { passphrase: { env: "P" } },
      { transport: "ssh2" as const },
      { hostKeys: "accept-new" as const },
      { knownHostsFile: "/h/mine" },
      { forwardAgent: true },
    ].map(keyOf),
  );
  assert.equal(new Set(different).size, different.length);
  const way = await Promise.all(
    [["ProxyJump a"], ["ProxyJump b"], ["ProxyCommand nc %h %p"], ["HostKeyAlias x"], []].map(
      async (more) => {
        const file = await dir.file(`config-of-${more}`, `${[...more, ...lines].join("\n")}\n`);
        return (await resolveSshTarget({ ...config, configFile: file })).key;
      },
    ),
  );
  assert.equal(new Set(way).size, way.length);
  // A token for the alias itself makes two aliases two connections.
  const named = await dir.config(["ProxyCommand connect %n", ...lines]);
  assert.notEqual(
    (await resolveSshTarget(named)).key,
    (await resolveSshTarget({ ...named, host: "other" })).key,
  );
});
