import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { berthError, isBerthError } from "../../contract/errors.ts";
import type { Runtime } from "../../contract/runtime.ts";
import { connectWire } from "../../wire/connection.ts";
import { createDaemonRuntime } from "./runtime.ts";
import { until } from "./testing.ts";

const HELPER = new URL("../../../native/build/linux-x64/berth-helper", import.meta.url).pathname;
const DAEMON = new URL("../../berthd/main.ts", import.meta.url).pathname;
const MIB = 1024 * 1024;

/** A daemon as a process of its own behind a unix socket; started again by dialling when it is gone. */
class SeparatePlace implements AsyncDisposable {
  readonly directory: string;
  daemon: ChildProcess | undefined;
  /** Bytes from the daemon after which a connection is cut; used up one by one. */
  cuts: number[] = [];
  dials = 0;

  constructor(directory: string) {
    this.directory = directory;
  }

  static async open(): Promise<SeparatePlace> {
    return new SeparatePlace(await mkdtemp(join(tmpdir(), "berth-apart-")));
  }

  readonly dial = async () => {
    const path = join(this.directory, "sock");
    if (this.daemon === undefined || this.daemon.exitCode !== null || this.daemon.signalCode !== null) {
      await rm(path, { force: true });
      const argv = [DAEMON, "serve", "--dir", this.directory, "--helper", HELPER];
      this.daemon = spawn(process.execPath, argv, { stdio: "ignore" });
      // The socket is bound a moment before it is listened on.
      await until(async () => {
        const probe = connect(path);
        const answered = await once(probe, "connect").then(
          () => true,
          () => false,
        );
        probe.destroy();
        return answered;
      });
    }
    this.dials++;
    const socket = connect(path);
    await once(socket, "connect").catch((cause: unknown) => {
      throw berthError("transport.unavailable", { cause });
    });
    socket.on("error", () => {
      // The connection says so itself.
    });
    const token = (await readFile(join(this.directory, "token"), "utf8")).trim();
    const limit = this.cuts.shift();
    if (limit !== undefined) {
      socket.on("data", () => {
        if (socket.bytesRead > limit) socket.destroy();
      });
    }
    return await connectWire(socket, { token, clientId: this.directory, version: "0" });
  };

  runtime(): Promise<Runtime> {
    return createDaemonRuntime({
      kind: "local",
      description: "a place apart",
      isolation: { filesystem: "shared", processes: "shared", network: "shared", kernel: "shared" },
      workdir: this.directory,
      dial: this.dial,
      retry: { baseMs: 5, maxMs: 50 },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { daemon } = this;
    if (daemon !== undefined && daemon.exitCode === null && daemon.signalCode === null) {
      daemon.kill("SIGTERM");
      await once(daemon, "exit");
    }
    await rm(this.directory, { recursive: true, force: true });
  }
}

test("100 MB over a socket that is cut again and again: equal sha256", async () => {
  await using place = await SeparatePlace.open();
  place.cuts = Array.from({ length: 8 }, () => Math.floor(Math.random() * 10 * MIB));
  const used = [...place.cuts];
  await using runtime = await place.runtime();
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of runtime.exec("head -c 100000000 /dev/urandom | tee copy")) {
    if (chunk.type !== "data") continue;
    hash.update(chunk.data);
    bytes += chunk.data.length;
  }
  assert.equal(bytes, 100_000_000, `cut at ${used}`);
  const expected = await runtime.exec("sha256sum copy");
  assert.equal(hash.digest("hex"), expected.stdout.split(" ")[0], `cut at ${used}`);
  assert.ok(place.dials >= 8, `${place.dials} connections`);
});

test("kill -9 of the daemon: a typed error at once, a new daemon with the next call, the old log readable", async () => {
  await using place = await SeparatePlace.open();
  await using runtime = await place.runtime();
  const dev = await runtime.spawn("echo started; sleep 1000", { stdin: "pipe" });
  const running = runtime.exec("echo $$ > pid; sleep 1000").then(
    () => undefined,
    (error: unknown) => error,
  );
  await until(async () => (await runtime.fs.exists("pid")) && (await dev.info()).outputEnd === 8);
  // Records and logs are written a moment later, so that short commands never touch the disk.
  const own = join(place.directory, "processes", dev.id);
  await until(async () => {
    const files = await readdir(own).catch((): string[] => []);
    const texts = await Promise.all(files.map((name) => readFile(join(own, name), "utf8").catch(() => "")));
    return files.includes("process.json") && texts.includes("started\n");
  });
  const pid = Number(await runtime.fs.readFile("pid", "utf8"));
  const before = place.daemon;
  before?.kill("SIGKILL");
  const error = await running;
  assert.ok(isBerthError(error, "process.lost"), String(error));
  await assert.rejects(dev.exit, { code: "process.lost" });
  assert.equal((await runtime.exec("echo again")).stdout, "again\n");
  assert.notEqual(place.daemon, before);
  await until(() => !isAlive(pid));
  const lost = await runtime.process(dev.id);
  assert.equal((await lost.info()).state, "lost");
  await assert.rejects(lost.exit, { code: "process.lost" });
  let text = "";
  for await (const chunk of lost.output({ follow: false })) {
    if (chunk.type === "data") text += Buffer.from(chunk.data).toString();
  }
  assert.equal(text, "started\n");
  await lost[Symbol.asyncDispose]();
});

test("many at once beside a reader that does not read", async () => {
  await using place = await SeparatePlace.open();
  await using runtime = await place.runtime();
  const lazy = runtime.exec("head -c 50000000 /dev/zero");
  const iterator = lazy[Symbol.asyncIterator]();
  await iterator.next();
  const results = await Promise.all(
    Array.from({ length: 200 }, (_, index) => runtime.exec(["echo", String(index)])),
  );
  results.forEach((result, index) => {
    assert.equal(result.stdout, `${index}\n`);
  });
  await iterator.return?.();
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
