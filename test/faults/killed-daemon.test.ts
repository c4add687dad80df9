import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync } from "node:fs";
import { join } from "node:path";
import { kill } from "node:process";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { BerthEventInput } from "../../src/contract/events.ts";
import { numbered, outputMatching, printNumbered, readAll, refused, sha256 } from "../conformance/kit.ts";
import { isAlive, killGroup, waitFor } from "../fixtures/process.ts";
import { localBench } from "./bench.ts";

test("kill -9 of berthd: typed errors at once, processes ended and lost, logs readable, the next call works", async () => {
  await using bench = await localBench();
  const events: BerthEventInput[] = [];
  const runtime = await bench.open({ onEvent: (event) => events.push(event) });
  const count = 20_000;
  const started = await runtime.spawn(
    `${printNumbered(count)}; setsid sleep 301 & echo "child $!"; exec sleep 302`,
    {
      detached: true,
      name: "server",
    },
  );
  const text = await outputMatching(started, /child \d+\n/);
  const child = Number(/child (\d+)/.exec(text)?.[1]);
  const daemon = await bench.daemon();
  const waiting = refused(runtime.exec(["sleep", "303"]), "process.lost");
  const exit = refused(started.exit, "process.lost");
  const following = refused(readAll(started.output()), "process.lost");
  // What is written is on the disk a moment later; the kill comes after that moment.
  await waitFor("the log is on the disk", () => bench.logBytes(started.id) >= numbered(count).length);
  kill(daemon, "SIGKILL");
  await Promise.all([waiting, exit, following]);
  assert.equal((await runtime.exec(["echo", "again"])).stdout, "again\n");
  assert.notEqual(await bench.daemon(), daemon);
  await waitFor("the old processes have ended", () => !isAlive(started.pid!) && !isAlive(child));
  const lost = await runtime.process(started.id);
  assert.equal((await lost.info()).state, "lost");
  await refused(lost.exit, "process.lost");
  await refused(lost.signal("SIGTERM"), "process.lost");
  const log = await readAll(lost.output({ follow: false }));
  const expected = numbered(count);
  assert.equal(sha256(log.all.subarray(0, expected.length)), sha256(expected));
  // The name is free again.
  const again = await runtime.spawn(["sleep", "304"], { name: "server" });
  assert.notEqual(again.id, started.id);
  assert.equal((await again.info()).state, "running");
});

test("a daemon that stands still: the client enforces the timeout, and the abort settles", async () => {
  await using bench = await localBench();
  const runtime = await bench.open();
  const abort = new AbortController();
  const timing = runtime.exec("echo before; exec sleep 305", { timeoutMs: 4_000, killGraceMs: 200 });
  const aborting = refused(runtime.exec(["sleep", "306"], { signal: abort.signal }), "operation.aborted");
  const pids = await waitFor("both run", async () => {
    const running = (await runtime.processes()).filter(({ state }) => state === "running");
    return running.length === 2 ? running.map(({ pid }) => pid!) : undefined;
  });
  const daemon = await bench.daemon();
  kill(daemon, "SIGSTOP");
  try {
    abort.abort();
    await aborting;
    const settled = await Promise.resolve(timing).then(
      ({ timedOut }) => ({ timedOut }),
      (error: { code: string }) => ({ code: error.code }),
    );
    assert.ok(
      ("timedOut" in settled && settled.timedOut) ||
        ("code" in settled && /timeout|disconnected/.test(settled.code)),
      JSON.stringify(settled),
    );
  } finally {
    kill(daemon, "SIGCONT");
  }
  // The place goes on with what it was told.
  await waitFor("both have ended", () => pids.every((pid) => !isAlive(pid)));
});

test("a daemon that ends between two calls is started again by the next one", async () => {
  await using bench = await localBench();
  const runtime = await bench.open();
  for (let turn = 0; turn < 3; turn++) {
    const daemon = await bench.daemon();
    kill(daemon, "SIGKILL");
    await waitFor("it has ended", () => !isAlive(daemon));
    // The call that finds the connection dead may say so; it is retryable, and then it works.
    const { stdout } = await waitFor("the next call works", () => runtime.exec(["echo", String(turn)]));
    assert.equal(stdout, `${turn}\n`);
  }
});

test("a daemon that lets go of its lock later than of its connections keeps no other one from starting", async () => {
  await using bench = await localBench();
  const first = await bench.open();
  await first.exec(["true"]);
  await first.close();
  const daemon = await bench.daemon();
  kill(daemon, "SIGKILL");
  await waitFor("it has ended", () => !isAlive(daemon));
  const [lock = ""] = globSync(join(bench.stateDirectory, "run/*/*/lock"));
  using holder = holdLock(lock);
  await once(holder.child.stdout, "data");
  const starting = Promise.withResolvers<void>();
  const opened = bench.open({
    onEvent: ({ type }) => {
      if (type === "provision.start") starting.resolve();
    },
  });
  await Promise.race([starting.promise, opened]);
  // Nothing tells that the client has found the lock held: it has by then.
  await delay(500);
  killGroup(holder.child);
  const runtime = await opened;
  assert.equal((await runtime.exec(["echo", "up"])).stdout, "up\n");
});

function holdLock(path: string) {
  const child = spawn("flock", [path, "sh", "-c", "echo held; exec sleep 60"], {
    stdio: ["ignore", "pipe", "ignore"],
    detached: true,
  });
  return { child, [Symbol.dispose]: () => killGroup(child) };
}
