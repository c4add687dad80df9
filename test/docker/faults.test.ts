import assert from "node:assert/strict";
import { test } from "node:test";
import type { Runtime } from "../../src/contract/runtime.ts";
import { container, type TestContainer } from "../fixtures/container.ts";
import { privateEngine } from "../fixtures/docker.ts";
import { image } from "../fixtures/images.ts";
import { waitFor } from "../fixtures/process.ts";
import { codeOf, testState } from "./support.ts";

/** Runs a command until it succeeds: recovery is by itself, the caller only calls again. */
async function recovers(runtime: Runtime): Promise<void> {
  await waitFor(
    "the runtime works again",
    async () =>
      runtime.exec(["echo", "back"], { signal: AbortSignal.timeout(20_000) }).then(
        ({ stdout }) => stdout === "back\n",
        () => false,
      ),
    { deadlineMs: 60_000, everyMs: 100 },
  );
}

/** Pids of berthd in the container, by its own ps. */
async function daemons(place: TestContainer): Promise<number[]> {
  const { stdout } = await place.exec(["sh", "-c", "ps | grep '[b]erthd.[cm]js serve'"]);
  return stdout
    .toString()
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => Number.parseInt(line, 10));
}

test("a restarted container: its processes are lost, and the next call works", async () => {
  await using state = await testState();
  await using place = await container({ image: await image("busybox") });
  await using runtime = await state.open({ type: "docker", containerId: place.name });
  const process = await runtime.spawn(["sleep", "600"], { detached: true });
  const lost = codeOf(process.exit);
  await place.restart();
  await recovers(runtime);
  // What is known first: that the container is down, or that there is another daemon in it.
  assert.match(await lost, /^(process\.lost|docker\.container_not_running)$/);
});

test("a stopped container is a typed error, and works again when it is started", async () => {
  await using state = await testState();
  await using place = await container({ image: await image("busybox") });
  await using runtime = await state.open({ type: "docker", containerId: place.name });
  await place.stop();
  assert.equal(await codeOf(runtime.exec(["true"])), "docker.container_not_running");
  await place.start();
  await recovers(runtime);
});

test("a container that is removed in the middle of a command is a typed error", async () => {
  await using state = await testState();
  await using place = await container({ image: await image("busybox") });
  await using runtime = await state.open({ type: "docker", containerId: place.name });
  const running = codeOf(runtime.exec(["sleep", "600"]));
  await place.remove();
  // It stops before it is gone.
  assert.match(await running, /^docker\.container_not_(found|running)$/);
  assert.equal(await codeOf(runtime.exec(["true"])), "docker.container_not_found");
});

test("a paused container: new calls fail typed, a running command goes on when it is resumed", async () => {
  await using state = await testState();
  await using place = await container({ image: await image("busybox") });
  await using runtime = await state.open({ type: "docker", containerId: place.name });
  const running = runtime.exec(["sh", "-c", "sleep 1; echo through"]);
  const settled = running.then((result) => result);
  await waitFor("the command runs", async () => (await runtime.processes()).length > 0, {
    deadlineMs: 10_000,
  });
  await place.pause();
  const isLost = () => state.events.some(({ type }) => type === "connection.lost");
  await waitFor("the silence is noticed", isLost, { deadlineMs: 60_000, everyMs: 100 });
  assert.equal(await codeOf(runtime.exec(["true"])), "docker.container_paused");
  await place.unpause();
  assert.equal((await settled).stdout, "through\n");
  await recovers(runtime);
});

test("kill -9 of berthd: its processes end, are lost, and the next call starts it again", async () => {
  await using state = await testState();
  await using place = await container({ image: await image("busybox"), init: true });
  await using runtime = await state.open({ type: "docker", containerId: place.name });
  const process = await runtime.spawn(["sh", "-c", "echo before; sleep 600"], { detached: true });
  for await (const chunk of process.output()) if (chunk.type === "data") break;
  const lost = codeOf(process.exit);
  await waitFor("record and log are on the disk", async () => {
    const { stdout } = await place.exec([
      "sh",
      "-c",
      "cd /root/.local/state/berth/run/*/*/processes/* && cat *.log && ls",
    ]);
    return /^before\n[\s\S]*process\.json/.test(stdout.toString());
  });
  const [pid] = await daemons(place);
  await place.exec(["kill", "-9", String(pid)]);
  assert.equal(await lost, "process.lost");
  await recovers(runtime);
  assert.notEqual((await daemons(place))[0], pid);
  const sleepers = await place.exec(["sh", "-c", "ps | grep -c '[s]leep 600'"]);
  assert.equal(sleepers.stdout.toString().trim(), "0");
  const old = await runtime.process(process.id);
  let text = "";
  for await (const chunk of old.output({ follow: false })) {
    if (chunk.type === "data") text += Buffer.from(chunk.data).toString();
  }
  assert.equal(text, "before\n");
});

test("no engine is a typed error with its address and what to do", async () => {
  await using state = await testState();
  const engine = { host: "unix:///nonexistent/docker.sock" };
  const open = state.open({ type: "docker", containerId: "web", engine });
  assert.equal(await codeOf(open), "docker.engine_unavailable");
  assert.equal(
    await codeOf(state.open({ type: "docker", image: "busybox", engine })),
    "docker.engine_unavailable",
  );
});

test("an engine that is restarted: a typed error meanwhile, then it works again", async () => {
  await using engine = await privateEngine({ liveRestore: true });
  await using state = await testState();
  await using place = await container({ image: await image("busybox", engine), engine });
  await using runtime = await state.open({
    type: "docker",
    containerId: place.name,
    engine: { host: `unix://${engine.socketPath}` },
  });
  const process = await runtime.spawn(["sleep", "600"], { detached: true });
  await engine.stop();
  const failed = await codeOf(runtime.exec(["true"], { signal: AbortSignal.timeout(30_000) }));
  assert.equal(failed, "docker.engine_unavailable");
  await engine.start();
  await recovers(runtime);
  // The container went on running, and its daemon with it.
  const again = await runtime.process(process.id);
  assert.equal((await again.info()).state, "running");
  await again.kill("SIGKILL");
});
