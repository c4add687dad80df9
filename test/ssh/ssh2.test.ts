import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { isBerthError } from "../../src/contract/errors.ts";
import { resolveSshTarget } from "../../src/transports/ssh/resolve.ts";
import { connectSsh2 } from "../../src/transports/ssh/ssh2/connect.ts";
import type { Ssh2Connection } from "../../src/transports/ssh/ssh2/connection.ts";
import type { SshTarget } from "../../src/transports/ssh/target.ts";
import type { RawProcess } from "../../src/transports/transport.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { type Proxy as FaultyNetwork, type ProxyOptions, proxy } from "../fixtures/network.ts";
import { output, waitFor } from "../fixtures/process.ts";
import { sshAgent } from "../fixtures/ssh-agent.ts";
import { sshUser } from "../fixtures/ssh-user.ts";
import { type SshServer, type SshServerOptions, sshServer } from "../fixtures/sshd.ts";
import type { OrdinaryUser } from "../fixtures/user.ts";

const DEADLINE_MS = 20_000;
/** What an output holds before the other one waits, 1 MiB, and the window that both share, 2 MiB; and what packets cost. */
const MOST_UNREAD_BYTES = 4 * 1024 * 1024;

interface Place {
  readonly server: SshServer;
  readonly user: OrdinaryUser;
  readonly path: string;
  readonly target: SshTarget;
  /** Connects for the rest of the test. */
  connect(changes?: Partial<SshTarget>): Promise<Ssh2Connection>;
  /** Puts a network with faults before the server. */
  between(conditions?: Omit<ProxyOptions, "to">): Promise<FaultyNetwork & { readonly port: number }>;
}

async function at(
  t: TestContext,
  options: SshServerOptions,
  body: (place: Place) => Promise<void>,
): Promise<void> {
  const found = await requireOrSkip(t, () => sshServer(options));
  if (found === undefined) return;
  await using stack = new AsyncDisposableStack();
  const server = stack.use(found);
  const user = stack.use(await sshUser());
  const { path } = stack.use(await scratchDirectory());
  const target = { ...(await resolveSshTarget(server.config(user.name))), identityAgent: undefined };
  await body({
    server,
    user,
    path,
    target,
    connect: async (changes = {}) => {
      const signal = AbortSignal.timeout(DEADLINE_MS);
      const connection = await connectSsh2({ ...target, ...changes }, { signal });
      stack.defer(() => connection.close());
      return connection;
    },
    between: async (conditions = {}) => {
      const made = stack.use(await proxy({ ...conditions, to: { port: server.port } }));
      assert.ok("port" in made.address);
      return Object.assign(made, { port: made.address.port });
    },
  });
}

/** The same server behind a proxy, whose port no known_hosts has. */
function known(path: string, port: number): Partial<SshTarget> {
  return { port, hostKeys: "accept-new", userKnownHostsFiles: [join(path, "known")] };
}

async function text(command: RawProcess): Promise<{ stdout: string; stderr: string; exit: unknown }> {
  const [stdout, stderr] = await Promise.all([command.stdout.toArray(), command.stderr.toArray()]);
  return {
    stdout: Buffer.concat(stdout).toString(),
    stderr: Buffer.concat(stderr).toString(),
    exit: await command.exit,
  };
}

async function code(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => assert.fail("it succeeded"),
    (cause: unknown) => cause,
  );
  assert.ok(isBerthError(error), String(error));
  return error.code;
}

test("a command: its input, both outputs, its exit code, its signal", async (t) => {
  await at(t, {}, async ({ connect }) => {
    const connection = await connect();
    const command = await connection.exec("cat; echo to stderr >&2; exit 255", {});
    command.stdin.end("input");
    assert.deepEqual(await text(command), {
      stdout: "input",
      stderr: "to stderr\n",
      exit: { exitCode: 255, signal: null },
    });
    const killed = await connection.exec("kill -KILL $$", {});
    assert.deepEqual((await text(killed)).exit, { exitCode: null, signal: "SIGKILL" });
    // Short ones, whose end may come together with the server's answer.
    const short = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => text(await connection.exec(`exit ${index}`, {}))),
    );
    assert.deepEqual(
      short.map(({ exit }) => exit),
      short.map((_, exitCode) => ({ exitCode, signal: null })),
    );
    const unread = await connection.exec("exec true", {});
    unread.stdin.write(Buffer.alloc(4 * 1024 * 1024));
    unread.stdin.end();
    assert.deepEqual((await text(unread)).exit, { exitCode: 0, signal: null });
  });
});

test("64 MB there and back are equal, over new keys too, and what nobody reads waits at the server", async (t) => {
  await at(
    t,
    { config: ["RekeyLimit 8M", "LogLevel DEBUG1"] },
    async ({ server, path, connect, between }) => {
      const network = await between();
      const connection = await connect(known(path, network.port));
      const echo = await connection.exec("exec cat", {});
      const sent = createHash("sha256");
      const received = createHash("sha256");
      const sending = (async () => {
        for (let count = 0; count < 64; count++) {
          const chunk = randomBytes(1024 * 1024);
          sent.update(chunk);
          if (!echo.stdin.write(chunk)) await once(echo.stdin, "drain");
        }
        echo.stdin.end();
      })();
      for await (const chunk of echo.stdout) received.update(chunk as Buffer);
      await sending;
      echo.stderr.resume();
      await echo.exit;
      assert.equal(received.digest("hex"), sent.digest("hex"));
      assert.ok(
        (server.log().match(/SSH2_MSG_NEWKEYS received/g)?.length ?? 0) > 4,
        "new keys were exchanged",
      );

      // Both streams together share what the server may send unasked.
      const before = network.passed().down;
      const noisy = await connection.exec("yes >&2 & exec yes", {});
      let read = 0;
      noisy.stdout.on("data", (chunk: Buffer) => {
        read += chunk.length;
      });
      // By what has come over the network: memory has garbage in it for as long as the collector likes.
      const came = () => network.passed().down - before;
      await waitFor("stdout waits for stderr, which may have had all the room before it", async () => {
        const seen = came();
        await delay(300);
        return seen > MOST_UNREAD_BYTES / 4 && came() === seen;
      });
      const unread = came() - read;
      assert.ok(unread < MOST_UNREAD_BYTES, `${unread} bytes have come for a stream that nobody reads`);
      noisy.stderr.resume();
      const stopped = read;
      await waitFor("stdout goes on", () => read > stopped + 4 * 1024 * 1024);
      noisy.close();
    },
  );
});

test("a little on the output that is read does not let in more and more of the one that nobody reads", async (t) => {
  await at(t, {}, async ({ path, connect, between }) => {
    const network = await between();
    const connection = await connect(known(path, network.port));
    const before = network.passed().down;
    const noisy = await connection.exec("while echo out; do head -c 100000 /dev/zero >&2; done", {});
    noisy.stdout.resume();
    const came = () => network.passed().down - before;
    await waitFor("the server waits, or has sent too much", async () => {
      const seen = came();
      await delay(300);
      return came() > 2 * MOST_UNREAD_BYTES || (seen > MOST_UNREAD_BYTES / 4 && came() === seen);
    });
    assert.ok(came() < MOST_UNREAD_BYTES, `${came()} bytes have come for a stream that nobody reads`);
    const stopped = came();
    noisy.stderr.resume();
    await waitFor("it goes on", () => came() > stopped + 2 * MOST_UNREAD_BYTES);
    noisy.close();
  });
});

test("a unix socket of the place, and what is said when it cannot be dialled", async (t) => {
  const listen = async (path: string, gid: number, onSocket: (socket: Socket) => void) => {
    const server = createServer({ allowHalfOpen: true }, onSocket).listen(path);
    await once(server, "listening");
    await output(["chmod", "666", path]);
    await output(["chgrp", String(gid), path]);
    return server;
  };
  await at(t, {}, async ({ connect, user, path }) => {
    await output(["chmod", "755", path]);
    const socketPath = join(path, "s");
    const listening = await listen(socketPath, user.gid, (socket) => socket.pipe(socket));
    t.after(() => listening.close());
    const connection = await connect();
    const stream = await connection.dialUnix(socketPath, {});
    stream.write("hello ");
    stream.end("there");
    assert.equal(Buffer.concat(await stream.toArray()).toString(), "hello there");
    assert.equal(await code(connection.dialUnix(join(path, "nothing"), {})), "transport.unavailable");
    const aborted = connection.dialUnix(socketPath, { signal: AbortSignal.abort() });
    assert.equal(await code(aborted), "operation.aborted");
  });
  await at(t, { config: ["AllowStreamLocalForwarding no"] }, async ({ connect, user, path }) => {
    await output(["chmod", "755", path]);
    const socketPath = join(path, "s");
    const listening = await listen(socketPath, user.gid, (socket) => socket.destroy());
    t.after(() => listening.close());
    const connection = await connect();
    assert.equal(await code(connection.dialUnix(socketPath, {})), "ssh.forwarding_refused");
    assert.equal(await code(connection.dialUnix(join(path, "nothing"), {})), "transport.unavailable");
  });
});

test("a server with one session refuses the second, and an aborted opening leaves none behind", async (t) => {
  await at(t, { config: ["MaxSessions 1"] }, async ({ connect }) => {
    const connection = await connect();
    const first = await connection.exec("exec cat", {});
    assert.equal(await code(connection.exec("true", {})), "ssh.sessions_refused");
    assert.equal(await code(connection.sftp({})), "ssh.sessions_refused");
    first.close();
    assert.deepEqual(await first.exit, { exitCode: null, signal: null });
    const runs = async (): Promise<boolean> => {
      const command = await connection.exec("echo ran", {});
      return (await text(command)).stdout === "ran\n";
    };
    await waitFor("the session is free", runs);
    const abort = new AbortController();
    const opening = connection.exec("exec cat", { signal: abort.signal });
    abort.abort();
    assert.equal(await code(opening), "operation.aborted");
    await waitFor("the aborted session is free", runs);
  });
});

test("the SFTP subsystem: its bytes, its absence, and no session lost by asking", async (t) => {
  const init = Buffer.from([0, 0, 0, 5, 1, 0, 0, 0, 3]);
  await at(t, {}, async ({ connect }) => {
    const stream = await (await connect()).sftp({});
    stream.write(init);
    const [answer] = (await once(stream, "data")) as [Buffer];
    assert.deepEqual([...answer.subarray(4, 9)], [2, 0, 0, 0, 3]);
    stream.destroy();
  });
  await at(t, { sftp: false, config: ["MaxSessions 1"] }, async ({ connect }) => {
    const connection = await connect();
    assert.equal(await code(connection.sftp({})), "ssh.sftp_missing");
    assert.equal(await code(connection.sftp({})), "ssh.sftp_missing");
    assert.equal((await text(await connection.exec("echo ran", {}))).stdout, "ran\n");
  });
  const config = ["Subsystem sftp /nothing/there"];
  await at(t, { sftp: false, config }, async ({ connect }) => {
    const stream = await (await connect()).sftp({});
    assert.equal(await code(stream.toArray()), "ssh.sftp_missing");
  });
});

test("host keys: unknown, recorded where that is configured, changed, revoked, by an authority alone", async (t) => {
  await at(t, {}, async ({ server, connect, path, target }) => {
    const knownHosts = join(path, "known_hosts");
    const files = { userKnownHostsFiles: [knownHosts], globalKnownHostsFiles: [] };
    const unknown = await connect(files).then(
      () => assert.fail("an unknown host"),
      (error: unknown) => error,
    );
    assert.ok(isBerthError(unknown, "ssh.host_key_unknown"));
    assert.match(unknown.message, /ED25519 SHA256:/);
    assert.match(unknown.hint, /berth ssh trust/);
    await connect({ ...files, hostKeys: "accept-new" });
    const connection = await connect(files);
    assert.match(connection.detail, /host key ssh-ed25519 SHA256:/);
    const name = `[${server.host}]:${server.port}`;
    await writeFile(knownHosts, `@revoked ${name} ${server.hostPublicKey}\n`);
    assert.equal(await code(connect({ ...files, hostKeys: "accept-new" })), "ssh.host_key_revoked");
    await writeFile(knownHosts, `@cert-authority ${name} ${server.hostPublicKey}\n`);
    const authority = await connect({ ...files, hostKeys: "accept-new" }).catch((error: unknown) => error);
    assert.ok(isBerthError(authority, "ssh.host_key_unknown"));
    assert.match(authority.message, /certificate authority/);
    await server.stop();
    await server.replaceHostKey();
    await server.start();
    for (const hostKeys of ["strict", "accept-new"] as const) {
      assert.equal(await code(connect({ hostKeys })), "ssh.host_key_changed");
    }
    assert.equal(target.hostKeys, "strict");
  });
});

test("a host whose ECDSA key is known shows that one, and not the one that it would rather show", async (t) => {
  await using scratch = await scratchDirectory();
  const ecdsa = join(scratch.path, "ecdsa");
  await output(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", ecdsa]);
  await at(t, { config: [`HostKey ${ecdsa}`] }, async ({ server, connect, path }) => {
    const knownHosts = join(path, "known_hosts");
    const key = (await output(["cut", "-d", " ", "-f", "1,2", `${ecdsa}.pub`])).trim();
    await writeFile(knownHosts, `[${server.host}]:${server.port} ${key}\n`);
    const connection = await connect({ userKnownHostsFiles: [knownHosts], globalKnownHostsFiles: [] });
    assert.match(connection.detail, /host key ecdsa-sha2-nistp256 /);
  });
});

test("the agent is there in the place only when that is configured", async (t) => {
  const look = "ssh-add -l 2>&1";
  await at(t, {}, async ({ connect }) => {
    await using agent = await sshAgent(1);
    const withAgent = { identityAgent: agent.socketPath };
    const without = await connect(withAgent);
    assert.match((await text(await without.exec(look, {}))).stdout, /Could not open/);
    const forwarded = await connect({ ...withAgent, forwardAgent: true });
    const fingerprint =
      (await output(["ssh-keygen", "-lf", `${agent.keys[0]?.path}.pub`])).split(" ")[1] ?? "";
    for (let count = 0; count < 2; count++) {
      assert.ok((await text(await forwarded.exec(look, {}))).stdout.includes(fingerprint));
    }
  });
  await at(t, { config: ["AllowAgentForwarding no"] }, async ({ connect }) => {
    await using agent = await sshAgent(1);
    const refused = await connect({ identityAgent: agent.socketPath, forwardAgent: true });
    assert.match((await text(await refused.exec(look, {}))).stdout, /Could not open/);
  });
});

test("cut in the middle of 100 MB: exact up to there, then the reason, for all that is open", async (t) => {
  await at(t, {}, async ({ connect, between, path }) => {
    const all = join(path, "all");
    await output([
      "sh",
      "-c",
      `head -c 100000000 /dev/urandom > ${all}; chmod 755 ${path}; chmod 644 ${all}`,
    ]);
    const bytes = await readFile(all);
    const network = await between({ down: { cutAfterBytes: 40_000_000 } });
    const connection = await connect({
      port: network.port,
      hostKeyAlias: undefined,
      ...known(path, network.port),
    });
    const sleeping = await connection.exec("exec sleep 1000", {});
    const command = await connection.exec(`exec cat ${all}`, {});
    let length = 0;
    const error: unknown = await (async () => {
      for await (const chunk of command.stdout) {
        const piece = chunk as Buffer;
        assert.ok(piece.equals(bytes.subarray(length, length + piece.length)), `differs behind ${length}`);
        length += piece.length;
      }
    })().then(
      () => assert.fail("it ended as if it were whole"),
      (cause: unknown) => cause,
    );
    assert.ok(isBerthError(error, "transport.disconnected"), String(error));
    assert.ok(length > 39_000_000 && length < 40_000_000, `${length}`);
    assert.equal(await code(command.exit), "transport.disconnected");
    assert.equal(await code(sleeping.exit), "transport.disconnected");
    assert.ok(isBerthError(await connection.ended, "transport.disconnected"));
    assert.equal(connection.closed, true);
    assert.equal(await code(connection.exec("true", {})), "transport.disconnected");
    assert.equal(await code(connection.dialUnix("/nothing", {})), "transport.disconnected");
  });
});

test("a connection that falls silent is given up", async (t) => {
  await at(t, {}, async ({ connect, between, path }) => {
    const network = await between();
    const connection = await connect(known(path, network.port));
    const command = await connection.exec("exec sleep 1000", {});
    network.set("down", { silentAfterBytes: 0 });
    assert.equal(await code(command.exit), "transport.disconnected");
    const reason = await connection.ended;
    assert.match(reason?.message ?? "", /nothing has come for 1\d s/);
  });
});

test("closing ends what is open, and says nothing", async (t) => {
  await at(t, {}, async ({ connect, server }) => {
    const connection = await connect();
    const command = await connection.exec("exec sleep 1000", {});
    const stream = await connection.sftp({});
    const ended = new Promise((resolve) => stream.once("close", resolve));
    await connection.close();
    await connection.close();
    assert.equal(await connection.ended, undefined);
    assert.equal(await code(command.exit), "transport.disconnected");
    await ended;
    await waitFor("the server has seen it", () =>
      /disconnected by user|Disconnected from user/.test(server.log()),
    );
  });
});
