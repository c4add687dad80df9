import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { DockerImageConfig } from "../../src/contract/config.ts";
import { isBerthError } from "../../src/contract/errors.ts";
import type { BerthEventInput } from "../../src/contract/events.ts";
import type { Runtime } from "../../src/contract/runtime.ts";
import { collectGarbage } from "../../src/runtimes/docker/gc.ts";
import { listWorkspaceResources } from "../../src/runtimes/docker/workspace-place.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import { ownerId } from "../../src/runtimes/owner-id.ts";
import { resolveEndpoint } from "../../src/transports/docker/endpoint.ts";
import { createDockerEngine } from "../../src/transports/docker/engine.ts";
import type { Placement, PlacementRequest, PreparedPlace } from "../../src/workspaces/placement/placement.ts";
import { placementFor } from "../../src/workspaces/placement/placement-for.ts";
import { container } from "../fixtures/container.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { dockerEngine } from "../fixtures/docker.ts";
import { type ImageKind, image } from "../fixtures/images.ts";

interface Bench extends AsyncDisposable {
  readonly placement: Placement;
  readonly stateDirectory: string;
  readonly events: BerthEventInput[];
  request: PlacementRequest;
  prepare(): Promise<PreparedPlace & { readonly runtime: Runtime }>;
  open(): Promise<Runtime>;
  /** "container NAME", "volume NAME" that the engine has of this state directory. */
  left(): Promise<string[]>;
}

/** A workspace in a container of an image, without the rest of what makes a workspace. */
async function bench(kind: ImageKind, fields: Partial<DockerImageConfig> = {}): Promise<Bench> {
  const { docker, socketPath } = await dockerEngine();
  const scratch = await scratchDirectory();
  const stateDirectory = scratch.path;
  const config: DockerImageConfig = {
    type: "docker",
    engine: { host: `unix://${socketPath}` },
    image: await image(kind),
    pull: "never",
    ...fields,
  };
  const placement = await placementFor(config);
  const events: BerthEventInput[] = [];
  const onEvent = (event: BerthEventInput) => events.push(event);
  const made: Bench = {
    placement,
    stateDirectory,
    events,
    request: {
      workspaceId: `w${randomBytes(5).toString("hex")}`,
      name: "fix.Login_1",
      project: { id: randomBytes(6).toString("hex"), name: "shop", path: "/nowhere/shop", trusted: false },
      gitDir: "/nowhere/shop/.git",
      ownerId: await ownerId(stateDirectory),
      config,
      place: undefined,
      stateDirectory,
    },
    async prepare() {
      const prepared = await placement.prepare(made.request, { onEvent });
      made.request = { ...made.request, place: prepared.place };
      const { runtime } = prepared;
      assert.ok(runtime);
      return { ...prepared, runtime };
    },
    open: () => openRuntime(placement.configOf(made.request, placeOf(made)), { stateDirectory, onEvent }),
    async left() {
      const label = [`berth.owner=${await ownerId(stateDirectory)}`];
      const containers = await docker.listContainers({ all: true, filters: { label } });
      const { Volumes } = await docker.listVolumes({ filters: { label } });
      return [
        ...containers.map(({ Names }) => `container ${Names[0]?.slice(1)}`),
        ...Volumes.map(({ Name }) => `volume ${Name}`),
      ];
    },
    async [Symbol.asyncDispose]() {
      await placement.discard(made.request, {});
      const left = await made.left();
      await scratch[Symbol.asyncDispose]();
      assert.deepEqual(left, []);
    },
  };
  return made;
}

function placeOf(made: Bench) {
  assert.ok(made.request.place);
  return made.request.place;
}

const MAKE_CHECKOUT = `set -eu
git init -q --bare "$1"
git -C "$1" worktree add -q --orphan -b fix "$2" 2>/dev/null || {
  commit=$(git -C "$1" commit-tree -m start "$(git -C "$1" hash-object -w -t tree /dev/null)")
  git -C "$1" worktree add -q -b fix "$2" "$commit"
}`;

/** A checkout as a workspace has it: a worktree of a bare repository beside it. */
async function checkOut({ runtime, place }: PreparedPlace & { readonly runtime: Runtime }): Promise<void> {
  const identity = { GIT_AUTHOR_NAME: "Dev", GIT_AUTHOR_EMAIL: "dev@example.com" };
  const env = { ...identity, GIT_COMMITTER_NAME: "Dev", GIT_COMMITTER_EMAIL: "dev@example.com" };
  const argv = ["/bin/sh", "-c", MAKE_CHECKOUT, "berth", place.base ?? "", place.path];
  const { exitCode, stderr } = await runtime.exec(argv, { env });
  assert.equal(exitCode, 0, stderr);
  await runtime.fs.writeFile(`${place.path}/work.txt`, "work\n");
}

async function said(runtime: Runtime, command: string): Promise<string> {
  const { exitCode, stdout, stderr } = await runtime.exec(command);
  assert.equal(exitCode, 0, stderr);
  return stdout.trim();
}

/** Open at the checkout, with the work in it and a git that trusts it. */
async function assertWhole(made: Bench): Promise<void> {
  await using runtime = await made.open();
  assert.equal(runtime.workdir, placeOf(made).path);
  assert.equal(await said(runtime, "cat work.txt; git status --porcelain"), "work\n?? work.txt");
}

/** The prepared place, whose runtime is closed with it. */
async function asDisposable(prepared: Promise<PreparedPlace & { readonly runtime: Runtime }>) {
  const place = await prepared;
  return { ...place, [Symbol.asyncDispose]: () => place.runtime.close() };
}

async function errorOf(promise: Promise<unknown>) {
  const error = await promise.then(
    () => assert.fail("it did not fail"),
    (cause: unknown) => cause,
  );
  assert.ok(isBerthError(error), String(error));
  return error;
}

for (const [kind, fields] of [
  ["debian", {}],
  ["debian-user", { delivery: "image" }],
  ["debian-user", { readOnly: true, daemon: "never" }],
] as const) {
  test(`a workspace of ${kind} outlives its container (${JSON.stringify(fields)})`, async () => {
    const { docker } = await dockerEngine();
    await using made = await bench(kind, fields);
    {
      await using prepared = await asDisposable(made.prepare());
      const home = kind === "debian" ? "/root" : "/home/agent";
      const { id, name } = made.request.project;
      const project = `${home}/berth/${name}-${id.slice(0, 6)}`;
      const docked = `berth-shop-fix.Login_1-${made.request.workspaceId.slice(-4)}`;
      assert.deepEqual(prepared.place, {
        path: `${project}/fix.Login_1`,
        base: `${project}/.base.git`,
        container: docked,
        volume: docked,
      });
      assert.equal(await said(prepared.runtime, 'printf %s "$HOME"'), home);
      await checkOut(prepared);
      assert.deepEqual(await made.left(), [`container ${docked}`, `volume ${docked}`]);
    }
    await assertWhole(made);
    const container = () => docker.getContainer(placeOf(made).container ?? "");
    const first = (await container().inspect()).Id;

    await made.placement.stop?.(made.request, {});
    assert.equal((await container().inspect()).State.Running, false);
    await made.placement.stop?.(made.request, {});
    await made.placement.start?.(made.request, {});
    assert.equal((await container().inspect()).State.Running, true);
    await assertWhole(made);

    await container().kill();
    await assertWhole(made);
    await container().restart();
    await assertWhole(made);
    assert.equal((await container().inspect()).Id, first);

    made.events.length = 0;
    await container().remove({ force: true, v: true });
    await assertWhole(made);
    assert.notEqual((await container().inspect()).Id, first);
    assert.deepEqual(
      made.events.filter(({ type }) => type === "docker.container_made").map(({ message }) => message),
      [`made the container ${placeOf(made).container} around the volume ${placeOf(made).volume}`],
    );
  });
}

test("a volume that was removed by hand takes the work with it: that is said, and nothing is made in its place", async () => {
  const { docker } = await dockerEngine();
  await using made = await bench("debian");
  await (await made.prepare()).runtime.close();
  const { container = "", volume = "" } = placeOf(made);
  await docker.getContainer(container).remove({ force: true });
  await docker.getVolume(volume).remove();
  const error = await errorOf(made.open());
  assert.equal(error.code, "workspace.missing");
  assert.match(
    error.message,
    new RegExp(`^the volume ${volume}, in which the checkout was, is not on .* any more$`),
  );
  assert.match(error.hint, /delete --force/);
  assert.deepEqual(await made.left(), []);
});

test("a container that was renamed, paused, or made with another configuration is still the workspace's", async () => {
  const { docker } = await dockerEngine();
  await using made = await bench("debian");
  {
    await using prepared = await asDisposable(made.prepare());
    await checkOut(prepared);
    await prepared.runtime.exec("echo installed > /opt/tool");
  }
  const { container = "" } = placeOf(made);
  await docker.getContainer(container).rename({ name: `${container}-renamed` });
  await docker.getContainer(`${container}-renamed`).pause();
  await assertWhole(made);
  await docker.getContainer(`${container}-renamed`).rename({ name: container });

  const { config } = made.request;
  made.request = { ...made.request, config: { ...config, memoryBytes: 512 * 1024 * 1024 } as typeof config };
  made.events.length = 0;
  {
    await using runtime = await made.open();
    assert.equal(await said(runtime, "cat /opt/tool work.txt"), "installed\nwork");
  }
  assert.deepEqual(
    made.events.filter(({ type }) => type === "docker.container_outdated").length,
    1,
    "one that runs is used as it is",
  );
  await made.placement.stop?.(made.request, {});
  await assertWhole(made);
  const { HostConfig } = await docker.getContainer(container).inspect();
  assert.equal(HostConfig.Memory, 512 * 1024 * 1024);
  assert.match(
    made.events.find(({ type }) => type === "docker.container_replaced")?.message ?? "",
    /is made again: its configuration has changed; the checkout stays/,
  );
});

test("a container whose directory here was tidied away is made again", async () => {
  await using made = await bench("debian");
  {
    await using prepared = await asDisposable(made.prepare());
    await checkOut(prepared);
  }
  await rm(join(made.stateDirectory, "containers"), { recursive: true });
  await assertWhole(made);
  assert.match(
    made.events.find(({ type }) => type === "docker.container_replaced")?.message ?? "",
    /is made again: its directory on this machine is gone/,
  );
});

test("opened many times at once after its container was removed, it has one container", async () => {
  const { docker } = await dockerEngine();
  await using made = await bench("debian");
  {
    await using prepared = await asDisposable(made.prepare());
    await checkOut(prepared);
  }
  await docker.getContainer(placeOf(made).container ?? "").remove({ force: true });
  await Promise.all(Array.from({ length: 5 }, () => assertWhole(made)));
  assert.equal((await made.left()).filter((what) => what.startsWith("container ")).length, 1);
});

test("the user's options apply, in a directory of the user's choice", async () => {
  await using shared = await scratchDirectory();
  await using made = await bench("debian-user", {
    baseDir: "/srv/work spaces",
    mounts: [{ source: shared.path, target: "/shared", readOnly: true }],
    ports: [{ container: 3000 }],
    cpus: 0.5,
    network: "none",
    env: { GREETING: "hello" },
    user: "nobody:builders",
    name: "not-this-one",
  });
  await using prepared = await asDisposable(made.prepare());
  assert.match(prepared.place.path, /^\/srv\/work spaces\/shop-[0-9a-f]{6}\/fix.Login_1$/);
  await checkOut(prepared);
  await assertWhole(made);
  const ids = 'id -u; id -g; stat -c %u:%g "/srv/work spaces"; printf %s "$GREETING"';
  assert.equal(await said(prepared.runtime, ids), "65534\n1500\n65534:1500\nhello");
  const { docker } = await dockerEngine();
  const { HostConfig } = await docker.getContainer(prepared.place.container ?? "").inspect();
  assert.equal(HostConfig.NanoCpus, 500_000_000);
  assert.equal(HostConfig.NetworkMode, "none");
});

test("an image without git is refused by name, and nothing is left", async () => {
  await using made = await bench("busybox");
  const error = await errorOf(made.prepare());
  assert.equal(error.code, "workspace.git_missing");
  assert.ok(error.hint.includes(await image("busybox")), error.hint);
  assert.deepEqual(await made.left(), []);
});

test("prepare goes on where it was cut; a volume of that name that is not its own is never used or removed", async () => {
  const { docker } = await dockerEngine();
  await using made = await bench("debian-user");
  const name = `berth-shop-fix.Login_1-${made.request.workspaceId.slice(-4)}`;
  await docker.createVolume({ Name: name });
  const error = await errorOf(made.prepare());
  assert.equal(error.code, "docker.create_failed");
  assert.match(error.message, /there is a volume .* already, which is not this workspace's/);
  await made.placement.discard(made.request, {});
  await docker.getVolume(name).remove();

  const first = await made.prepare();
  await checkOut(first);
  await first.runtime.close();
  made.request = { ...made.request, place: undefined };
  // As a Berth leaves it that dies while it looks at the image.
  const labels = {
    "berth.managed": "1",
    "berth.owner": made.request.ownerId,
    "berth.workspace": made.request.workspaceId,
    "berth.scout": "1",
  };
  const Mounts = [{ Type: "volume" as const, Source: name, Target: "/berth-volume" }];
  await docker.createContainer({
    Image: await image("debian-user"),
    Labels: labels,
    HostConfig: { Mounts },
  });
  const second = await made.prepare();
  await second.runtime.close();
  assert.deepEqual(second.place, first.place);
  await assertWhole(made);
});

test("two Berths on one engine do not see each other's, and garbage collection leaves workspaces alone", async () => {
  const { socketPath } = await dockerEngine();
  const engineConfig = { host: `unix://${socketPath}` };
  await using one = await bench("debian");
  await using other = await bench("debian");
  await (await one.prepare()).runtime.close();
  await (await other.prepare()).runtime.close();
  // The same workspace, as it were, of another state directory.
  const { workspaceId } = other.request;
  assert.deepEqual(await one.placement.discard({ ...one.request, workspaceId }, {}), []);
  assert.equal((await other.left()).length, 2);
  const listed = await listWorkspaceResources({ engine: engineConfig, stateDirectory: one.stateDirectory });
  assert.deepEqual(
    listed.map((resource) => [resource.kind, resource.name, resource.workspaceId]),
    ["container", "volume"].map((kind) => [kind, placeOf(one).container, one.request.workspaceId]),
  );
  const engine = createDockerEngine(await resolveEndpoint(engineConfig));
  const { removed, kept } = await collectGarbage({ engine, stateDirectory: one.stateDirectory });
  engine.close();
  assert.deepEqual(removed, []);
  assert.deepEqual(
    kept.map(({ reason }) => reason),
    ["it holds a workspace"],
  );
  const { container, volume } = placeOf(one);
  assert.deepEqual(await one.placement.discard(one.request, {}), [
    `the container ${container}`,
    `the volume ${volume}`,
  ]);
  assert.deepEqual(await one.placement.discard(one.request, {}), []);
});

test("a checkout that is there already has to outlive the container", async () => {
  await using shared = await scratchDirectory();
  await using made = await bench("debian", {
    mounts: [{ source: shared.path, target: "/shared" }],
    baseDir: "/shared",
  });
  const { request } = made;
  made.request = { ...request, existing: "/sharedness/app" };
  assert.equal((await errorOf(made.prepare())).code, "workspace.unsupported");
  assert.deepEqual(await made.left(), []);
  made.request = { ...request, existing: "/shared/app" };
  const { runtime, place } = await made.prepare();
  await runtime.close();
  assert.deepEqual(
    { ...place, container: undefined },
    { path: "/shared/app", base: null, container: undefined },
  );
  assert.deepEqual(await made.left(), [`container ${place.container}`]);
});

test("paths of a workspace are the container's: a pathMap that would translate them is refused", async () => {
  await using made = await bench("debian", { pathMap: [{ host: "/root", container: "/work" }] });
  const error = await errorOf(made.prepare());
  assert.equal(error.code, "config.invalid");
  assert.match(error.message, /pathMap: it translates \/root\/berth\/shop/);
  assert.deepEqual(await made.left(), []);
});

test("nothing is made in a container of the user's but what is in the base directory", async () => {
  await using place = await container({ image: await image("debian-user") });
  for (const daemon of ["auto", "never"] as const) {
    await using scratch = await scratchDirectory();
    const config = { type: "docker", containerId: place.id, daemon } as const;
    const placement = await placementFor(config);
    const request: PlacementRequest = {
      workspaceId: "w0123456789",
      name: "fix",
      project: { id: "abcdef012345", name: "shop", path: "/nowhere/shop", trusted: false },
      gitDir: "/nowhere/shop/.git",
      ownerId: await ownerId(scratch.path),
      config,
      place: undefined,
      stateDirectory: scratch.path,
    };
    const prepared = await placement.prepare(request, {});
    await using runtime = prepared.runtime;
    assert.ok(runtime);
    assert.deepEqual(prepared.place, {
      path: "/home/agent/berth/shop-abcdef/fix",
      base: "/home/agent/berth/shop-abcdef/.base.git",
    });
    assert.equal(placement.stoppable, false);
    assert.deepEqual(await placement.discard({ ...request, place: prepared.place }, {}), []);
  }
  assert.equal((await place.inspect()).State.Running, true);
});
