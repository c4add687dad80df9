import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { collectGarbage } from "../../src/runtimes/docker/gc.ts";
import { ownerId } from "../../src/runtimes/owner-id.ts";
import { resolveEndpoint } from "../../src/transports/docker/endpoint.ts";
import { createDockerEngine } from "../../src/transports/docker/engine.ts";
import { container } from "../fixtures/container.ts";
import { dockerEngine } from "../fixtures/docker.ts";
import { image } from "../fixtures/images.ts";
import { waitFor } from "../fixtures/process.ts";
import { codeOf, type TestState, testState } from "./support.ts";

/** Containers on the engine that Berth made from this state directory. */
async function made(state: TestState): Promise<{ Id: string; Labels: Record<string, string> }[]> {
  const { docker } = await dockerEngine();
  const label = [`berth.owner=${await ownerId(state.directory)}`];
  return docker.listContainers({ all: true, filters: { label } });
}

async function removeMade(state: TestState): Promise<void> {
  const { docker } = await dockerEngine();
  for (const { Id } of await made(state)) await docker.getContainer(Id).remove({ force: true, v: true });
}

for (const kind of ["busybox", "debian-user", "musl-node", "old-glibc"] as const) {
  for (const delivery of ["mount", "image"] as const) {
    test(`a container of ${kind}, delivered by ${delivery}, is made, used and removed`, async () => {
      await using state = await testState();
      const reference = await image(kind);
      {
        await using runtime = await state.open({ type: "docker", image: reference, delivery });
        const result = await runtime.exec(["sh", "-c", "id -u; pwd; cat /proc/1/status | grep NoNewPrivs"]);
        const own = kind === "debian-user" ? "1000\n/home/agent\n" : "0\n/root\n";
        assert.equal(result.stdout, `${own}NoNewPrivs:\t1\n`);
        assert.equal((await made(state)).length, 1);
      }
      assert.deepEqual(await made(state), []);
      assert.deepEqual(await readdir(join(state.directory, "containers")), []);
    });
  }
}

test("mounts, env, limits, read-only root, workdir and network are as asked for", async () => {
  await using state = await testState();
  const project = join(state.directory, "project");
  await mkdir(project);
  await writeFile(join(project, "package.json"), "{}");
  await using runtime = await state.open({
    type: "docker",
    image: await image("busybox"),
    mounts: [{ source: project, target: "/work" }],
    workdir: "/work",
    env: { GREETING: "hello 'world'\n$x" },
    readOnly: true,
    network: "none",
    cpus: 0.5,
    memoryBytes: 256 * 1024 * 1024,
    pidsLimit: 200,
  });
  assert.equal(runtime.isolation.network, "none");
  assert.equal(runtime.workdir, "/work");
  const result = await runtime.exec([
    "sh",
    "-c",
    'ls; printf %s "$GREETING"; touch /x 2>/dev/null || echo; touch /tmp/x',
  ]);
  assert.equal(result.stdout, "package.json\nhello 'world'\n$x\n");
  const [container] = await made(state);
  const { docker } = await dockerEngine();
  const { HostConfig, Config } = await docker.getContainer(container?.Id ?? "").inspect();
  assert.equal(HostConfig.NanoCpus, 500_000_000);
  assert.equal(HostConfig.Memory, 256 * 1024 * 1024);
  assert.equal(HostConfig.PidsLimit, 200);
  assert.equal(HostConfig.ReadonlyRootfs, true);
  // Values of the environment are for commands; whoever may look at the container does not see them.
  assert.equal(JSON.stringify(Config.Env).includes("GREETING"), false);
});

test("the image's own entrypoint runs beside the daemon when asked for", async () => {
  await using state = await testState();
  await using runtime = await state.open({
    type: "docker",
    image: await image("with-entrypoint"),
    entrypoint: "image",
    ports: [{ container: 8080 }],
  });
  const ran = await runtime.exec(["cat", "/var/entrypoint"]);
  assert.match(ran.stdout, / serve 8080\n$/);
  const started = state.events.find(({ type }) => type === "docker.container_started");
  const ports = started?.data?.ports as Record<string, string> | undefined;
  const address = ports?.["8080/tcp"];
  const text = await waitFor("the server answers", async () =>
    fetch(`http://${address}/`).then(
      (response) => response.text(),
      () => false as const,
    ),
  );
  assert.equal(text, "hello from the entrypoint\n");
});

test("the derived image is built once, and an image that carries the daemon is used as it is", async () => {
  await using state = await testState();
  const reference = await image("busybox");
  const config = { type: "docker", image: reference, delivery: "image" } as const;
  await (await state.open(config)).close();
  state.progress.length = 0;
  await (await state.open(config)).close();
  assert.equal(
    state.progress.some(({ phase }) => phase === "build"),
    false,
  );
  const derived = reference.replace(":", "_berth:");
  await using runtime = await state.open({ type: "docker", image: derived, delivery: "image" });
  assert.equal(
    state.progress.some(({ phase }) => phase === "build"),
    false,
  );
  assert.equal((await runtime.exec(["echo", "hi"])).stdout, "hi\n");
});

test("kill -9 of the daemon: the container's init starts it again, the container stays", async () => {
  await using state = await testState();
  await using runtime = await state.open({ type: "docker", image: await image("busybox") });
  const process = await runtime.spawn(["sleep", "600"], { detached: true });
  const lost = codeOf(process.exit);
  await runtime
    .exec(["sh", "-c", "kill -9 $(ps | grep '[b]erthd.[cm]js serve' | awk '{print $1}' | tail -1)"])
    .then(
      () => {},
      () => {},
    );
  assert.equal(await lost, "process.lost");
  await waitFor("the daemon is back", async () =>
    runtime.exec(["echo", "back"]).then(
      ({ stdout }) => stdout === "back\n",
      () => false,
    ),
  );
  assert.equal((await made(state)).length, 1);
});

test("orphans are reaped by the container's init", async () => {
  await using state = await testState();
  await using runtime = await state.open({ type: "docker", image: await image("busybox") });
  await runtime.exec(["sh", "-c", "for i in 1 2 3 4 5; do (sleep 0.1 &) ; done"]);
  await waitFor("no zombie is left", async () => {
    const { stdout } = await runtime.exec(["sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z '"]);
    return stdout.trim() === "0";
  });
});

test("a named container that is kept is used again, and only with the same configuration", async () => {
  await using state = await testState();
  const name = `berth-test-kept-${process.pid}`;
  const config = { type: "docker", image: await image("busybox"), name, keep: true } as const;
  try {
    const first = await state.open(config);
    await first.exec(["touch", "/root/was-here"]);
    await first.close();
    {
      await using again = await state.open(config);
      assert.equal((await again.exec(["ls", "/root"])).stdout, "was-here\n");
    }
    assert.equal(await codeOf(state.open({ ...config, pidsLimit: 100 })), "docker.create_failed");
  } finally {
    await removeMade(state);
  }
});

test("what the engine refuses is a typed error, and nothing is left behind", async () => {
  await using state = await testState();
  const reference = await image("busybox");
  const base = { type: "docker", image: reference } as const;
  const missing = { source: "/nonexistent/project", target: "/work" };
  assert.equal(await codeOf(state.open({ ...base, mounts: [missing] })), "docker.create_failed");
  assert.equal(await codeOf(state.open({ ...base, network: "no-such-network" })), "docker.create_failed");
  assert.equal(
    await codeOf(state.open({ type: "docker", image: "berth-test/no-such:1", pull: "never" })),
    "docker.image_not_found",
  );
  await using holder = await container({ image: reference, ports: ["9/tcp"] });
  const host = await holder.hostPort("9/tcp");
  assert.equal(await codeOf(state.open({ ...base, ports: [{ container: 9, host }] })), "docker.port_in_use");
  assert.deepEqual(await made(state), []);
  assert.deepEqual(await readdir(join(state.directory, "containers")), []);
});

test("a kept container is reached as a running one, by the daemon that is in it", async () => {
  for (const delivery of ["mount", "image"] as const) {
    await using state = await testState();
    const name = `berth-test-kept-${delivery}-${process.pid}`;
    try {
      const runtime = await state.open({
        type: "docker",
        image: await image("busybox"),
        name,
        keep: true,
        delivery,
      });
      await runtime.spawn(["sleep", "600"], { name: "sleeper", detached: true });
      await runtime.close();
      state.events.length = 0;
      await using again = await state.open({ type: "docker", containerId: name });
      assert.deepEqual(
        (await again.processes()).map((process) => process.name),
        ["sleeper"],
      );
      assert.equal(
        state.events.some(({ type }) => type === "provision.upload"),
        false,
      );
    } finally {
      await removeMade(state);
    }
  }
});

test("an opening that is aborted leaves no container behind", async () => {
  await using state = await testState();
  const reference = await image("busybox");
  for (const phase of ["create", "handshake"] as const) {
    const controller = new AbortController();
    const opening = state.open(
      { type: "docker", image: reference },
      {
        signal: controller.signal,
        onProgress: (step) => step.phase === phase && controller.abort(),
      },
    );
    assert.equal(await codeOf(opening), "operation.aborted");
    assert.deepEqual(await made(state), []);
  }
});

test("garbage is what this Berth made, whose lease is over, and holds no workspace", async () => {
  await using state = await testState();
  await using other = await testState();
  const { socketPath } = await dockerEngine();
  const engine = createDockerEngine(await resolveEndpoint({ host: `unix://${socketPath}` }));
  const owner = await ownerId(state.directory);
  const reference = await image("busybox");
  const labels = (extra: Record<string, string> = {}) => ({
    "berth.managed": "1",
    "berth.owner": owner,
    "berth.ephemeral": "1",
    "berth.lease-ms": "1",
    ...extra,
  });
  await using garbage = await container({ image: reference, labels: labels() });
  await using workspace = await container({ image: reference, labels: labels({ "berth.workspace": "w1" }) });
  await using kept = await container({ image: reference, labels: labels({ "berth.ephemeral": "0" }) });
  await using leased = await container({ image: reference, labels: labels({ "berth.lease-ms": "3600000" }) });
  const foreign = labels({ "berth.owner": await ownerId(other.directory) });
  await using ofAnother = await container({ image: reference, labels: foreign });
  await using ofNobody = await container({ image: reference });
  const leaseMs = 1_000;
  const openedAt = Date.now();
  await using live = await state.open({ type: "docker", image: reference, leaseMs });
  await waitFor("it is older than its lease", () => Date.now() - openedAt > 2 * leaseMs);

  const look = await collectGarbage({ engine, stateDirectory: state.directory, dryRun: true });
  assert.deepEqual(
    look.removed.map(({ id }) => id),
    [garbage.id],
  );
  assert.equal((await garbage.inspect()).State.Running, true);
  const report = await collectGarbage({ engine, stateDirectory: state.directory });
  assert.deepEqual(
    report.removed.map(({ id }) => id),
    [garbage.id],
  );
  assert.deepEqual(report.failed, []);
  for (const place of [workspace, kept, leased, ofAnother, ofNobody]) {
    assert.equal((await place.inspect()).State.Running, true);
  }
  assert.equal((await live.exec(["echo", "hi"])).stdout, "hi\n");
  engine.close();
});
