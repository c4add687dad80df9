import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../../contract/errors.ts";
import { openRuntime } from "../../runtimes/open.ts";
import { lookAtBase, NEEDED_GIT } from "./base.ts";
import type { GitPlace } from "./git-place.ts";
import { localGitPlace, runtimeGitPlace } from "./places.ts";
import { Scratch, TestRepository } from "./repository.testing.ts";

process.env.GIT_CONFIG_GLOBAL = "/dev/null";
process.env.GIT_CONFIG_SYSTEM = "/dev/null";
const local = localGitPlace();

function withEnvironment(env: Readonly<Record<string, string>>): GitPlace {
  return {
    ...local,
    run: (argv, options) => local.run(argv, { ...options, env: { ...options?.env, ...env } }),
  };
}

async function refusalOf(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error = await promise.then(
    () => assert.fail("it was not refused"),
    (thrown: unknown) => thrown,
  );
  assert.ok(isBerthError(error), String(error));
  return error;
}

test("a base is made once, with its parents, for nobody else's eyes", async () => {
  using scratch = new Scratch();
  await using runtime = await openRuntime({ type: "local", daemon: "never" });
  for (const [place, home] of [
    [withEnvironment({ HOME: scratch.path }), "~"],
    [runtimeGitPlace(runtime), join(scratch.path, 'in "a runtime"\nof ours')],
  ] as const) {
    const base = `${home}/berth/project-123456/.base.git`;
    const asked = { base, path: `${home}/berth/project-123456/work tree`, wanted: [], create: true };
    const look = await lookAtBase(place, { ...asked, origin: 'https://example.com/a\'s "project".git' });
    const expected = base.replace(/^~/, scratch.path);
    assert.equal(look.gitDir, expected);
    assert.equal(look.path, asked.path.replace(/^~/, scratch.path));
    assert.equal(look.made, true);
    assert.deepEqual([look.refs.size, look.missing.length, look.shallow.length], [0, 0, 0]);
    assert.match(look.version, /^\d+\.\d+/);
    assert.deepEqual(
      look.worktrees.map(({ path, bare }) => ({ path, bare })),
      [{ path: expected, bare: true }],
    );
    assert.equal(statSync(join(expected, "..")).mode & 0o777, 0o700);
    const repository = new TestRepository(expected);
    assert.equal(repository.git("config", "remote.origin.url"), 'https://example.com/a\'s "project".git');
    assert.equal(repository.git("config", "remote.origin.fetch"), "+refs/heads/*:refs/remotes/origin/*");
    assert.equal(repository.git("config", "core.logAllRefUpdates"), "true");
    assert.ok(!readdirSync(expected).includes("hooks"));
    assert.deepEqual(readdirSync(join(expected, "..")), [".base.git"]);

    const again = await lookAtBase(place, asked);
    assert.deepEqual([again.made, again.gitDir], [false, expected]);
  }
});

test("origin follows the project, but not over what somebody set there", async () => {
  using scratch = new Scratch();
  const base = join(scratch.path, "base.git");
  const look = (origin?: string) => lookAtBase(local, { base, origin, wanted: [], create: true });
  await look();
  const repository = new TestRepository((await look("https://example.com/one")).gitDir);
  assert.equal(repository.git("config", "remote.origin.url"), "https://example.com/one");
  await look("https://example.com/two");
  assert.equal(repository.git("config", "remote.origin.url"), "https://example.com/two");
  repository.git("config", "remote.origin.url", "https://mine@example.com/fork");
  await look("https://example.com/three");
  assert.equal(repository.git("config", "remote.origin.url"), "https://mine@example.com/fork");

  const users = scratch.repository("users-own");
  await lookAtBase(local, {
    base: join(users.path, ".git"),
    origin: "https://example.com/one",
    wanted: [],
    create: true,
  });
  assert.throws(() => users.git("config", "remote.origin.url"));
});

test("what is there is told: refs, objects with all that they need, worktrees", async () => {
  using scratch = new Scratch();
  const project = scratch.repository("project");
  const first = project.git("rev-parse", "HEAD");
  const second = project.commit("second", { "b.txt": "b\n" });
  project.git("update-ref", "refs/remotes/origin/main", first);
  project.git("update-ref", "refs/remotes/origin/other", first);
  project.git("update-ref", "refs/berth/changes/x", second);
  project.git("tag", "v1", first);
  const linked = project.worktree(join(scratch.path, "linked\nworktree"), "-b", "topic");
  const nowhere = "1".repeat(40);
  const tree = project.git("rev-parse", "HEAD^{tree}");
  // Nothing reaches it: whether its history is there nobody knows.
  const dangling = project.git("commit-tree", "-m", "dangling", "-p", second, tree);
  const look = await lookAtBase(local, {
    base: join(project.path, ".git"),
    wanted: [first, second, nowhere, tree],
    refs: ["refs/remotes/origin/main", "--exec=no", "refs/heads/../x"],
    create: false,
  });
  assert.deepEqual(look.missing, [nowhere]);
  assert.deepEqual(Object.fromEntries(look.refs), {
    "refs/heads/main": second,
    "refs/heads/topic": second,
    "refs/remotes/origin/main": first,
    "refs/berth/changes/x": second,
  });
  assert.deepEqual(
    look.worktrees.map(({ path, branch, head }) => [path, branch, head]),
    [
      [project.path, "main", second],
      [linked.path, "topic", second],
    ],
  );

  // An object without its history is not there.
  rmSync(join(project.path, ".git/objects", first.slice(0, 2), first.slice(2)));
  for (const ref of ["refs/remotes/origin/main", "refs/remotes/origin/other", "refs/tags/v1"]) {
    project.git("update-ref", "-d", ref);
  }
  for (const ref of ["refs/berth/changes/x", "refs/heads/topic"]) project.git("update-ref", "-d", ref);
  rmSync(linked.path, { recursive: true });
  project.git("worktree", "prune");
  project.git("symbolic-ref", "HEAD", "refs/heads/unborn");
  project.git("update-ref", "-d", "refs/heads/main");
  rmSync(join(project.path, ".git/logs"), { recursive: true, force: true });
  const cut = await lookAtBase(local, {
    base: join(project.path, ".git"),
    wanted: [second, dangling, tree],
    create: false,
  });
  assert.deepEqual(cut.missing, [second, dangling]);
});

test("two that make it at once have one", async () => {
  using scratch = new Scratch();
  for (let round = 0; round < 3; round += 1) {
    const base = join(scratch.path, `round-${round}`, ".base.git");
    const origin = "https://example.com/a";
    const looks = await Promise.all(
      Array.from({ length: 6 }, () => lookAtBase(local, { base, origin, wanted: [], create: true })),
    );
    assert.equal(looks.filter(({ made }) => made).length, 1);
    assert.deepEqual(readdirSync(join(scratch.path, `round-${round}`)), [".base.git"]);
    assert.deepEqual(
      readdirSync(base).filter((name) => name.startsWith(".")),
      [],
    );
    new TestRepository(base).git("fsck");
  }
});

test("what a killed attempt left is finished or swept, what is somebody's stays", async () => {
  using scratch = new Scratch();
  const look = (name: string) =>
    lookAtBase(local, { base: join(scratch.path, name, ".base.git"), wanted: [], create: true });
  mkdirSync(join(scratch.path, "empty", ".base.git"), { recursive: true });
  assert.equal((await look("empty")).made, true);

  await look("half");
  rmSync(join(scratch.path, "half", ".base.git", "HEAD"));
  assert.equal((await look("half")).made, false);
  new TestRepository(join(scratch.path, "half", ".base.git")).git("fsck");

  mkdirSync(join(scratch.path, "files", ".base.git"), { recursive: true });
  writeFileSync(join(scratch.path, "files", ".base.git", "a.txt"), "mine");
  assert.equal((await refusalOf(look("files"))).code, "workspace.path_taken");
  assert.deepEqual(readdirSync(join(scratch.path, "files", ".base.git")), ["a.txt"]);

  const absent = { base: join(scratch.path, "absent", ".base.git"), wanted: [], create: false };
  assert.equal((await refusalOf(lookAtBase(local, absent))).code, "workspace.missing");
  assert.ok(!readdirSync(scratch.path).includes("absent"));
});

test("no git, an old git, no home, another way to name objects", async () => {
  using scratch = new Scratch();
  const bin = join(scratch.path, "bin");
  mkdirSync(bin);
  const asked = { base: join(scratch.path, "base.git"), wanted: [], create: true };
  const without = withEnvironment({ PATH: bin });
  assert.equal((await refusalOf(lookAtBase(without, asked))).code, "workspace.git_missing");

  const [major, minor] = NEEDED_GIT;
  writeFileSync(join(bin, "git"), `#!/bin/sh\necho "git version ${major}.${minor - 1}.4 (other)"\n`);
  chmodSync(join(bin, "git"), 0o755);
  const old = await refusalOf(lookAtBase(without, asked));
  assert.equal(old.code, "workspace.git_too_old");
  assert.match(old.message, new RegExp(`${major}\\.${minor - 1}\\.4`));
  assert.deepEqual(readdirSync(scratch.path), ["bin"]);

  const homeless = withEnvironment({ HOME: "" });
  const refused = await refusalOf(lookAtBase(homeless, { ...asked, base: "~/x/.base.git" }));
  assert.equal(refused.code, "workspace.unsupported");

  const made = await lookAtBase(local, { ...asked, objectFormat: "sha256" });
  assert.equal(made.objectFormat, "sha256");
  const other = await refusalOf(lookAtBase(local, { ...asked, objectFormat: "sha1" }));
  assert.equal(other.code, "workspace.unsupported");
});

test("what a place says becomes nothing but objects and refs", async () => {
  const look = (stdout: string) =>
    lookAtBase(
      { ...local, run: async () => ({ exitCode: 0, stdout: Buffer.from(stdout), stderr: "" }) },
      { base: "/b", wanted: ["a".repeat(40)], create: false },
    );
  const answer = (refs: string) =>
    ["2.39", "/h", "/b", "", "", "sha1", `${"b".repeat(40)}\n--x`, "no", "same", refs, ""].join("\0");
  const object = "c".repeat(40);
  const hostile = [
    `${object} refs/heads/ok`,
    `${object} --upload-pack=x`,
    `${object} refs/heads/../../x`,
    `${object} refs/heads/a b`,
    `${object} refs/heads/.lock`,
    `${object} refs/heads/x.lock`,
    "garbage",
  ];
  const read = await look(answer(hostile.join("\n")));
  assert.deepEqual([...read.refs], [["refs/heads/ok", object]]);
  assert.deepEqual([read.missing, read.present, read.shallow], [["a".repeat(40)], [], []]);
  const wrong = answer("--output=x refs/heads/a");
  assert.equal((await refusalOf(look(wrong))).code, "workspace.git_failed");
  assert.equal((await refusalOf(look("garbage"))).code, "workspace.git_failed");
});
