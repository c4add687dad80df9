import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { container } from "../fixtures/container.ts";
import { image } from "../fixtures/images.ts";
import { codeOf, testState } from "./support.ts";

const KINDS = ["busybox", "debian", "debian-user", "node-debian", "musl-node", "old-glibc"] as const;

for (const kind of KINDS) {
  test(`the daemon is installed and used in a running ${kind} container`, async () => {
    await using state = await testState();
    await using place = await container({ image: await image(kind) });
    await using runtime = await state.open({ type: "docker", containerId: place.name });
    assert.equal(runtime.capabilities.daemon, true);
    const uid = await runtime.exec(["sh", "-c", "id -u; pwd"]);
    assert.equal(uid.stdout, kind === "debian-user" ? "1000\n/home/agent\n" : "0\n/root\n");
    const uploaded = state.events.filter(({ type }) => type === "provision.upload");
    const hasNode = kind === "node-debian" || kind === "musl-node";
    assert.deepEqual(
      uploaded.map(({ data }) => data?.part),
      hasNode ? ["bundle"] : ["bundle", "node"],
    );
    const last = state.progress.findLast(({ bytesTotal }) => bytesTotal !== undefined);
    assert.equal(last?.bytesDone, last?.bytesTotal);
  });
}

test("a second client finds the daemon of the first and installs nothing", async () => {
  await using state = await testState();
  await using place = await container({ image: await image("busybox") });
  await using first = await state.open({ type: "docker", containerId: place.name });
  const info = await first.spawn(["sleep", "60"], { detached: true, name: "sleeper" });
  state.events.length = 0;
  await using second = await state.open({ type: "docker", containerId: place.name });
  assert.deepEqual(
    (await second.processes()).map(({ name }) => name),
    ["sleeper"],
  );
  assert.equal(
    state.events.some(({ type }) => type === "provision.upload"),
    false,
  );
  await info.kill("SIGKILL");
});

test("many clients at the same moment end up with one daemon", async () => {
  await using state = await testState();
  await using place = await container({ image: await image("busybox") });
  const runtimes = await Promise.all(
    Array.from({ length: 4 }, () => state.open({ type: "docker", containerId: place.name })),
  );
  try {
    const daemons = await place.exec(["sh", "-c", "ps | grep -c '[b]erthd.[cm]js serve'"]);
    assert.equal(daemons.stdout.toString().trim(), "1");
    const results = await Promise.all(runtimes.map((runtime) => runtime.exec(["echo", "hi"])));
    assert.deepEqual(
      results.map(({ stdout }) => stdout),
      Array(4).fill("hi\n"),
    );
  } finally {
    await Promise.all(runtimes.map((runtime) => runtime.close()));
  }
});

test("100 MB come through the bridge, byte by byte", async () => {
  await using state = await testState();
  await using place = await container({ image: await image("debian") });
  await using runtime = await state.open({ type: "docker", containerId: place.name });
  const script = "head -c 100000000 /dev/urandom | tee /tmp/data | cat; sha256sum /tmp/data >&2";
  const hash = createHash("sha256");
  let stderr = "";
  for await (const chunk of runtime.exec(["sh", "-c", script])) {
    if (chunk.type !== "data") continue;
    if (chunk.stream === "stdout") hash.update(chunk.data);
    else stderr += Buffer.from(chunk.data).toString();
  }
  assert.equal(stderr.split(" ")[0], hash.digest("hex"));
});

test("host paths are translated by pathMap, with a real bind mount", async () => {
  await using state = await testState();
  const host = join(state.directory, "project");
  await mkdir(join(host, "src"), { recursive: true });
  await writeFile(join(host, "src", "a.txt"), "from the host");
  await using place = await container({
    image: await image("busybox"),
    mounts: [{ host, container: "/work" }],
  });
  await using runtime = await state.open({
    type: "docker",
    containerId: place.name,
    workdir: host,
    pathMap: [{ host, container: "/work" }],
  });
  assert.equal(runtime.workdir, "/work");
  const found = await runtime.exec(["sh", "-c", `pwd; cat a.txt; echo ${host}`], { cwd: join(host, "src") });
  assert.equal(found.stdout, `/work/src\nfrom the host${host}\n`);
  assert.equal(await runtime.fs.readFile(join(host, "other/../src/a.txt"), "utf8"), "from the host");
  await runtime.fs.writeFile(join(host, "b.txt"), "from the container");
  assert.equal((await runtime.exec(["cat", "/work/b.txt"])).stdout, "from the container");
  await runtime.fs.upload(join(host, "src"), join(host, "copy"));
  assert.equal((await runtime.exec(["cat", "/work/copy/a.txt"])).stdout, "from the host");
  await runtime.fs.download(join(host, "copy"), join(state.directory, "down"));
  assert.equal((await runtime.exec(["cat", "/work/copy/a.txt"])).stdout, "from the host");
});

test("a read-only container without a writable directory has a runtime without daemon, and says why", async () => {
  await using state = await testState();
  await using place = await container({ image: await image("busybox"), readOnly: true });
  await using runtime = await state.open({ type: "docker", containerId: place.name });
  assert.equal(runtime.capabilities.daemon, false);
  assert.match(runtime.capabilities.reasons.daemon ?? "", /no writable directory/);
  assert.equal(
    state.events.some(({ type }) => type === "provision.fallback"),
    true,
  );
  assert.equal((await runtime.exec(["echo", "hi"])).stdout, "hi\n");
});

test("a noexec directory is passed over, and one without room", async () => {
  await using state = await testState();
  await using place = await container({
    image: await image("busybox"),
    readOnly: true,
    tmpfs: { "/root": "noexec", "/var/lib": "size=1m,exec", "/tmp": "size=300m,exec" },
  });
  await using runtime = await state.open({ type: "docker", containerId: place.name });
  assert.equal(runtime.capabilities.daemon, true);
  assert.equal((await place.exec(["ls", "/tmp/berth-0"])).stdout.toString(), "payload\nrun\n");
  await using asked = await state.open({ type: "docker", containerId: place.name, stateDir: "/root/berth" });
  assert.match(asked.capabilities.reasons.daemon ?? "", /\/root\/berth \(noexec\)/);
});

test("daemon: never installs nothing", async () => {
  await using state = await testState();
  await using place = await container({ image: await image("busybox") });
  await using runtime = await state.open({ type: "docker", containerId: place.name, daemon: "never" });
  assert.equal(runtime.capabilities.daemon, false);
  assert.equal((await runtime.exec(["pwd"])).stdout, "/root\n");
  assert.equal((await place.exec(["ls", "-a", "/root"])).stdout.toString().includes(".local"), false);
});

test("a state directory with a long name still has a socket", async () => {
  await using state = await testState();
  await using place = await container({ image: await image("busybox") });
  const stateDir = `/var/${"long".repeat(30)}`;
  await using runtime = await state.open({ type: "docker", containerId: place.name, stateDir });
  assert.equal((await runtime.exec(["echo", "hi"])).stdout, "hi\n");
  await using again = await state.open({ type: "docker", containerId: place.name, stateDir });
  assert.equal((await again.exec(["echo", "hi"])).stdout, "hi\n");
});

test("a user of the container can be asked for", async () => {
  await using state = await testState();
  await using place = await container({ image: await image("debian-user"), user: "0" });
  await using runtime = await state.open({ type: "docker", containerId: place.name, user: "agent" });
  assert.equal((await runtime.exec(["sh", "-c", "id -u; id -G"])).stdout, "1000\n1000 1500\n");
});

test("what is wrong with the container is a typed error", async () => {
  await using state = await testState();
  await using place = await container({ image: await image("busybox") });
  const open = () => state.open({ type: "docker", containerId: place.name });
  await place.pause();
  assert.equal(await codeOf(open()), "docker.container_paused");
  await place.unpause();
  await place.stop();
  assert.equal(await codeOf(open()), "docker.container_not_running");
  await place.remove();
  assert.equal(await codeOf(open()), "docker.container_not_found");
});

test("check names every step on the way", async () => {
  await using state = await testState();
  await using place = await container({ image: await image("busybox") });
  await using runtime = await state.open({ type: "docker", containerId: place.name });
  const report = await runtime.check();
  assert.equal(report.ok, true);
  const names = report.steps.map(({ name }) => name);
  assert.deepEqual(names.slice(0, 6), ["engine", "container", "shell", "platform", "space", "installation"]);
  assert.match(report.steps.find(({ name }) => name === "container")?.hint ?? "", /--init/);
  await place.pause();
  const paused = await runtime.check();
  assert.equal(paused.ok, false);
  assert.equal(paused.steps.find(({ ok }) => !ok)?.code, "docker.container_paused");
  await place.unpause();
});
