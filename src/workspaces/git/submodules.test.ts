import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../../contract/errors.ts";
import { lookAtBase } from "./base.ts";
import { localGitPlace } from "./places.ts";
import { Scratch, TestRepository } from "./repository.testing.ts";
import { checkOutSubmodules } from "./submodule-checkout.ts";
import { findSubmodules, sendSubmodules } from "./submodules.ts";
import { transfer } from "./transfer.ts";

process.env.GIT_CONFIG_GLOBAL = "/dev/null";
process.env.GIT_CONFIG_SYSTEM = "/dev/null";
const git = localGitPlace();
const FILES = ["-c", "protocol.file.allow=always"];

/** A project with "libs/my outer" (named "outer lib"), which holds "inner" by a relative URL. */
function projectWithSubmodules(scratch: Scratch): { project: TestRepository; commit: string } {
  scratch.repository("inner").commit("inner", { "inner.txt": "inner\n" });
  const outer = scratch.repository("outer");
  outer.git(...FILES, "submodule", "--quiet", "add", join(scratch.path, "inner"), "inner");
  outer.git("config", "-f", ".gitmodules", "submodule.inner.url", "../inner");
  outer.commit("with inner", { "outer.txt": "outer\n" });
  const project = scratch.repository("project");
  project.git(
    ...FILES,
    "submodule",
    "--quiet",
    "add",
    "--name",
    "outer lib",
    join(scratch.path, "outer"),
    "libs/my outer",
  );
  project.git("config", "-f", ".gitmodules", "submodule.outer lib.url", "../outer");
  const commit = project.commit("with outer");
  project.git(...FILES, "submodule", "--quiet", "update", "--init", "--recursive");
  return { project, commit };
}

/** Sends the project, and checks it out there as whoever makes a workspace does. */
async function checkOut(project: TestRepository, commit: string, base: string, name: string) {
  const gitDir = join(project.path, ".git");
  const refs = [{ name: "refs/remotes/origin/main", commit }];
  const look = await lookAtBase(git, {
    base,
    wanted: [commit],
    create: true,
    origin: "https://example.com/team/project.git",
  });
  await transfer({ from: { git, gitDir }, to: { git, gitDir: look.gitDir }, look, refs });
  const checkout = join(base, "..", name);
  new TestRepository(base).git("worktree", "add", "--quiet", "-b", name, checkout, commit);
  return new TestRepository(checkout);
}

test("submodules arrive with all that is within them, without any network", async () => {
  using scratch = new Scratch();
  const { project, commit } = projectWithSubmodules(scratch);
  const outerModule = new TestRepository(join(project.path, "libs/my outer"));
  outerModule.git("config", "remote.origin.url", "https://user:secret@example.com/team/outer.git");
  const gitDir = join(project.path, ".git");
  const submodules = await findSubmodules(git, { gitDir, root: project.path, commit });
  assert.deepEqual(
    submodules.map(({ path, name, within, url }) => ({ path, name, within, url })),
    [
      { path: "libs/my outer", name: "outer lib", within: "", url: "https://example.com/team/outer.git" },
      { path: "libs/my outer/inner", name: "inner", within: "libs/my outer", url: undefined },
    ],
  );
  // Where they came from is gone: neither a clone nor a fetch could succeed.
  for (const name of ["inner", "outer"]) rmSync(join(scratch.path, name), { recursive: true });
  const base = join(scratch.path, "place/.base.git");
  const one = await checkOut(project, commit, base, "one");
  const progress: number[] = [];
  const placed = await sendSubmodules({
    from: git,
    to: git,
    base,
    submodules,
    onProgress: (bytes) => progress.push(bytes),
  });
  assert.ok((progress.at(-1) ?? 0) > 0);
  rmSync(project.path, { recursive: true });
  for (let round = 0; round < 2; round += 1) {
    await checkOutSubmodules(git, { path: one.path, submodules: placed });
    assert.equal(readFileSync(join(one.path, "libs/my outer/outer.txt"), "utf8"), "outer\n");
    assert.equal(readFileSync(join(one.path, "libs/my outer/inner/inner.txt"), "utf8"), "inner\n");
    assert.equal(one.status(), "");
    assert.match(
      one.git("submodule", "status", "--recursive"),
      /^ \w+ libs\/my outer .*\n \w+ libs\/my outer\/inner /,
    );
  }
  const there = new TestRepository(join(one.path, "libs/my outer"));
  assert.equal(one.git("config", "submodule.outer lib.url"), "https://example.com/team/outer.git");
  assert.equal(there.git("config", "remote.origin.url"), "https://example.com/team/outer.git");
  assert.equal(there.git("rev-parse", "--is-bare-repository"), "false");

  // A fork: a second checkout beside it, with a commit that only the first one has.
  const work = there.commit("work", { "new.txt": "new\n" });
  one.git("add", "libs/my outer");
  const head = one.commit("use it");
  const two = new TestRepository(join(one.path, "../two"));
  one.git("worktree", "add", "--quiet", "-b", "two", two.path, head);
  const again = await findSubmodules(git, { gitDir: base, root: one.path, commit: head, base });
  assert.deepEqual([again[0]?.commit, again.length], [work, 2]);
  await checkOutSubmodules(git, { path: two.path, submodules: again });
  assert.equal(readFileSync(join(two.path, "libs/my outer/new.txt"), "utf8"), "new\n");
  assert.equal(two.status(), "");
  // From what stands beside the base only, where it has been sent.
  const apart = await findSubmodules(git, { gitDir: base, commit, base });
  assert.deepEqual(
    apart.map(({ gitDir: found }) => found),
    placed.map(({ gitDir: sent }) => sent),
  );
});

test("a worktree of the project gets them from the project's own", async () => {
  using scratch = new Scratch();
  const { project, commit } = projectWithSubmodules(scratch);
  for (const name of ["inner", "outer"]) rmSync(join(scratch.path, name), { recursive: true });
  const config = project.git("config", "--list", "--local");
  const linked = project.worktree(join(scratch.path, "linked"), "-b", "linked");
  const gitDir = join(project.path, ".git");
  const submodules = await findSubmodules(git, { gitDir, root: project.path, commit });
  await checkOutSubmodules(git, { path: linked.path, submodules });
  assert.equal(readFileSync(join(linked.path, "libs/my outer/inner/inner.txt"), "utf8"), "inner\n");
  assert.equal(linked.status(), "");
  // The user's own configuration is as it was; only that they are active is new, if it is.
  const added = project
    .git("config", "--list", "--local")
    .split("\n")
    .filter((line) => !config.split("\n").includes(line));
  assert.deepEqual(
    added.filter((line) => !line.endsWith(".active=true")),
    [],
  );
  const own = new TestRepository(join(project.path, "libs/my outer"));
  own.git("fsck");
  assert.equal(own.status(), "");
});

test("a shallow submodule", async () => {
  using scratch = new Scratch();
  const library = scratch.repository("library");
  library.commit("second", { "a.txt": "a\n" });
  const project = scratch.repository("project");
  const url = `file://${join(scratch.path, "library")}`;
  project.git(...FILES, "submodule", "--quiet", "add", "--depth=1", url, "lib");
  const commit = project.commit("with lib");
  rmSync(library.path, { recursive: true });
  const gitDir = join(project.path, ".git");
  const submodules = await findSubmodules(git, { gitDir, root: project.path, commit });
  const base = join(scratch.path, "place/.base.git");
  const checkout = await checkOut(project, commit, base, "one");
  const placed = await sendSubmodules({ from: git, to: git, base, submodules });
  await checkOutSubmodules(git, { path: checkout.path, submodules: placed });
  assert.equal(readFileSync(join(checkout.path, "lib/a.txt"), "utf8"), "a\n");
  new TestRepository(join(checkout.path, "lib")).git("fsck");
});

test("one that is not here is said, or left out", async () => {
  using scratch = new Scratch();
  const { project, commit } = projectWithSubmodules(scratch);
  project.git("clone", "--quiet", ".", "../fresh");
  const fresh = new TestRepository(join(scratch.path, "fresh"));
  const gitDir = join(fresh.path, ".git");
  const submodules = await findSubmodules(git, { gitDir, root: fresh.path, commit });
  assert.deepEqual(
    submodules.map(({ path, gitDir: found }) => [path, found]),
    [["libs/my outer", undefined]],
  );
  const base = join(scratch.path, "place/.base.git");
  const checkout = await checkOut(fresh, commit, base, "one");
  const asked = { from: git, to: git, base, submodules };
  await assert.rejects(
    sendSubmodules(asked),
    (error) => isBerthError(error, "workspace.submodule_missing") && /libs\/my outer/.test(error.message),
  );
  const placed = await sendSubmodules({ ...asked, optional: true });
  assert.deepEqual(placed, []);
  await checkOutSubmodules(git, { path: checkout.path, submodules: placed });
  assert.ok(existsSync(join(checkout.path, "README.md")));
});

test("a project without submodules costs one short call", async () => {
  using scratch = new Scratch();
  const project = scratch.repository("project");
  const commit = project.git("rev-parse", "HEAD");
  const calls: string[] = [];
  const counting: typeof git = {
    ...git,
    run: (argv, options) => {
      calls.push(argv.join(" "));
      return git.run(argv, options);
    },
  };
  assert.deepEqual(
    await findSubmodules(counting, { gitDir: join(project.path, ".git"), root: project.path, commit }),
    [],
  );
  assert.equal(calls.length, 1);
});

test("what .gitmodules says leads nowhere else", async () => {
  using scratch = new Scratch();
  const project = scratch.repository("project");
  const first = project.git("rev-parse", "HEAD");
  mkdirSync(join(project.path, ".git/modules/good"), { recursive: true });
  const link = (path: string) =>
    project.git("update-index", "--add", "--cacheinfo", `160000,${first},${path}`);
  link("good");
  link("other");
  link("-x");
  const text = [
    '[submodule "../../escape"]\n\tpath = other\n\turl = https://example.com/a',
    '[submodule "good"]\n\tpath = good\n\turl = ext::sh -c touch% pwned',
    '[submodule "dash"]\n\tpath = -x\n\turl = https://example.com/a',
    '[submodule "up"]\n\tpath = ../up\n\turl = https://example.com/a',
    '[submodule "git"]\n\tpath = .GIT/hooks\n\turl = https://example.com/a',
    '[submodule "nolink"]\n\tpath = README.md\n\turl = https://example.com/a',
    "[include]\n\tpath = /etc/passwd",
  ].join("\n");
  writeFileSync(join(project.path, ".gitmodules"), text);
  project.git("add", ".gitmodules");
  project.git("commit", "--quiet", "--message=hostile");
  const commit = project.git("rev-parse", "HEAD");
  const found = await findSubmodules(git, { gitDir: join(project.path, ".git"), root: project.path, commit });
  assert.deepEqual(
    found.map(({ name, path, url, gitDir }) => ({ name, path, url, gitDir })),
    [{ name: "good", path: "good", url: undefined, gitDir: undefined }],
  );
});
