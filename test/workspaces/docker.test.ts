import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
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

{
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
