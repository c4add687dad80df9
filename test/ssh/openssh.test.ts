import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { SshConfig } from "../../src/contract/config-ssh.ts";
import { isBerthError } from "../../src/contract/errors.ts";
import { collect } from "../../src/transports/collect.ts";
import type { SshConnection } from "../../src/transports/ssh/connection.ts";
import { connectOpenSsh } from "../../src/transports/ssh/openssh/connect.ts";
import { endAllMasters } from "../../src/transports/ssh/openssh/masters.ts";
import { resolveSshTarget } from "../../src/transports/ssh/resolve.ts";
import type { RunResult } from "../../src/transports/transport.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { waitFor } from "../fixtures/process.ts";
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
