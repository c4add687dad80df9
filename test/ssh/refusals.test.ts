import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import type { SshConfig } from "../../src/contract/config-ssh.ts";
import type { BerthError } from "../../src/contract/errors.ts";
import type { OpenOptions } from "../../src/contract/runtime.ts";
import { checkRuntime } from "../../src/runtimes/check.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import { refused } from "../conformance/kit.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { output, waitFor } from "../fixtures/process.ts";
import { keyFile, sshAgent } from "../fixtures/ssh-agent.ts";
import { sshHost } from "../fixtures/ssh-host.ts";
import { setPassword } from "../fixtures/ssh-user.ts";
import { knownHostsName } from "../fixtures/sshd.ts";
import { type SshBench, sshBench, TRANSPORTS } from "./support.ts";

/** A host that fails at once fails once: what is tested is what the first failure is called. */
const AT_ONCE: OpenOptions = { maxWaitMs: 0 };

interface Case {
  readonly code: string;
  readonly transports?: readonly (typeof TRANSPORTS)[number][];
  /** Prepares the failure and says by which configuration it is met. */
  readonly make: (bench: SshBench, stack: AsyncDisposableStack) => Promise<Partial<SshConfig>>;
  /** What the error has to tell beyond its code. */
  readonly tells?: (error: BerthError, bench: SshBench) => void | Promise<void>;
}

async function listening(stack: AsyncDisposableStack, serve: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    // A client that gives up resets.
    socket.on("error", () => {});
    serve(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(() => void server.close());
  const address = server.address();
  if (address === null || typeof address !== "object") throw new Error("no port");
  return address.port;
}

async function fingerprint(publicKey: string): Promise<string> {
  const line = await output(["ssh-keygen", "-l", "-f", "-"], { input: `${publicKey}\n` });
  return line.split(" ")[1] ?? "";
}

const CASES: Readonly<Record<string, Case>> = {
  "a key with a passphrase and nobody to ask": {
    code: "ssh.key_encrypted",
    make: async (bench) => {
      const key = await keyFile(join(bench.directory, "encrypted"), { passphrase: "sesame" });
      await bench.server.authorize(bench.user.name, key.publicKey);
      return { identityFile: key.path };
    },
    tells: (error, bench) => assert.match(error.message, new RegExp(join(bench.directory, "encrypted"))),
  },
  "a key that the server does not know": {
    code: "ssh.auth_failed",
    make: async (bench) => ({ identityFile: (await keyFile(join(bench.directory, "wrong"))).path }),
    tells: (error) => assert.match(error.hint, /publickey/),
  },
  "a file that is no key": {
    code: "ssh.key_unusable",
    make: async (bench) => {
      await writeFile(join(bench.directory, "nonsense"), "nonsense\n", { mode: 0o600 });
      return { identityFile: join(bench.directory, "nonsense") };
    },
  },
  "a key that everybody can read": {
    code: "ssh.key_unusable",
    transports: ["openssh"],
    make: async (bench) => {
      const key = await keyFile(join(bench.directory, "open"));
      await bench.server.authorize(bench.user.name, key.publicKey);
      await chmod(key.path, 0o644);
      return { identityFile: key.path };
    },
  },
  "an agent with twenty keys, of which none is right": {
    code: "ssh.too_many_keys",
    make: async (bench, stack) => {
      const agent = stack.use(await sshAgent(20));
      const configFile = join(bench.directory, "ssh_config");
      await writeFile(configFile, `IdentityAgent ${agent.socketPath}\nIdentityFile none\n`);
      return { identityFile: undefined, configFile };
    },
    tells: (error) => assert.match(error.hint, /identityFile/i),
  },
  "a host whose key is not known": {
    code: "ssh.host_key_unknown",
    make: async (bench) => {
      await writeFile(join(bench.directory, "known"), "");
      return { knownHostsFile: join(bench.directory, "known") };
    },
    tells: async (error, bench) => {
      const shown = `${error.message} ${error.hint}`;
      assert.ok(shown.includes(await fingerprint(bench.server.hostPublicKey)), shown);
      assert.match(error.hint, /berth ssh trust/);
      assert.equal(await readFile(join(bench.directory, "known"), "utf8"), "", "nothing is recorded");
    },
  },
  "a host with another key than the known one": {
    code: "ssh.host_key_changed",
    make: async (bench) => {
      const other = await keyFile(join(bench.directory, "other"));
      const name = knownHostsName(bench.server.host, bench.server.port);
      await writeFile(join(bench.directory, "known"), `${name} ${other.publicKey}\n`);
      return { knownHostsFile: join(bench.directory, "known") };
    },
    tells: async (error, bench) => {
      assert.equal(error.retryable, false);
      assert.ok(
        !(await readFile(join(bench.directory, "known"), "utf8")).includes(bench.server.hostPublicKey),
      );
    },
  },
  "the same where unknown hosts are accepted": {
    code: "ssh.host_key_changed",
    make: async (bench, stack) => ({
      ...(await CASES["a host with another key than the known one"]?.make(bench, stack)),
      hostKeys: "accept-new",
    }),
  },
  "a host whose key is revoked": {
    code: "ssh.host_key_revoked",
    make: async (bench) => {
      const name = knownHostsName(bench.server.host, bench.server.port);
      const { hostPublicKey } = bench.server;
      await writeFile(
        join(bench.directory, "known"),
        `@revoked ${name} ${hostPublicKey}\n${name} ${hostPublicKey}\n`,
      );
      return { knownHostsFile: join(bench.directory, "known"), hostKeys: "accept-new" };
    },
  },
  "a host that cannot be reached": {
    code: "ssh.unreachable",
    make: async (_, stack) => {
      const far = stack.use(await sshHost());
      await far.rejectPackets();
      return { host: far.address, port: 22 };
    },
  },
  "a host that never answers": {
    code: "ssh.connect_timeout",
    make: async (_, stack) => {
      const far = stack.use(await sshHost());
      await far.dropPackets();
      return { host: far.address, port: 22, connectTimeoutMs: 700 };
    },
  },
  "a server that accepts and says nothing": {
    code: "ssh.connect_timeout",
    make: async (_, stack) => ({ port: await listening(stack, () => {}), connectTimeoutMs: 700 }),
  },
  "a port on which nothing listens": {
    code: "ssh.connection_refused",
    make: async (bench) => {
      await bench.server.stop();
      return {};
    },
    tells: (error, bench) => assert.match(error.message, new RegExp(`${bench.server.port}`)),
  },
  "a name that nobody knows": {
    code: "ssh.name_not_found",
    make: async () => ({ host: "no-such-host.invalid" }),
    tells: (error) => assert.match(error.message, /no-such-host\.invalid/),
  },
  "a server that closes at once": {
    code: "ssh.handshake_failed",
    make: async (_, stack) => ({ port: await listening(stack, (socket) => socket.destroy()) }),
  },
  "a server that closes behind its first line": {
    code: "ssh.handshake_failed",
    make: async (_, stack) => ({
      port: await listening(stack, (socket) => void socket.end("SSH-2.0-Nobody\r\n")),
    }),
  },
  "a server that closes in the middle of the key exchange": {
    code: "ssh.handshake_failed",
    make: async (bench) => {
      await bench.between({ down: { cutAfterBytes: 700 } });
      return { port: bench.config().port };
    },
  },
  "a server of another kind": {
    code: "ssh.handshake_failed",
    make: async (_, stack) => ({
      port: await listening(stack, (socket) => {
        socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
      }),
    }),
  },
  "a proxy that fails": {
    code: "ssh.proxy_failed",
    transports: ["openssh"],
    make: async (bench, stack) => {
      const closed = await listening(stack, (socket) => socket.destroy());
      const configFile = join(bench.directory, "ssh_config");
      await writeFile(configFile, `ProxyJump somebody@127.0.0.1:${closed}\n`);
      return { configFile };
    },
  },
  "a configuration of ssh with a mistake": {
    code: "ssh.config_invalid",
    make: async (bench) => {
      const configFile = join(bench.directory, "ssh_config");
      await writeFile(configFile, "Nonsense yes\n");
      return { configFile };
    },
  },
  "a password that is wrong": {
    code: "ssh.password_refused",
    transports: ["ssh2"],
    make: async (bench) => {
      await setPassword(bench.user.name, "right one");
      await writeFile(join(bench.directory, "password"), "wrong one\n", { mode: 0o600 });
      return { identityFile: undefined, password: { file: join(bench.directory, "password") } };
    },
  },
  "a password that cannot be had": {
    code: "ssh.secret_unavailable",
    transports: ["ssh2"],
    make: async () => ({ identityFile: undefined, password: { env: "BERTH_TEST_NOT_SET" } }),
  },
};

for (const transport of TRANSPORTS) {
  for (const [title, { code, transports, make, tells }] of Object.entries(CASES)) {
    if (transports !== undefined && !transports.includes(transport)) continue;
    test(`${title} is ${code}: ${transport}`, async (t) => {
      const made = await requireOrSkip(t, () =>
        sshBench({ server: { config: ["PasswordAuthentication yes"], node: false } }),
      );
      if (made === undefined) return;
      await using bench = made;
      await using stack = new AsyncDisposableStack();
      const config = { ...bench.config(await make(bench, stack)), transport };
      for (const key of Object.keys(config) as (keyof SshConfig)[]) {
        if (config[key] === undefined) delete config[key];
      }
      const options = { ...AT_ONCE, stateDirectory: bench.stateDirectory };
      const error = await refused(openRuntime(config, options), code);
      assert.ok(error.message.length > 10 && !/\{\w+\}/.test(error.message + error.hint), error.message);
      await tells?.(error, bench);
      const { ok, steps } = await checkRuntime(config, options);
      assert.equal(ok, false);
      const last = steps.at(-1);
      assert.equal(last?.ok, false);
      // What may pass is not tried again at once.
      assert.equal(last?.code, error.retryable ? "ssh.waiting" : code);
      assert.ok(last?.detail.includes(error.message), `${last?.detail} has ${error.message}`);
      assert.notEqual(last?.hint ?? "", "");
      assert.ok(steps.slice(0, -1).every((step) => step.ok));
    });
  }

  test(`a test of the connection names the step that fails: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    const options = { ...AT_ONCE, stateDirectory: bench.stateDirectory };
    const { knownHostsFile: _, ...config } = bench.config({ transport });
    const unknown = join(bench.directory, "known");
    await writeFile(unknown, "");
    const wrong = (await keyFile(join(bench.directory, "wrong"))).path;
    const failures: readonly [Partial<SshConfig>, string, string][] = [
      [{ knownHostsFile: unknown }, "host key", "ssh.host_key_unknown"],
      [
        { knownHostsFile: bench.server.knownHostsPath, identityFile: wrong },
        "authentication",
        "ssh.auth_failed",
      ],
      [{ knownHostsFile: bench.server.knownHostsPath, port: 1 }, "connect", "ssh.connection_refused"],
    ];
    for (const [extra, step, code] of failures) {
      const told: string[] = [];
      const report = await checkRuntime(
        { ...config, ...extra },
        { ...options, onStep: ({ name }) => void told.push(name) },
      );
      const last = report.steps.at(-1);
      assert.deepEqual([last?.name, last?.code, last?.ok, report.ok], [step, code, false, false]);
      assert.deepEqual(
        told,
        report.steps.map(({ name }) => name),
      );
    }
    const well = await checkRuntime({ ...config, knownHostsFile: bench.server.knownHostsPath }, options);
    assert.equal(well.ok, true, JSON.stringify(well.steps, undefined, 1));
    assert.ok(well.steps.every(({ durationMs, detail }) => durationMs >= 0 && detail !== ""));
    const wanted = [
      "resolve",
      "connect",
      "host key",
      "authentication",
      "login shell",
      "platform",
      "space",
      "daemon",
    ];
    const names = well.steps.map(({ name }) => name);
    assert.deepEqual(
      wanted.filter((name) => !names.includes(name)),
      [],
    );
    assert.equal(new Set(names).size, names.length, names.join());
  });

  test(`a passphrase that is given or typed opens the key: ${transport} or what takes its place`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    const key = await keyFile(join(bench.directory, "encrypted"), { passphrase: "sesame" });
    await bench.server.authorize(bench.user.name, key.publicKey);
    await writeFile(join(bench.directory, "passphrase"), "sesame\n", { mode: 0o600 });
    const identity = { identityFile: key.path, ...(transport === "ssh2" && { transport }) };
    const given = await bench.open({
      ...identity,
      passphrase: { file: join(bench.directory, "passphrase") },
    });
    assert.equal((await given.exec(["id", "-un"])).stdout.trim(), bench.user.name);
    await bench.server.dropSessions();
    const asked: string[] = [];
    const typed = await bench.open(
      { ...identity, maxConnections: 3 },
      {
        onPrompt: async (prompt) => {
          asked.push(`${prompt.kind} ${prompt.subject}`);
          return "sesame";
        },
      },
    );
    assert.equal((await typed.exec(["id", "-un"])).stdout.trim(), bench.user.name);
    assert.match(asked.join("\n"), /^passphrase .*encrypted/);
  });

  test(`the key that is named is the only one that is tried, however many an agent has: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    await using agent = await sshAgent(20);
    const configFile = join(bench.directory, "ssh_config");
    await writeFile(configFile, `IdentityAgent ${agent.socketPath}\n`);
    const runtime = await bench.open({ configFile, transport });
    assert.equal((await runtime.exec(["id", "-un"])).stdout.trim(), bench.user.name);
    assert.doesNotMatch(bench.server.log(), /Too many authentication failures|Failed publickey/);
  });

  test(`a server whose MaxStartups refuses is busy, and is reached when it no longer is: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench({ server: { config: ["MaxStartups 2"] } }));
    if (made === undefined) return;
    await using bench = made;
    const { host, port } = bench.server;
    const waiting = await Promise.all(
      [1, 2].map(async () => {
        const socket = connect({ host, port });
        await once(socket, "data");
        return socket;
      }),
    );
    const options = { ...AT_ONCE, stateDirectory: bench.stateDirectory };
    const error = await refused(openRuntime(bench.config({ transport }), options), "ssh.server_busy");
    assert.equal(error.retryable, true);
    const waits: number[] = [];
    const opening = bench.open({ transport }, { onWait: (milliseconds) => waits.push(milliseconds) });
    await waitFor("it is waited for", () => waits.length > 0);
    for (const socket of waiting) socket.destroy();
    assert.equal((await (await opening).exec(["echo", "on"])).stdout, "on\n");
  });
}

test("keyboard-interactive by PAM is answered by a person, or by the password", async (t) => {
  const config = ["UsePAM yes", "KbdInteractiveAuthentication yes", "PubkeyAuthentication no"];
  const made = await requireOrSkip(t, () =>
    sshBench({ server: { config }, user: { password: "right one" } }),
  );
  if (made === undefined) return;
  await using bench = made;
  await writeFile(join(bench.directory, "password"), "right one\n", { mode: 0o600 });
  const { identityFile: _, ...base } = bench.config();
  const open = (extra: Partial<SshConfig>, options: OpenOptions = {}) =>
    openRuntime({ ...base, ...extra }, { ...AT_ONCE, stateDirectory: bench.stateDirectory, ...options });
  {
    await using runtime = await open({ password: { file: join(bench.directory, "password") } });
    assert.equal((await runtime.exec(["id", "-un"])).stdout.trim(), bench.user.name);
  }
  await bench.server.dropSessions();
  const prompts: string[] = [];
  await using runtime = await open(
    {},
    {
      maxWaitMs: 30_000,
      onPrompt: async ({ kind, text, echo }) => {
        prompts.push(`${kind} ${echo} ${text}`);
        return "right one";
      },
    },
  );
  assert.equal((await runtime.exec(["id", "-un"])).stdout.trim(), bench.user.name);
  assert.match(prompts.join("\n"), /^(answer|password) false .*assword/);
});
