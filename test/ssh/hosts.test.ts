import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { SshConfig } from "../../src/contract/config-ssh.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import { refused } from "../conformance/kit.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { output } from "../fixtures/process.ts";
import { keyFile, sshAgent } from "../fixtures/ssh-agent.ts";
import { sshHost } from "../fixtures/ssh-host.ts";
import { knownHostsName } from "../fixtures/sshd.ts";
import { type SshBench, sshBench, TRANSPORTS } from "./support.ts";

/** Opens a host of nothing but an ssh configuration of the user's. */
async function openAlias(
  bench: SshBench,
  alias: string,
  lines: readonly string[],
  extra: Partial<SshConfig> = {},
) {
  const configFile = join(bench.directory, "ssh_config");
  await writeFile(configFile, `${lines.join("\n")}\n`);
  return openRuntime(
    { type: "ssh", host: alias, configFile, ...extra },
    { stateDirectory: bench.stateDirectory, maxWaitMs: 0 },
  );
}

/** What the bench's own configuration says, as a user would have it. */
function lines(bench: SshBench): string[] {
  const { server, user } = bench;
  return [
    `HostName ${server.host}`,
    `Port ${server.port}`,
    `User ${user.name}`,
    `IdentityFile ${server.keyPath}`,
    "IdentitiesOnly yes",
    `UserKnownHostsFile ${server.knownHostsPath}`,
  ];
}

for (const transport of TRANSPORTS) {
  test(`aliases, Include and Match mean what they mean to ssh: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    await mkdir(join(bench.directory, "conf.d"));
    await writeFile(
      join(bench.directory, "conf.d", "workspaces"),
      `Host workspace.*\n${lines(bench).slice(0, 3).join("\n")}\n`,
    );
    await using runtime = await openAlias(
      bench,
      "workspace.main",
      [
        `Include ${bench.directory}/conf.d/*`,
        'Match originalhost "workspace.main"',
        ...lines(bench).slice(3),
      ],
      { transport },
    );
    assert.equal((await runtime.exec(["id", "-un"])).stdout.trim(), bench.user.name);
    assert.match(runtime.description, /workspace\.main/);
  });

  test(`a way over another host: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    await using far = await sshHost({ node: true });
    const known = join(bench.directory, "known");
    await writeFile(
      known,
      [
        `${knownHostsName(bench.server.host, bench.server.port)} ${bench.server.hostPublicKey}`,
        `${knownHostsName(far.address, 22)} ${far.server.hostPublicKey}`,
        "",
      ].join("\n"),
    );
    const common = ["IdentitiesOnly yes", `UserKnownHostsFile ${known}`, `User ${bench.user.name}`];
    const config = [
      ...["Host jump", `HostName ${bench.server.host}`, `Port ${bench.server.port}`],
      ...[`IdentityFile ${bench.server.keyPath}`, ...common],
      ...[
        "Host far",
        `HostName ${far.address}`,
        "ProxyJump jump",
        `IdentityFile ${far.server.keyPath}`,
        ...common,
      ],
    ];
    await using runtime = await openAlias(bench, "far", config, { transport });
    assert.equal((await runtime.exec(["id", "-un"])).stdout.trim(), bench.user.name);
    const addresses = await runtime.exec(["ip", "-o", "address"]);
    assert.ok(addresses.stdout.includes(`${far.address}/30`), "it runs in the other network");
    assert.match(bench.server.log(), /Accepted publickey/, "the way leads over the first host");
    await runtime.fs.writeFile("file", "content");
    assert.equal(await runtime.fs.readFile("file", "utf8"), "content");
  });

  test(`a command that makes the connection, as providers of workspaces write it: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    const program = join(bench.directory, "connect me.mjs");
    await writeFile(
      program,
      [
        'import { connect } from "node:net";',
        "const socket = connect({ host: process.argv[2], port: Number(process.argv[3]) });",
        "process.stdin.pipe(socket).pipe(process.stdout);",
      ].join("\n"),
    );
    const command = `"${process.execPath}" "${program}" ${bench.server.host} %p`;
    const config = ["Host workspace", ...lines(bench).slice(1), `ProxyCommand ${command}`];
    await bench.server.trust(knownHostsName("workspace", bench.server.port));
    await using runtime = await openAlias(bench, "workspace", config, { transport });
    assert.equal((await runtime.exec(["id", "-un"])).stdout.trim(), bench.user.name);
  });

  test(`known hosts with hashed names, under an alias, and new ones that are recorded: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    const known = join(bench.directory, "known");
    const options = { stateDirectory: bench.stateDirectory, maxWaitMs: 0 };
    await writeFile(known, await readFile(bench.server.knownHostsPath));
    await output(["ssh-keygen", "-q", "-H", "-f", known]);
    const hashed = await readFile(known, "utf8");
    assert.ok(hashed.startsWith("|1|"));
    {
      await using runtime = await openRuntime(bench.config({ transport, knownHostsFile: known }), options);
      assert.equal((await runtime.exec(["echo", "on"])).stdout, "on\n");
    }
    await writeFile(known, "# ephemeral\n");
    const config = bench.config({ transport, knownHostsFile: known, hostKeys: "accept-new" });
    await bench.server.dropSessions();
    {
      await using runtime = await openRuntime(config, { ...options, maxWaitMs: 30_000 });
      assert.equal((await runtime.exec(["echo", "on"])).stdout, "on\n");
    }
    const recorded = await readFile(known, "utf8");
    assert.ok(
      recorded.startsWith("# ephemeral\n") &&
        recorded.includes(bench.server.hostPublicKey.split(" ")[1] ?? ""),
    );
    await bench.server.stop();
    await bench.server.dropSessions();
    await bench.server.replaceHostKey();
    await bench.server.start();
    await refused(openRuntime(config, { ...options, maxWaitMs: 30_000 }), "ssh.host_key_changed");
    assert.equal(await readFile(known, "utf8"), recorded);
  });

  test(`the key of an agent, and the agent in the place only when asked for: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    await using agent = await sshAgent(2);
    await bench.server.authorize(bench.user.name, agent.keys[1]?.publicKey ?? "");
    const config = [
      ...["Host box", ...lines(bench).filter((line) => !/^Identit/.test(line))],
      ...[`IdentityAgent ${agent.socketPath}`, "IdentityFile none"],
    ];
    {
      await using runtime = await openAlias(bench, "box", config, { transport });
      assert.equal((await runtime.exec(["id", "-un"])).stdout.trim(), bench.user.name);
      assert.equal((await runtime.exec("ssh-add -l")).exitCode, 2, "there is no agent in the place");
    }
    await using forwarding = await openAlias(bench, "box", config, {
      transport,
      forwardAgent: true,
      daemon: "never",
    });
    const { stdout } = await forwarding.exec("ssh-add -l");
    assert.equal(stdout.trim().split("\n").length, 2);
  });
}

test("certificates of host and user by OpenSSH; ssh2 says that it does not know them", async (t) => {
  const scratch = await requireOrSkip(t, () => sshBench());
  if (scratch === undefined) return;
  await using first = scratch;
  const authority = await keyFile(join(first.directory, "authority"));
  await using bench = await sshBench({
    server: {
      certificateAuthority: authority.path,
      config: [`TrustedUserCAKeys ${first.server.keyPath}-authorities.pub`],
    },
  });
  await writeFile(`${first.server.keyPath}-authorities.pub`, `${authority.publicKey}\n`);
  const known = join(bench.directory, "known");
  await writeFile(known, `@cert-authority * ${authority.publicKey}\n`);
  const key = await keyFile(join(bench.directory, "certified"));
  await output([
    "ssh-keygen",
    "-q",
    "-s",
    authority.path,
    "-I",
    "me",
    "-n",
    bench.user.name,
    `${key.path}.pub`,
  ]);
  const config = [
    ...["Host box", ...lines(bench).filter((line) => !/^(IdentityFile|UserKnownHosts)/.test(line))],
    ...[`IdentityFile ${key.path}`, `CertificateFile ${key.path}-cert.pub`, `UserKnownHostsFile ${known}`],
  ];
  {
    await using runtime = await openAlias(bench, "box", config);
    assert.equal((await runtime.exec(["id", "-un"])).stdout.trim(), bench.user.name);
    const report = await runtime.check();
    assert.match(report.steps.map(({ detail }) => detail).join("\n"), /openssh/i);
  }
  const unknown = await refused(
    openAlias(bench, "box", config, { transport: "ssh2" }),
    "ssh.host_key_unknown",
  );
  assert.match(`${unknown.message} ${unknown.hint}`, /certificate|authority/i);
});
