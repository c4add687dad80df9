import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chown, mkdir, readdir, readFile, rmdir, stat, symlink, unlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { SshConfig } from "../../src/contract/config-ssh.ts";
import { isBerthError } from "../../src/contract/errors.ts";
import { collect } from "../../src/transports/collect.ts";
import type { SshConnection } from "../../src/transports/ssh/connection.ts";
import { connectOpenSsh } from "../../src/transports/ssh/openssh/connect.ts";
import { checkMaster } from "../../src/transports/ssh/openssh/control-socket.ts";
import { endAllMasters } from "../../src/transports/ssh/openssh/masters.ts";
import { resolveSshTarget } from "../../src/transports/ssh/resolve.ts";
import type { RunResult } from "../../src/transports/transport.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { proxy } from "../fixtures/network.ts";
import { output, run, waitFor } from "../fixtures/process.ts";
import { sshAgent } from "../fixtures/ssh-agent.ts";
import { type SshServer, type SshServerOptions, sshServer } from "../fixtures/sshd.ts";

interface Bench extends AsyncDisposable {
  server: SshServer;
  environment: NodeJS.ProcessEnv;
  /** Where the masters' sockets are. */
  sockets: string;
  connect(extra?: Partial<SshConfig>, signal?: AbortSignal): Promise<SshConnection>;
  run(connection: SshConnection, commandLine: string, input?: string): Promise<RunResult>;
}

async function bench(t: TestContext, options: SshServerOptions = {}): Promise<Bench | undefined> {
  const server = await requireOrSkip(t, () => sshServer(options));
  if (server === undefined) return undefined;
  await using stack = new AsyncDisposableStack();
  stack.use(server);
  const { path } = stack.use(await scratchDirectory());
  const sockets = join(path, "ssh");
  stack.defer(() => endAllMasters(sockets));
  const environment = { ...process.env, BERTH_HOME: path };
  const owned = stack.move();
  return {
    server,
    environment,
    sockets,
    connect: async (extra = {}, signal = new AbortController().signal) => {
      const target = await resolveSshTarget(server.config("root", extra), { environment });
      return connectOpenSsh(target, { signal, environment });
    },
    run: async (connection, commandLine, input) =>
      collect(await connection.exec(commandLine, {}), input === undefined ? {} : { input }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

test("commands: streams apart, input, every exit status and signal", async (t) => {
  await using made = await bench(t);
  if (made === undefined) return;
  const connection = await made.connect();
  assert.match(connection.detail, /^OpenSSH_.*, authenticated by publickey, aes128-gcm$/);
  const run = (line: string, input?: string) => made.run(connection, line, input);
  assert.deepEqual(await run("echo out; echo err >&2; exit 3"), {
    exitCode: 3,
    signal: null,
    stdout: "out\n",
    stderr: "err\n",
  });
  assert.equal((await run("exit 255")).exitCode, 255);
  assert.deepEqual(await run("kill -KILL $$").then(({ exitCode, signal }) => [exitCode, signal]), [
    null,
    "SIGKILL",
  ]);
  assert.equal((await run("cat", "text\0with NUL")).stdout, "text\0with NUL");
  assert.equal((await run("true", "x".repeat(1_000_000))).exitCode, 0);
  const many = await Promise.all(Array.from({ length: 8 }, (_, index) => run(`echo ${index}`)));
  assert.deepEqual(
    many.map(({ stdout }) => stdout),
    Array.from({ length: 8 }, (_, index) => `${index}\n`),
  );
  await connection.close();
  assert.equal(connection.closed, true);
  assert.equal(await connection.ended, undefined);
  await assert.rejects(connection.exec("true", {}), (error) => isBerthError(error, "transport.disconnected"));
});

test("100 MB each way arrive as they were sent", async (t) => {
  await using made = await bench(t);
  if (made === undefined) return;
  const connection = await made.connect();
  const echo = await connection.exec("cat", {});
  const block = Buffer.alloc(1024 * 1024, "0123456789abcdef");
  const sent = createHash("sha256");
  const received = createHash("sha256");
  const reading = (async () => {
    for await (const chunk of echo.stdout) received.update(chunk);
  })();
  for (let index = 0; index < 100; index++) {
    block.writeUInt32BE(index);
    sent.update(block);
    const copy = Buffer.from(block);
    if (!echo.stdin.write(copy)) await new Promise((resolve) => echo.stdin.once("drain", resolve));
  }
  echo.stdin.end();
  await reading;
  assert.equal((await echo.exit).exitCode, 0);
  assert.equal(received.digest("hex"), sent.digest("hex"));
});

test("a socket of the place as byte stream; one where nobody listens", async (t) => {
  await using made = await bench(t);
  if (made === undefined) return;
  await using scratch = await scratchDirectory();
  const { path } = scratch;
  const socketPath = join(path, "echo.sock");
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(socketPath);
  const connection = await made.connect();
  const stream = await connection.dialUnix(socketPath, {});
  stream.end("hello");
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  assert.equal(Buffer.concat(chunks).toString(), "hello");
  await assert.rejects(connection.dialUnix(join(path, "none.sock"), {}), (error) =>
    isBerthError(error, "transport.unavailable"),
  );
  server.close();
});

test("a server that forwards nothing", async (t) => {
  await using made = await bench(t, { config: ["AllowStreamLocalForwarding no"] });
  if (made === undefined) return;
  await using scratch = await scratchDirectory();
  const { path } = scratch;
  const socketPath = join(path, "echo.sock");
  const server = createServer().listen(socketPath);
  const connection = await made.connect();
  await assert.rejects(connection.dialUnix(socketPath, {}), (error) =>
    isBerthError(error, "ssh.forwarding_refused"),
  );
  server.close();
});

test("the next process takes the master that the last one left; two connections have two", async (t) => {
  await using made = await bench(t);
  if (made === undefined) return;
  const logins = () => made.server.log().split("Accepted publickey").length - 1;
  const first = await made.connect();
  const second = await made.connect();
  assert.equal(logins(), 2);
  await Promise.all([first.close(), second.close()]);
  const third = await made.connect();
  assert.equal((await made.run(third, "echo still")).stdout, "still\n");
  assert.equal(logins(), 2);
  assert.match(third.detail, /earlier process/);
  await third.close();
  await endAllMasters(made.sockets);
  await waitFor("nothing is left", async () => (await readdir(made.sockets)).length === 0);
});

test("an SFTP subsystem; none; one whose program is missing", async (t) => {
  const SFTP_INIT = Buffer.from([0, 0, 0, 5, 1, 0, 0, 0, 3]);
  const isMissing = (error: unknown): boolean => isBerthError(error, "ssh.sftp_missing");
  {
    await using made = await bench(t);
    if (made === undefined) return;
    const connection = await made.connect();
    const stream = await connection.sftp({});
    stream.write(SFTP_INIT);
    const [answer] = (await once(stream, "data")) as [Buffer];
    assert.equal(answer[4], 2, "SSH_FXP_VERSION");
    stream.end();
    await once(stream.resume(), "close");
  }
  {
    await using made = await bench(t, { sftp: false });
    if (made === undefined) return;
    const connection = await made.connect();
    await assert.rejects(connection.sftp({}), isMissing);
    assert.equal((await made.run(connection, "echo on")).stdout, "on\n");
  }
  await using made = await bench(t, { sftp: false, config: ["Subsystem sftp /nonexistent/sftp-server"] });
  if (made === undefined) return;
  const stream = await (await made.connect()).sftp({});
  stream.on("data", () => {});
  await assert.rejects(once(stream, "end"), isMissing);
});

test("a session more than MaxSessions is refused and harms no other", async (t) => {
  await using made = await bench(t, { config: ["MaxSessions 2"] });
  if (made === undefined) return;
  const connection = await made.connect();
  const held = [await connection.exec("cat", {}), await connection.exec("cat", {})];
  const refused = (error: unknown): boolean => isBerthError(error, "ssh.sessions_refused") && error.retryable;
  await assert.rejects(connection.exec("echo never > /tmp/never", {}), refused);
  await assert.rejects(connection.sftp({}), refused);
  for (const process of held) {
    assert.equal((await collect(process, { input: "still here" })).stdout, "still here");
  }
  assert.equal((await made.run(connection, "echo on")).stdout, "on\n");
  // The master could not outlive this process's channels: it is ended, and nothing is left.
  await connection.close();
  await waitFor("nothing is left", async () => (await readdir(made.sockets)).length === 0);
});

test("a connection that is cut: what ran fails, `ended` says it, the next one works", async (t) => {
  await using made = await bench(t);
  if (made === undefined) return;
  const connection = await made.connect();
  const running = await connection.exec("echo started; sleep 600; exit 7", {});
  await once(running.stdout, "data");
  const outcome = assert.rejects(running.exit, (error) => isBerthError(error, "transport.disconnected"));
  await made.server.dropSessions();
  await outcome;
  const reason = await connection.ended;
  assert.ok(isBerthError(reason, "transport.disconnected"));
  assert.equal(connection.closed, true);
  await assert.rejects(connection.exec("true", {}), (error) => isBerthError(error, "transport.disconnected"));
  await assert.rejects(connection.dialUnix("/x", {}), (error) =>
    isBerthError(error, "transport.disconnected"),
  );
  await waitFor("nothing is left", async () => (await readdir(made.sockets)).length === 0);
  assert.equal((await made.run(await made.connect(), "echo on")).stdout, "on\n");
});

test("a master that is killed is noticed, and its socket is replaced", async (t) => {
  await using made = await bench(t);
  if (made === undefined) return;
  const connection = await made.connect();
  await connection.close();
  const [name = ""] = await readdir(made.sockets);
  process.kill(await checkMaster(join(made.sockets, name)), "SIGKILL");
  await waitFor("it is gone", () =>
    checkMaster(join(made.sockets, name)).then(
      () => false,
      () => true,
    ),
  );
  const next = await made.connect();
  assert.equal((await made.run(next, "echo on")).stdout, "on\n");
  const sockets = await readdir(made.sockets);
  assert.equal(sockets.length, 1);
  assert.ok(!sockets[0]?.startsWith(name));
  process.kill(await checkMaster(join(made.sockets, sockets[0] ?? "")), "SIGKILL");
  assert.ok(isBerthError(await next.ended, "transport.disconnected"));
  await waitFor("nothing is left", async () => (await readdir(made.sockets)).length === 0);
});

test("processes that start at once each get a connection that works", async (t) => {
  await using made = await bench(t);
  if (made === undefined) return;
  const first = await made.connect();
  await first.close();
  const connections = await Promise.all([1, 2, 3].map(() => made.connect()));
  const answers = await Promise.all(connections.map((one, index) => made.run(one, `echo ${index}`)));
  assert.deepEqual(
    answers.map(({ stdout }) => stdout),
    ["0\n", "1\n", "2\n"],
  );
  assert.equal(
    made.server.log().split("Accepted publickey").length - 1,
    3,
    "the master that was left is one",
  );
});

test("the user's configuration weakens nothing and opens nothing", async (t) => {
  await using made = await bench(t);
  if (made === undefined) return;
  await using scratch = await scratchDirectory();
  const at = (name: string): string => join(scratch.path, name);
  const forwarded = at("forward.sock");
  const configFile = at("ssh_config");
  const lines = [
    "Host alias",
    `  HostName ${made.server.host}`,
    "  User root",
    `  LocalForward ${forwarded} /nowhere`,
    "  PermitLocalCommand yes",
    `  LocalCommand touch ${at("local-command")}`,
    "  RemoteCommand echo remote",
    "  RequestTTY force",
    "  ForwardAgent yes",
    "  ControlMaster auto",
    `  ControlPath ${at("users-own")}`,
    "  SessionType none",
    "  StdinNull yes",
    "  ForkAfterAuthentication yes",
    "  StrictHostKeyChecking no",
    "  NoHostAuthenticationForLocalhost yes",
    "  SetEnv BERTH_TEST_SENT=1",
    "  LogLevel QUIET",
    "  Ciphers aes256-ctr,aes128-gcm@openssh.com",
  ];
  await writeFile(configFile, `${lines.join("\n")}\n`);
  const own = { host: "alias", configFile };
  const connection = await made.connect(own);
  assert.match(connection.detail, /aes256-ctr$/);
  const { stdout } = await made.run(
    connection,
    "echo mine $SSH_AUTH_SOCK $BERTH_TEST_SENT; test -t 0 || echo none",
  );
  assert.equal(stdout, "mine\nnone\n");
  for (const name of [forwarded, at("local-command"), at("users-own")]) {
    await assert.rejects(stat(name), { code: "ENOENT" });
  }
  await writeFile(at("known"), "");
  await assert.rejects(made.connect({ ...own, knownHostsFile: at("known") }), (error) =>
    isBerthError(error, "ssh.host_key_unknown"),
  );
  const accepting = await made.connect({ ...own, knownHostsFile: at("known"), hostKeys: "accept-new" });
  assert.equal((await made.run(accepting, "echo on")).stdout, "on\n");
  assert.match(await readFile(at("known"), "utf8"), /ssh-ed25519/);
});

test("the agent is forwarded where that is asked for, and to nobody else", async (t) => {
  await using made = await bench(t);
  if (made === undefined) return;
  await using agent = await sshAgent(1);
  made.environment.SSH_AUTH_SOCK = agent.socketPath;
  const list = 'test -n "$SSH_AUTH_SOCK" && ssh-add -L';
  const without = await made.connect();
  assert.equal((await made.run(without, list)).exitCode, 1);
  const forwarding = await made.connect({ forwardAgent: true });
  const { stdout } = await made.run(forwarding, list);
  assert.equal(stdout.split(" ")[1], agent.keys[0]?.publicKey.split(" ")[1]);
});

test("over hosts on the way: it works, and the one that fails is named", async (t) => {
  await using made = await bench(t);
  if (made === undefined) return;
  await using other = await sshServer();
  await using scratch = await scratchDirectory();
  const at = (name: string): string => join(scratch.path, name);
  await writeFile(at("known"), await readFile(made.server.knownHostsPath));
  await writeFile(at("known"), await readFile(other.knownHostsPath), { flag: "a" });
  await writeFile(at("none"), "");
  const identity = (key: string, known = at("known")) => [
    "  HostName 127.0.0.1",
    "  User root",
    `  IdentityFile ${key}`,
    "  IdentitiesOnly yes",
    `  UserKnownHostsFile ${known}`,
  ];
  const lines = [
    "Host one",
    `  Port ${other.port}`,
    ...identity(other.keyPath),
    "Host two",
    `  Port ${made.server.port}`,
    ...identity(made.server.keyPath),
    "Host refusing",
    "  Port 1",
    ...identity(other.keyPath),
    "Host unknown",
    `  Port ${other.port}`,
    "  StrictHostKeyChecking no",
    ...identity(other.keyPath, at("none")),
    "Host stranger",
    `  Port ${other.port}`,
    ...identity(made.server.keyPath),
  ];
  let count = 0;
  const over = async (way: string, extra: Partial<SshConfig> = {}): Promise<SshConnection> => {
    const configFile = at(`config${count++}`);
    await writeFile(configFile, `${["Host box", `  ${way}`, ...lines].join("\n")}\n`);
    return made.connect({ host: "box", configFile, ...extra });
  };
  const box = { hostname: "HostName 127.0.0.1" };
  const through = async (way: string, extra?: Partial<SshConfig>) => over(`${box.hostname}\n  ${way}`, extra);
  assert.equal((await made.run(await through("ProxyJump one"), "echo on")).stdout, "on\n");
  assert.equal((await made.run(await through("ProxyJump two,one"), "echo on")).stdout, "on\n");
  const failing: readonly (readonly [string, string, RegExp, Partial<SshConfig>?])[] = [
    ["ProxyJump refusing", "refusing", /Connection refused/],
    ["ProxyJump refusing,one", "refusing", /Connection refused/],
    ["ProxyJump two,refusing", "refusing", /Connection refused, from two/],
    ["ProxyJump two,stranger", "stranger", /Permission denied/],
    ["ProxyCommand /nonexistent/program %h", "program", /not found|No such file/],
    ["ProxyCommand sh -c 'echo broken >&2; exit 1'", "sh", /broken/],
    ["ProxyCommand true", "true", /closed the connection/],
  ];
  for (const [way, proxy, reason, extra] of failing) {
    await assert.rejects(through(way, extra), (error) => {
      assert.ok(isBerthError(error, "ssh.proxy_failed"), `${way}: ${error}`);
      assert.equal(error.context.proxy, proxy, `${way}: ${error.message}`);
      assert.match(error.message, reason, way);
      return true;
    });
  }
  await assert.rejects(through("ProxyJump unknown"), (error) => {
    assert.ok(isBerthError(error, "ssh.host_key_unknown"), String(error));
    assert.equal(error.context.proxy, "unknown");
    return true;
  });
  await assert.rejects(through("ProxyJump one", { port: 1 }), (error) => {
    assert.ok(isBerthError(error, "ssh.connection_refused"), String(error));
    assert.match(error.message, /from one/);
    return true;
  });
});

test("a directory that is somebody else's is not used", async (t) => {
  await using made = await bench(t);
  if (made === undefined) return;
  const { sockets } = made;
  await mkdir(sockets, { recursive: true });
  await chown(sockets, 65_534, 65_534);
  const refused = (error: unknown): boolean => isBerthError(error, "provision.no_directory");
  await assert.rejects(made.connect(), refused);
  await rmdir(sockets);
  await symlink("/tmp", sockets);
  await assert.rejects(made.connect(), refused);
  await unlink(sockets);
  await mkdir(sockets, { mode: 0o755 });
  await made.connect();
  assert.equal((await stat(sockets)).mode & 0o777, 0o700);
});

test("an abort leaves neither a login nor what it started", async (t) => {
  await using made = await bench(t);
  if (made === undefined) return;
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const address = silent.address();
  assert.ok(address !== null && typeof address === "object");
  const abort = new AbortController();
  const attempt = made.connect({ port: address.port }, abort.signal);
  await once(silent, "connection");
  abort.abort();
  await assert.rejects(attempt, (error) => isBerthError(error, "operation.aborted"));
  await waitFor(
    "no ssh is left",
    async () => !(await output(["ps", "-e", "-o", "args="])).includes(made.sockets),
  );
  assert.deepEqual(await readdir(made.sockets), []);
  silent.close();

  const connection = await made.connect();
  const ended = new AbortController();
  ended.abort();
  await assert.rejects(connection.exec("true", ended), (error) => isBerthError(error, "operation.aborted"));
  const running = await connection.exec("cat; touch /tmp/never", {});
  running.close();
  assert.deepEqual(await running.exit, { exitCode: null, signal: null });
  assert.equal((await made.run(connection, "echo on")).stdout, "on\n");
});

test("a command that was not answered when the connection ended was not refused", async (t) => {
  await using made = await bench(t);
  if (made === undefined) return;
  const { host, port } = made.server;
  await using network = await proxy({ to: { host, port } });
  assert.ok("port" in network.address);
  await made.server.trust(`[127.0.0.1]:${network.address.port}`);
  const connection = await made.connect({ port: network.address.port });
  await made.run(connection, "true");
  network.set("down", { silentAfterBytes: 0 });
  const isLost = (error: unknown): boolean => isBerthError(error, "transport.disconnected");
  const unanswered = [
    assert.rejects(connection.exec("true", {}), isLost),
    assert.rejects(connection.exec("true", {}), isLost),
    assert.rejects(connection.sftp({}), isLost),
    assert.rejects(connection.dialUnix("/x", {}), isLost),
  ];
  network.cut();
  await Promise.all(unanswered);
});

test("bytes stay whole while new keys are agreed upon", async (t) => {
  await using made = await bench(t);
  if (made === undefined) return;
  await using scratch = await scratchDirectory();
  const configFile = join(scratch.path, "ssh_config");
  await writeFile(configFile, "RekeyLimit 1M\n");
  const connection = await made.connect({ configFile });
  const input = Buffer.from(Uint32Array.from({ length: 1_000_000 }, (_, index) => index).buffer);
  const { stdin, stdout, exit } = await connection.exec("cat", {});
  stdin.end(input);
  const chunks: Buffer[] = [];
  for await (const chunk of stdout) chunks.push(chunk);
  assert.equal((await exit).exitCode, 0);
  assert.ok(Buffer.concat(chunks).equals(input));
});

test("a process that ends without closing leaves its master to the next one; one that is killed, too", async (t) => {
  await using made = await bench(t);
  if (made === undefined) return;
  const source = join(import.meta.dirname, "../../src/transports/ssh");
  const script = (end: string): string => `
    const { resolveSshTarget } = await import(${JSON.stringify(join(source, "resolve.ts"))});
    const { connectOpenSsh } = await import(${JSON.stringify(join(source, "openssh/connect.ts"))});
    const target = await resolveSshTarget(${JSON.stringify(made.server.config("root"))});
    const connection = await connectOpenSsh(target, { signal: new AbortController().signal });
    await (await connection.exec("true", {})).exit;
    ${end}`;
  for (const end of ["process.exit(3)", "process.kill(process.pid, 'SIGKILL')"]) {
    const ended = await run([process.execPath, "--input-type=module", "-e", script(end)], {
      env: made.environment,
    });
    assert.ok(ended.exitCode === 3 || ended.signal === "SIGKILL", ended.stderr.toString());
    const [name = "", ...more] = await readdir(made.sockets);
    assert.deepEqual(more, []);
    // Under its first name the master itself removes it, after its 60 s.
    if (ended.exitCode === 3) assert.match(name, /^[0-9a-f]{12}\.[0-9a-f]{6}$/);
  }
  const next = await made.connect();
  assert.equal((await made.run(next, "echo on")).stdout, "on\n");
  assert.equal(made.server.log().split("Accepted publickey").length - 1, 1);
});
