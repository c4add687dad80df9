import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { access, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type Duplex, PassThrough, Readable } from "node:stream";
import { test } from "node:test";
import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import { collect } from "../collect.ts";
import { createLocalTransport } from "../local.ts";
import type { RawProcess } from "../transport.ts";
import { createSshPool } from "./pool.ts";
import { FIRST_SESSION } from "./pooled-host.ts";
import { FakeConnection, fakeTarget } from "./testing.ts";
import { createSshTransport } from "./transport.ts";

/** A connection whose login shell is this machine's `sh`. */
class LocalConnection extends FakeConnection {
  dials = 0;
  dialFailure: BerthError | undefined;
  /** Where its commands are looked for; default: as here. */
  path: string | undefined;
  readonly commandLines: string[] = [];

  override async exec(commandLine: string): Promise<RawProcess> {
    if (commandLine === FIRST_SESSION) return super.exec(commandLine);
    this.commandLines.push(commandLine);
    const options = this.path === undefined ? {} : { env: { PATH: this.path } };
    return createLocalTransport().run(["/bin/sh", "-c", commandLine], options);
  }

  override async dialUnix(): Promise<Duplex> {
    this.dials++;
    if (this.dialFailure !== undefined) throw this.dialFailure;
    return new PassThrough();
  }
}

function bench() {
  const connection = new LocalConnection();
  const pool = createSshPool({ connect: async () => ({ connection, reason: "" }) });
  const target = fakeTarget({ key: randomBytes(6).toString("hex") });
  const transport = createSshTransport({ target, pool });
  return { connection, pool, target, transport };
}

const REFUSED = berthError("ssh.forwarding_refused", { context: { host: "box" } });
const BRIDGE = ["/bin/sh", "-c", "exec cat"];
const FAILS = ["/bin/sh", "-c", "echo nothing there >&2; exit 1"];

async function pathOf(command: string): Promise<string> {
  for (const directory of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(directory, command);
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  throw new Error(`there is no ${command}`);
}

async function* failsAfter(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
  throw new Error("the source failed");
}

async function throughAndBack(stream: Duplex): Promise<string> {
  stream.end("there and back");
  return Buffer.concat(await stream.toArray()).toString();
}

test("a host that forwards no sockets is dialled by the bridge, and not asked again", async () => {
  const { connection, transport, target, pool } = bench();
  connection.dialFailure = REFUSED;
  for (let turn = 0; turn < 3; turn++) {
    assert.equal(
      await throughAndBack(await transport.dial("/run/sock", { bridge: BRIDGE })),
      "there and back",
    );
  }
  const another = createSshTransport({ target, pool });
  await throughAndBack(await another.dial("/run/sock", { bridge: BRIDGE }));
  assert.equal(connection.dials, 1);
  assert.match(connection.commandLines[0] ?? "", /run\/sock/);
});

test("a refusal that was none is not remembered: the bridge does not get there either", async () => {
  const { connection, transport } = bench();
  connection.dialFailure = REFUSED;
  const stream = await transport.dial("/run/sock", { bridge: FAILS });
  await assert.rejects(throughAndBack(stream), (error) => isBerthError(error, "transport.unavailable"));
  connection.dialFailure = undefined;
  (await transport.dial("/run/sock", { bridge: FAILS })).destroy();
  assert.equal(connection.dials, 2);
});

test("without a bridge, and for any other failure of dialling, there is no second way", async () => {
  const { connection, transport } = bench();
  connection.dialFailure = REFUSED;
  await assert.rejects(transport.dial("/run/sock"), (error) => error === REFUSED);
  const gone = bench();
  const nothing = berthError("transport.unavailable");
  gone.connection.dialFailure = nothing;
  const dialling = gone.transport.dial("/run/sock", { bridge: BRIDGE });
  await assert.rejects(dialling, (error) => error === nothing);
  assert.deepEqual(gone.connection.commandLines, []);
});

test("an archive goes compressed where there is gzip, and plainly where there is none", async () => {
  const { transport, connection } = bench();
  const directory = await mkdtemp(join(tmpdir(), "berth-test-"));
  try {
    const content = "0123456789".repeat(50_000);
    await writeFile(join(directory, "file"), content);
    const local = createLocalTransport();
    const tar = await local.run(["tar", "-C", directory, "-cf", "-", "file"]);
    const archive = Buffer.concat(await tar.stdout.toArray());
    await mkdir(join(directory, "bin"));
    await symlink(await pathOf("tar"), join(directory, "bin", "tar"));
    for (const path of [undefined, join(directory, "bin")]) {
      connection.path = path;
      await rm(join(directory, "file"));
      await transport.put(Readable.from([archive]), directory);
      assert.equal(await readFile(join(directory, "file"), "utf8"), content);
      // Before anybody reads it, and in the middle.
      const early = new Readable({ read() {} });
      const failing = transport.put(early, directory);
      early.destroy(new Error("the source failed"));
      await assert.rejects(failing, /the source failed/);
      const halfway = Readable.from(failsAfter(archive.subarray(0, 200_000)));
      await assert.rejects(transport.put(halfway, directory), /the source failed/);
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("nothing is lost of a command that ends before anybody reads its output", async () => {
  const { transport } = bench();
  const run = await transport.run(["sh", "-c", "echo out; echo err >&2; exit 3"]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const { stdout, stderr, exitCode } = await collect(run);
  assert.deepEqual([stdout, stderr, exitCode], ["out\n", "err\n", 3]);
});

test("a transport that is closed waits for its host no longer, so that nobody goes on trying it", async () => {
  const gone = berthError("ssh.unreachable", { context: { hostname: "box" } });
  let ended: AbortSignal | undefined;
  const pool = createSshPool({
    connect: async (_, { signal }) => {
      ended = signal;
      return new Promise((_resolve, reject) =>
        signal.addEventListener("abort", () => reject(gone), { once: true }),
      );
    },
  });
  const target = fakeTarget({ key: randomBytes(6).toString("hex") });
  const transport = createSshTransport({ target, pool });
  const waiting = [
    transport.run(["true"]),
    transport.dial("/run/sock"),
    transport.sftp(),
    transport.connect({ signal: new AbortController().signal }),
  ].map((operation) => assert.rejects(operation, (error) => isBerthError(error, "runtime.closed")));
  while (ended === undefined) await new Promise((resolve) => setImmediate(resolve));
  await transport.close();
  await Promise.all(waiting);
  assert.equal(ended?.aborted, true);
  await assert.rejects(transport.run(["true"]), (error) => isBerthError(error, "runtime.closed"));
});
