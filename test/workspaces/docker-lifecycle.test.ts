import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { RuntimeConfig } from "../../src/contract/config.ts";
import { ownerId } from "../../src/runtimes/owner-id.ts";
import type { Workspaces } from "../../src/workspaces/api.ts";
import { openWorkspaces } from "../../src/workspaces/open.ts";
import { codeOf } from "../docker/support.ts";
import { container } from "../fixtures/container.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { dockerEngine } from "../fixtures/docker.ts";
import { type ImageKind, image } from "../fixtures/images.ts";

const IDENTITY = ["-c", "user.name=dev", "-c", "user.email=dev@example.com"];

interface Bench extends AsyncDisposable {
  readonly workspaces: Workspaces;
  readonly project: string;
  readonly runtime: RuntimeConfig;
  readonly stateDirectory: string;
  git(...args: string[]): string;
  /** Names of containers and volumes that the engine has of its state directory. */
  left(): Promise<string[]>;
}

/** A project and an image. At the end nothing of its workspaces may be on the engine. */
async function bench(kind: ImageKind): Promise<Bench> {
  const { docker, socketPath } = await dockerEngine();
  const stack = new AsyncDisposableStack();
  const scratch = stack.use(await scratchDirectory());
  const stateDirectory = join(scratch.path, "state");
  const project = join(scratch.path, "shop");
  mkdirSync(project);
  const git = (...args: string[]) =>
    execFileSync("git", [...IDENTITY, ...args], { cwd: project, encoding: "utf8" }).trim();
  git("init", "--quiet", "--initial-branch=main");
  writeFileSync(join(project, "file.txt"), "first\n");
  git("add", ".");
  git("commit", "--quiet", "-m", "first");
  const workspaces = stack.use(await openWorkspaces({ stateDirectory }));
  const left = async () => {
    const filters = { label: [`berth.owner=${await ownerId(stateDirectory)}`] };
    const containers = await docker.listContainers({ all: true, filters });
    const { Volumes } = await docker.listVolumes({ filters });
    return [...containers.map(({ Names }) => Names[0]?.slice(1) ?? ""), ...Volumes.map(({ Name }) => Name)];
  };
  stack.defer(async () => {
    for (const { id } of await workspaces.list()) await workspaces.delete(id, { force: true });
    assert.deepEqual(await left(), []);
  });
  return {
    workspaces,
    project,
    stateDirectory,
    git,
    left,
    runtime: {
      type: "docker",
      image: await image(kind),
      engine: { host: `unix://${socketPath}` },
      pull: "never",
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test("work in a container's workspace survives the container, and comes home", async () => {
  await using made = await bench("debian-user");
  const { workspaces, project, runtime, git } = made;
  const { docker } = await dockerEngine();
  const created = await workspaces.create({ name: "fix", project, runtime });
  assert.equal(created.state, "ready");
  const { container = "", volume = "" } = created.place ?? {};
  assert.match(container, /^berth-shop-fix-[0-9a-z]{4}$/);
  const commit = `echo second >> file.txt && git ${IDENTITY.join(" ")} commit -qam second && echo loose > loose.txt`;
  {
    await using open = await workspaces.open("fix", { directory: project });
    assert.equal(open.workdir, created.place?.path);
    assert.equal((await open.exec(commit)).exitCode, 0);
  }
  await docker.getContainer(container).remove({ force: true, v: true });
  const status = await workspaces.status(created.id);
  assert.deepEqual([status.changed, status.untracked, status.unpublished.length], [[], ["loose.txt"], 1]);

  assert.equal((await workspaces.stop(created.id)).state, "stopped");
  assert.equal((await docker.getContainer(container).inspect()).State.Running, false);
  assert.equal((await workspaces.start(created.id)).state, "ready");

  const renamed = await workspaces.rename(created.id, "mend");
  assert.match(renamed.place?.path ?? "", /\/mend$/);
  assert.deepEqual([renamed.place?.container, renamed.place?.volume], [container, volume]);
  // Its old name is free for another one beside it.
  const other = await workspaces.create({ name: "fix", branch: "other", project, runtime });
  assert.notEqual(other.place?.volume, volume);

  assert.equal(await codeOf(workspaces.delete(created.id)), "workspace.would_lose_work");
  const { to } = await workspaces.pull(created.id);
  assert.equal(git("log", "--format=%s", "-1", to), "second");
  await workspaces.delete(created.id, { force: true });
  assert.deepEqual(await made.left(), [other.place?.container, other.place?.volume]);
});

test("a fork in another container has the work; one whose volume is gone is missing, and can only be forgotten", async () => {
  await using made = await bench("debian");
  const { workspaces, project, runtime } = made;
  const { docker } = await dockerEngine();
  const first = await workspaces.create({ name: "one", project, runtime });
  {
    await using open = await workspaces.open(first.id);
    await open.exec("echo changed > file.txt && echo new > 'new file'");
  }
  const fork = await workspaces.fork(first.id, { name: "two" });
  {
    await using open = await workspaces.open(fork.id);
    assert.equal((await open.exec("cat file.txt 'new file'")).stdout, "changed\nnew\n");
  }
  await docker.getContainer(first.place?.container ?? "").remove({ force: true });
  await docker.getVolume(first.place?.volume ?? "").remove();
  assert.equal(await codeOf(workspaces.open(first.id)), "workspace.missing");
  assert.equal(await codeOf(workspaces.delete(first.id)), "workspace.missing");
  const { workspace } = await workspaces.delete(first.id, { force: true });
  assert.equal(workspace.id, first.id);
  assert.deepEqual(
    (await workspaces.list()).map(({ name }) => name),
    ["two"],
  );
});

test("a workspace that can't be made leaves neither container nor volume, nor a branch", async () => {
  await using made = await bench("busybox");
  const { workspaces, project, runtime, git } = made;
  assert.equal(await codeOf(workspaces.create({ name: "fix", project, runtime })), "workspace.git_missing");
  assert.deepEqual(await workspaces.list(), []);
  assert.equal(git("for-each-ref", "--format=%(refname)"), "refs/heads/main");
  assert.deepEqual(await made.left(), []);
});

test("containers and volumes that a registry has lost are told of, and never removed", async () => {
  await using made = await bench("debian");
  const { workspaces, project, runtime, stateDirectory } = made;
  const { socketPath } = await dockerEngine();
  const { id, place } = await workspaces.create({ name: "lost", project, runtime });
  await using anew = await scratchDirectory();
  // The same Berth with another registry.
  await copyFile(join(stateDirectory, "owner-id"), join(anew.path, "owner-id"));
  const before = process.env.DOCKER_HOST;
  process.env.DOCKER_HOST = `unix://${socketPath}`;
  try {
    await using others = await openWorkspaces({ stateDirectory: anew.path });
    const { removed, kept } = await others.garbage();
    assert.deepEqual(removed, []);
    const told = kept.map(({ what }) => what);
    for (const kind of ["container", "volume"]) {
      const what = `the ${kind} ${place?.volume} is of a workspace that is not known here`;
      assert.ok(told.includes(what), told.join());
    }
    assert.deepEqual(await made.left(), [place?.container, place?.volume]);
  } finally {
    if (before === undefined) delete process.env.DOCKER_HOST;
    else process.env.DOCKER_HOST = before;
  }
  await using open = await workspaces.open(id);
  assert.equal((await open.exec("git status --porcelain")).stdout, "");
});

test("in a container of the user's a workspace comes and goes, and the container stays as it was", async () => {
  await using made = await bench("debian-user");
  const { workspaces, project, git } = made;
  await using own = await container({ image: await image("debian-user"), init: true });
  const runtime = {
    type: "docker",
    containerId: own.id,
    baseDir: "~/my work",
    ...("engine" in made.runtime ? { engine: made.runtime.engine } : {}),
  } as const;
  const first = await workspaces.create({ name: "one", project, runtime });
  assert.match(first.place?.path ?? "", /^\/home\/agent\/my work\/shop-[0-9a-f]{6}\/one$/);
  const second = await workspaces.create({ name: "two", project, runtime });
  assert.equal(second.place?.base, first.place?.base);
  {
    await using open = await workspaces.open(first.id);
    assert.equal((await open.exec(`git ${IDENTITY.join(" ")} commit -q --allow-empty -m there`)).exitCode, 0);
  }
  assert.equal(await codeOf(workspaces.stop(first.id)), "workspace.not_stoppable");
  await workspaces.pull(first.id);
  assert.equal(git("log", "--format=%s", "-1", "one"), "there");
  await workspaces.delete(first.id);
  await workspaces.delete(second.id);
  const { stdout } = await own.exec(["ls", "-A", join(first.place?.base ?? "", "..")]);
  assert.equal(stdout.toString(), ".base.git\n", "for the next workspace of the project");
  assert.equal((await own.inspect()).State.Running, true);
});
