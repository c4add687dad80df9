import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { berthError, isBerthError } from "../../contract/errors.ts";
import { TestPlace, until } from "./testing.ts";

const MIB = 1024 * 1024;

/** Cuts a connection after so many bytes from the daemon; cuts are used up one by one. */
function cutAfter(place: TestPlace, cuts: number[], direction: "in" | "out" = "in"): void {
  place.onConnection = (near, far) => {
    const limit = cuts.shift();
    if (limit === undefined) return;
    const side = direction === "in" ? far : near;
    const write = side.write.bind(side);
    let sent = 0;
    // Everything up to an exact byte arrives, nothing behind it.
    side.write = ((chunk: Uint8Array, ...rest: unknown[]) => {
      if (sent + chunk.length < limit) {
        sent += chunk.length;
        return write(chunk, ...(rest as []));
      }
      write(chunk.subarray(0, limit - sent));
      sent = limit;
      setImmediate(() => near.destroy());
      return true;
    }) as typeof side.write;
  };
}

test("20 MB of output, the connection cut at random bytes: every byte once", async () => {
  await using place = await TestPlace.open();
  const cuts = Array.from({ length: 6 }, () => 1000 + Math.floor(Math.random() * 4 * MIB));
  const used = [...cuts];
  cutAfter(place, cuts);
  await using runtime = await place.runtime();
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of runtime.exec(`head -c ${20 * MIB} /dev/urandom | tee copy`)) {
    if (chunk.type !== "data") continue;
    hash.update(chunk.data);
    bytes += chunk.data.length;
    assert.equal(chunk.cursor, bytes);
  }
  assert.equal(bytes, 20 * MIB, `cut at ${used}`);
  const expected = await runtime.exec("sha256sum copy");
  assert.equal(hash.digest("hex"), expected.stdout.split(" ")[0], `cut at ${used}`);
  assert.ok(place.dials > 5, `${place.dials} connections`);
});

test("a capture is whole after cuts", async () => {
  await using place = await TestPlace.open();
  cutAfter(place, [600, 5000, 700_000]);
  await using runtime = await place.runtime();
  const result = await runtime.exec("seq 100000; seq 50000 >&2");
  assert.equal(result.stdout.length, 588_895);
  assert.equal(result.stderr.length, 288_894);
  assert.equal(result.truncated, false);
  assert.ok(place.dials > 1);
});

test("stdin cut in the middle: every byte once", async () => {
  await using place = await TestPlace.open();
  const cuts = [200_000, 1_500_000, 3_000_000, 900_000].map((at) => at + Math.floor(Math.random() * 1000));
  cutAfter(place, cuts, "out");
  await using runtime = await place.runtime();
  const bytes = new Uint8Array(12 * MIB).map((_, index) => (index * 31) ^ (index >>> 9));
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += 50_001) yield bytes.subarray(at, at + 50_001);
  }
  const result = await runtime.exec("sha256sum", { input: pieces() });
  assert.equal(result.stdout.split(" ")[0], createHash("sha256").update(bytes).digest("hex"));
  assert.ok(place.dials > 3, `${place.dials} connections`);
});

test("a start that is cut off runs once", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  for (let round = 0; round < 20; round++) {
    const running = runtime
      .exec(`echo x >> starts; cat starts | wc -l`)
      .then((result) => result.stdout.trim());
    // The request is written at the end of this turn; the cut falls before or behind it.
    await new Promise((resolve) =>
      round % 2 === 0 ? setImmediate(resolve) : queueMicrotask(() => resolve(undefined)),
    );
    place.cut();
    assert.equal(await running, String(round + 1));
  }
});

test("a restarted daemon: what ran is lost at once, a new command runs", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const awaited = runtime.exec("sleep 1000").then(
    () => undefined,
    (error: unknown) => error,
  );
  const process = await runtime.spawn("sleep 1000", { stdin: "pipe" });
  const reading = (async () => {
    for await (const _ of process.output());
  })().catch((error: unknown) => error);
  await until(async () => (await runtime.processes()).length === 2);
  await place.restart();
  place.cut();
  assert.ok(isBerthError(await awaited, "process.lost"));
  assert.ok(isBerthError(await reading, "process.lost"));
  await assert.rejects(process.exit, { code: "process.lost" });
  await assert.rejects(process.stdin.write("x"), { code: "process.lost" });
  assert.equal((await runtime.exec("echo new")).stdout, "new\n");
  assert.ok(place.events.some((event) => event.type === "connection.restarted"));
});

test("an abort while the link is down is sent when it is back", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const controller = new AbortController();
  const running = runtime.exec("sleep 1000", { signal: controller.signal }).then(
    () => undefined,
    (error: unknown) => error,
  );
  await until(async () => (await runtime.processes()).length === 1);
  let open = false;
  place.beforeDial = () => {
    if (!open) throw berthError("transport.unavailable");
  };
  place.cut();
  await until(() => place.events.some((event) => event.type === "connection.retry"));
  controller.abort();
  assert.ok(isBerthError(await running, "operation.aborted"));
  open = true;
  await until(async () => (await runtime.processes()).every((process) => process.state !== "running"));
});

test("a place that is gone for good: running calls get its error, new ones as well", async () => {
  await using place = await TestPlace.open();
  const runtime = await place.runtime();
  const running = runtime.exec("sleep 1000").then(
    () => undefined,
    (error: unknown) => error,
  );
  await until(async () => (await runtime.processes()).length === 1);
  place.beforeDial = () => {
    throw berthError("docker.container_not_running", { context: { container: "web" } });
  };
  place.cut();
  assert.ok(isBerthError(await running, "docker.container_not_running"));
  await assert.rejects(async () => await runtime.exec("true"), { code: "docker.container_not_running" });
  await assert.rejects(runtime.fs.stat("."), { code: "docker.container_not_running" });
  await runtime.close();
});

test("new work gets the first failure, while what runs goes on waiting", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const running = runtime.exec("sleep 0.2; echo done");
  const result = running.then((value) => value.stdout);
  await until(async () => (await runtime.processes()).length === 1);
  let open = false;
  place.beforeDial = () => {
    if (!open) throw berthError("docker.engine_unavailable", { context: { endpoint: "nowhere" } });
  };
  place.cut();
  await assert.rejects(runtime.fs.stat("."), { code: "docker.engine_unavailable" });
  await assert.rejects(async () => await runtime.exec("true"), { code: "docker.engine_unavailable" });
  open = true;
  assert.equal(await result, "done\n");
});

test("giveUpAfterMs bounds the waiting of running commands", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime({ giveUpAfterMs: 30 });
  const running = runtime.exec("sleep 1000").then(
    () => undefined,
    (error: unknown) => error,
  );
  await until(async () => (await runtime.processes()).length === 1);
  place.beforeDial = () => {
    throw berthError("docker.engine_unavailable");
  };
  place.cut();
  assert.ok(isBerthError(await running, "docker.engine_unavailable"));
  place.beforeDial = () => {};
});

test("a request that can't be repeated is transport.disconnected, one that can is repeated", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const stat = runtime.fs.stat(".");
  const mkdir = runtime.fs.mkdir("made").then(
    () => undefined,
    (error: unknown) => error,
  );
  await new Promise((resolve) => process.nextTick(resolve));
  place.cut();
  assert.equal((await stat).type, "directory");
  assert.ok(isBerthError(await mkdir, "transport.disconnected"));
});

test("a command whose place stops answering is given up at its timeout", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  let open = true;
  place.beforeDial = () => {
    if (!open) throw berthError("transport.unavailable");
  };
  const running = runtime.exec("echo before; sleep 1000", { timeoutMs: 3_000, killGraceMs: 50 });
  const result = running.then((value) => value);
  await until(async () => (await runtime.processes())[0]?.outputEnd === 7);
  open = false;
  place.cut();
  const { timedOut, signal } = await result;
  assert.deepEqual([timedOut, signal], [true, "SIGKILL"]);
  open = true;
});

test("after close everything is runtime.closed", async () => {
  await using place = await TestPlace.open();
  const runtime = await place.runtime();
  const running = runtime.exec("sleep 1000").then(
    () => undefined,
    (error: unknown) => error,
  );
  await until(async () => (await runtime.processes()).length === 1);
  await runtime.close();
  assert.ok(isBerthError(await running, "runtime.closed"));
  await assert.rejects(async () => await runtime.exec("true"), { code: "runtime.closed" });
  await assert.rejects(runtime.fs.readFile("x"), { code: "runtime.closed" });
  await assert.rejects(runtime.spawn("true"), { code: "runtime.closed" });
  await using second = await place.runtime();
  await until(async () => (await second.processes()).every((process) => process.state !== "running"));
});
