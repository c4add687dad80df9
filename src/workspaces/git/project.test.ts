import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../../contract/errors.ts";
import { openRuntime } from "../../runtimes/open.ts";
import type { GitPlace } from "./git-place.ts";
import { localGitPlace, runtimeGitPlace } from "./places.ts";
import { readProject, resolveCommit } from "./project.ts";
import { Scratch, TestRepository } from "./repository.testing.ts";

process.env.GIT_CONFIG_GLOBAL = "/dev/null";
process.env.GIT_CONFIG_SYSTEM = "/dev/null";
const git = localGitPlace();

/** A place that has another environment. */
function withEnvironment(env: Readonly<Record<string, string>>): GitPlace {
  return { ...git, run: (argv, options) => git.run(argv, { ...options, env: { ...options?.env, ...env } }) };
}

test("a checkout, from any directory in it and whatever its path looks like", async () => {
  using scratch = new Scratch();
  const project = scratch.repository('a "project" of o\'neil\nwith $(touch pwned) ünïcode');
  const commit = project.commit("second", { "src/deep/a.ts": "1\n" });
  await using runtime = await openRuntime({ type: "local", daemon: "never" });
  for (const place of [git, runtimeGitPlace(runtime)]) {
    for (const directory of ["", "src", "src/deep"]) {
      const facts = await readProject(place, join(project.path, directory));
      assert.equal(facts.root, project.path);
      assert.equal(facts.mainRoot, project.path);
      assert.equal(facts.gitDir, join(project.path, ".git"));
      assert.deepEqual([facts.head, facts.branch], [commit, "main"]);
      assert.deepEqual(facts.trunk, { branch: "main", commit, ref: "refs/heads/main" });
      assert.deepEqual([facts.bare, facts.isEmpty, facts.partial], [false, false, false]);
      assert.deepEqual(
        [facts.origin, facts.originLeftOut, facts.hooksPath],
        [undefined, undefined, undefined],
      );
    }
  }
  const inside = await readProject(git, join(project.path, ".git"));
  assert.equal(inside.root, project.path);
});

test("a linked worktree belongs to the project of its main one", async () => {
  using scratch = new Scratch();
  const project = scratch.repository("project");
  const linked = project.worktree(join(scratch.path, "linked tree"), "-b", "topic/ünï");
  const facts = await readProject(git, linked.path);
  assert.equal(facts.root, linked.path);
  assert.equal(facts.mainRoot, project.path);
  assert.equal(facts.gitDir, join(project.path, ".git"));
  assert.equal(facts.branch, "topic/ünï");
});

test("a bare repository, and a repository whose directory is elsewhere", async () => {
  using scratch = new Scratch();
  const source = scratch.repository("source");
  source.git("clone", "--quiet", "--bare", ".", "../bare.git");
  const bare = join(scratch.path, "bare.git");
  const facts = await readProject(git, bare);
  assert.deepEqual([facts.bare, facts.root, facts.mainRoot, facts.gitDir], [true, bare, bare, bare]);
  assert.equal(facts.trunk?.branch, "main");

  source.git("init", "--quiet", "--separate-git-dir", join(scratch.path, "elsewhere"), "../apart");
  const apart = await readProject(git, join(scratch.path, "apart"));
  assert.equal(apart.root, join(scratch.path, "apart"));
  assert.equal(apart.gitDir, join(scratch.path, "elsewhere"));
});

test("an empty repository, and a detached head", async () => {
  using scratch = new Scratch();
  const empty = scratch.repository("empty", { empty: true });
  const facts = await readProject(git, empty.path);
  assert.deepEqual([facts.isEmpty, facts.head, facts.branch, facts.trunk], [true, null, "main", undefined]);

  const detached = scratch.repository("detached");
  detached.git("checkout", "--quiet", "--detach");
  const other = await readProject(git, detached.path);
  assert.deepEqual([other.isEmpty, other.branch, other.trunk?.branch], [false, null, "main"]);

  detached.git("checkout", "--quiet", "--orphan", "fresh");
  const orphan = await readProject(git, detached.path);
  assert.deepEqual([orphan.isEmpty, orphan.head, orphan.branch], [false, null, "fresh"]);
});

test("trunk is the remote's HEAD, the usual names, the user's own, then what is checked out", async () => {
  using scratch = new Scratch();
  const trunkOf = async (project: TestRepository) => (await readProject(git, project.path)).trunk;
  const project = scratch.repository("project");
  const first = project.git("rev-parse", "HEAD");
  project.git("branch", "--move", "wip/thing");
  assert.deepEqual((await trunkOf(project))?.branch, "wip/thing");
  project.git("branch", "next");
  project.git("config", "init.defaultBranch", "next");
  assert.deepEqual((await trunkOf(project))?.branch, "next");
  project.git("branch", "develop");
  assert.deepEqual((await trunkOf(project))?.branch, "develop");
  project.git("branch", "master");
  assert.deepEqual((await trunkOf(project))?.branch, "master");

  project.git("remote", "add", "origin", "https://u:secret@example.com/a");
  project.git("update-ref", "refs/remotes/origin/stable/one", first);
  project.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/stable/one");
  const remote = { branch: "stable/one", commit: first, ref: "refs/remotes/origin/stable/one" };
  assert.deepEqual(await trunkOf(project), remote);

  // The newer one counts; where both have commits of their own, the remote's.
  const second = project.commit("second");
  project.git("branch", "stable/one", second);
  assert.deepEqual(await trunkOf(project), {
    branch: "stable/one",
    commit: second,
    ref: "refs/heads/stable/one",
  });
  project.git("update-ref", "refs/remotes/origin/stable/one", second);
  project.git("branch", "--force", "stable/one", first);
  assert.deepEqual((await trunkOf(project))?.commit, second);
  project.git("checkout", "--quiet", "stable/one");
  project.commit("third");
  assert.deepEqual((await trunkOf(project))?.ref, "refs/remotes/origin/stable/one");
  // A remote's HEAD that points nowhere is passed over.
  project.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/gone");
  assert.deepEqual((await trunkOf(project))?.branch, "master");
});

test("the remote's URL has no credentials, and a path of this machine is no URL", async () => {
  using scratch = new Scratch();
  const project = scratch.repository("project");
  project.git("remote", "add", "origin", "https://user:secret@example.com/a/b.git");
  const facts = await readProject(git, project.path);
  assert.equal(facts.origin, "https://example.com/a/b.git");
  project.git("remote", "set-url", "origin", "../other");
  const local = await readProject(git, project.path);
  assert.deepEqual([local.origin, local.originLeftOut], [undefined, "it is a path of this machine"]);
  project.git("remote", "rename", "origin", "upstream");
  project.git("remote", "set-url", "upstream", "gh:a");
  project.git("config", "url.ssh://git@example.com/.insteadOf", "gh:");
  const named = await readProject(git, project.path);
  assert.deepEqual([named.remote, named.origin], ["upstream", "ssh://git@example.com/a"]);
});

test("shallow and partial clones and hooks are told", async () => {
  using scratch = new Scratch();
  const source = scratch.repository("source");
  const tip = source.commit("second");
  source.git("clone", "--quiet", "--depth=1", "--no-local", ".", "../shallow");
  const shallow = await readProject(git, join(scratch.path, "shallow"));
  assert.deepEqual(shallow.shallow, [tip]);
  source.git("config", "uploadpack.allowFilter", "true");
  source.git("clone", "--quiet", "--filter=blob:none", "--no-local", ".", "../partial");
  const partial = new TestRepository(join(scratch.path, "partial"));
  partial.git("config", "core.hooksPath", ".githooks");
  const facts = await readProject(git, partial.path);
  assert.deepEqual([facts.partial, facts.hooksPath], [true, ".githooks"]);
});

test("what is no project is refused with what to do", async () => {
  using scratch = new Scratch();
  const refusal = (directory: string, place = git) =>
    readProject(place, directory).then(
      () => assert.fail("it is no project"),
      (error: unknown) => error,
    );
  const outside = await refusal(scratch.path);
  assert.ok(isBerthError(outside, "workspace.not_a_project"));
  assert.ok(isBerthError(await refusal(join(scratch.path, "nowhere")), "workspace.not_a_project"));
  const file = join(scratch.path, "file");
  writeFileSync(file, "");
  assert.ok(isBerthError(await refusal(file), "workspace.not_a_project"));

  const project = scratch.repository("project");
  const dubious = await refusal(project.path, withEnvironment({ GIT_TEST_ASSUME_DIFFERENT_OWNER: "1" }));
  assert.ok(isBerthError(dubious, "workspace.not_a_project"));
  assert.equal(
    dubious.hint,
    `When you trust its files: git config --global --add safe.directory ${project.path}`,
  );

  const empty = join(scratch.path, "bin");
  mkdirSync(empty);
  chmodSync(empty, 0o755);
  const without = await refusal(project.path, withEnvironment({ PATH: empty }));
  assert.ok(isBerthError(without, "workspace.git_missing"));
  assert.match(without.message, /this machine/);
});

test("a start point is what a user would call it", async () => {
  using scratch = new Scratch();
  const project = scratch.repository("project");
  const first = project.git("rev-parse", "HEAD");
  const second = project.commit("second");
  project.git("tag", "--annotate", "--message=t", "v1", first);
  project.git("update-ref", "refs/remotes/origin/only/there", first);
  const resolves = (revision: string) => resolveCommit(git, project.path, revision);
  assert.equal(await resolves("main"), second);
  assert.equal(await resolves("HEAD~1"), first);
  assert.equal(await resolves("v1"), first);
  assert.equal(await resolves("only/there"), first);
  assert.equal(await resolves(first.slice(0, 12)), first);
  for (const unknown of ["nothing", "", "--all", "-", "a..b", "main:README.md", "v1\0"]) {
    await assert.rejects(resolves(unknown), (error) => isBerthError(error, "workspace.start_unknown"));
  }
});
