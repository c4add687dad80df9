import assert from "node:assert/strict";
import { test } from "node:test";
import { berthError } from "../../contract/errors.ts";
import { daemonCapabilities } from "./capabilities.ts";
import { TestPlace } from "./testing.ts";

test("check: the steps on the way, then daemon, command and files", async () => {
  await using place = await TestPlace.open();
  const way = { name: "way", ok: true, durationMs: 1, detail: "found" };
  await using runtime = await place.runtime({
    check: async (steps) => {
      steps.add(way);
    },
  });
  const seen: string[] = [];
  const begun: string[] = [];
  const report = await runtime.check({
    onStart: (name) => begun.push(name),
    onStep: (step) => seen.push(step.name),
  });
  assert.deepEqual(begun, ["daemon", "round trip", "command", "files"]);
  assert.equal(report.ok, true, JSON.stringify(report));
  assert.equal(report.runtime, "test place");
  assert.deepEqual(seen, ["way", "daemon", "round trip", "command", "files"]);
  assert.deepEqual(
    report.steps.map((step) => step.name),
    seen,
  );
});

test("check: a failed step has code and hint, and is the last", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime({ workdir: "/nowhere" });
  const report = await runtime.check();
  assert.equal(report.ok, false);
  const last = report.steps.at(-1);
  assert.deepEqual([last?.name, last?.code], ["command", "process.cwd_not_found"]);
  assert.ok(last?.hint);
  await using unreachable = await place.runtime({
    check: async (steps) => {
      const error = berthError("docker.engine_unavailable", { context: { endpoint: "x" } });
      await steps.run(
        "engine",
        () => Promise.reject(error),
        () => ({ detail: "" }),
      );
    },
  });
  const second = await unreachable.check();
  assert.deepEqual(
    second.steps.map((step) => [step.ok, step.code, step.context]),
    [[false, "docker.engine_unavailable", { endpoint: "x" }]],
  );
});

test("a runtime that can't be dialled is the dial's error", async () => {
  await using place = await TestPlace.open();
  place.beforeDial = () => {
    throw berthError("docker.container_not_found", { context: { container: "web" } });
  };
  await assert.rejects(place.runtime(), { code: "docker.container_not_found", runtime: "test place" });
});

test("capabilities: the daemon's word, the way's word above it, and nothing that is malformed", () => {
  const hello = {
    protocol: [1, 1] as [number, number],
    version: "1",
    capabilities: {
      processTree: "best-effort",
      tty: false,
      user: "yes",
      reasons: { tty: "no helper", x: 1 },
    },
  };
  const { processTree, tty, user, daemon, reasons } = daemonCapabilities(hello);
  assert.deepEqual([processTree, tty, user, daemon], ["best-effort", false, false, true]);
  assert.deepEqual(reasons, { tty: "no helper" });
  const embedded = daemonCapabilities(hello, { daemon: false, reasons: { daemon: "never" } });
  assert.equal(embedded.daemon, false);
  assert.deepEqual(embedded.reasons, { tty: "no helper", daemon: "never" });
});

test("what a runtime lacks is refused with the reason", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime({
    capabilities: { tty: false, forward: false, reasons: { tty: "no terminals here" } },
  });
  await assert.rejects(runtime.spawn("true", { tty: true }), {
    code: "runtime.capability_unsupported",
    message: /no terminals here/,
  });
  await assert.rejects(runtime.shell(), { code: "runtime.capability_unsupported" });
  await assert.rejects(runtime.forward(80), { code: "runtime.capability_unsupported" });
});

test("the workdir may depend on what the daemon says", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime({ workdir: (hello) => hello.user?.home ?? "/" });
  assert.equal((await runtime.exec("echo $HOME")).stdout.trim(), runtime.workdir);
});

test("close is called once, behind the connections, also when called twice", async () => {
  await using place = await TestPlace.open();
  let closed = 0;
  const runtime = await place.runtime({
    close: async () => {
      closed++;
    },
  });
  await Promise.all([runtime.close(), runtime.close()]);
  await runtime[Symbol.asyncDispose]();
  assert.equal(closed, 1);
});
