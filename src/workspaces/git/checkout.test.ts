import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ErrorCode } from "../../contract/error-registry.ts";
import { isBerthError } from "../../contract/errors.ts";
import { openRuntime } from "../../runtimes/open.ts";
import { Bench, ownBase, project } from "./checkout.testing.ts";
import { addCheckout } from "./checkout.ts";
import { localGitPlace, runtimeGitPlace } from "./places.ts";
import { removeCheckout } from "./remove-checkout.ts";

process.env.GIT_CONFIG_GLOBAL = "/dev/null";
process.env.GIT_CONFIG_SYSTEM = "/dev/null";
const git = localGitPlace();

const refused =
  (code: ErrorCode, message: RegExp = /./) =>
  (error: unknown) =>
    isBerthError(error, code) && message.test(error.message);

const status = (bench: Bench, path: string) => bench.git(path, "status", "--porcelain=v1", "--branch");

test("a checkout on a new branch, and the same once more", async () => {
  using bench = new Bench();
  const { root, commit, options } = project(bench);
  const { path } = options;
  assert.deepEqual(await addCheckout(git, options), { checkout: "made", branchMade: true, path, commit });
  assert.equal(status(bench, path), "## fix/a");
  writeFileSync(join(path, "a.txt"), "work");
  assert.deepEqual(await addCheckout(git, options), { checkout: "present", branchMade: true, path, commit });
  assert.equal(readFileSync(join(path, "a.txt"), "utf8"), "work");
  assert.equal(bench.git(root, "branch", "--format=%(refname:short)"), "fix/a\nmain");
});

test("names of branches and paths that mean something to shells and options", async () => {
  using bench = new Bench();
  const { root, commit, options } = project(bench);
  const branches = [
    "a/b/c",
    "größe/设置",
    "$(touch",
    'it\'s"q"',
    "a;b&c|d",
    "%s",
    "=x",
    "refs/heads/x",
    "#1",
    "@",
  ];
  for (const [index, branch] of branches.entries()) {
    const path = join(bench.directory, "--help", `-rf $(x)\n'"${index}`);
    const made = await addCheckout(git, { ...options, path, branch });
    assert.deepEqual([made.path, made.branchMade], [path, true]);
    assert.equal(bench.git(path, "symbolic-ref", "HEAD"), `refs/heads/${branch}`);
    assert.equal(bench.git(path, "rev-parse", "HEAD"), commit);
    assert.equal((await addCheckout(git, { ...options, path, branch })).checkout, "present");
  }
  assert.equal(
    bench.git(root, "for-each-ref", "--format=%(refname)").split("\n").length,
    branches.length + 1,
  );
  await assert.rejects(addCheckout(git, { ...options, branch: "a..b" }), refused("workspace.branch_invalid"));
});

test("through a runtime it is the same", async () => {
  using bench = new Bench();
  const { commit, options } = project(bench);
  await using runtime = await openRuntime({
    type: "local",
    daemon: "never",
    stateDir: join(bench.directory, "s"),
  });
  const there = runtimeGitPlace(runtime);
  const { path } = options;
  assert.deepEqual(await addCheckout(there, options), { checkout: "made", branchMade: true, path, commit });
});

test("an existing branch is taken as it is; one that only origin has becomes a local one that follows it", async () => {
  using bench = new Bench();
  const { root, commit, options } = project(bench);
  bench.git(root, "branch", "mine");
  bench.commit(root, "second", { "b.txt": "b\n" });
  const mine = { ...options, branch: "mine", commit: bench.git(root, "rev-parse", "main"), newBranch: false };
  assert.deepEqual(await addCheckout(git, mine), {
    checkout: "made",
    branchMade: false,
    path: options.path,
    commit,
  });
  bench.git(root, "update-ref", "refs/remotes/origin/theirs", commit);
  const path = join(bench.directory, "t");
  const theirs = {
    ...options,
    path,
    branch: "theirs",
    commit: null,
    newBranch: false,
    origin: "https://127.0.0.1/x",
  };
  assert.equal((await addCheckout(git, theirs)).branchMade, true);
  assert.equal(bench.git(path, "rev-parse", "--abbrev-ref", "@{upstream}"), "origin/theirs");
  assert.equal(bench.git(path, "config", "remote.origin.url"), "https://127.0.0.1/x");
  bench.git(root, "update-ref", "refs/remotes/other/ours", commit);
  const ours = {
    ...theirs,
    path: join(bench.directory, "o"),
    branch: "ours",
    origin: undefined,
    remote: "other",
  };
  assert.equal((await addCheckout(git, ours)).commit, commit);
  assert.equal(bench.git(path, "config", "branch.ours.remote"), "other");
});

test("in Berth's own base a branch is brought up to the project's, and never back", async () => {
  using bench = new Bench();
  const { root, base, options } = ownBase(bench);
  const existing = { ...options, newBranch: false, upstream: "side" };
  const first = bench.git(root, "rev-parse", "HEAD");
  const second = bench.commit(root, "second", { "b.txt": "b\n" });
  bench.git(base, "fetch", "-q", root, "main:refs/berth/x");
  const at = (name: string, from: string) => {
    bench.git(base, "update-ref", `refs/heads/${name}`, from);
    return { ...existing, branch: name, path: join(bench.directory, name), commit: second };
  };
  assert.equal((await addCheckout(git, at("behind", first))).commit, second);
  assert.equal((await addCheckout(git, { ...at("ahead", second), commit: first })).commit, second);
  const other = bench.git(base, "commit-tree", "-p", first, "-m", "other", `${first}^{tree}`);
  await assert.rejects(addCheckout(git, at("apart", other)), refused("workspace.diverged"));
  assert.equal(existsSync(join(bench.directory, "apart")), false);
  assert.equal(bench.git(base, "config", "branch.behind.merge"), "refs/heads/side");
});

test("in Berth's own base the project's committer is who commits, unless somebody is known there", async () => {
  using bench = new Bench();
  const { base, options } = ownBase(bench);
  const identity = { name: "It's $(me)", email: "me@example.com" };
  const user = () => bench.git(base, "config", "--local", "--get-regexp", "^user\\.");
  await addCheckout(git, { ...options, identity });
  assert.equal(user(), "user.name It's $(me)\nuser.email me@example.com");
  await addCheckout(git, { ...options, identity: { name: "another", email: undefined } });
  assert.match(user(), /^user\.name It's/);
});

test("a branch that is checked out elsewhere is refused with the place", async () => {
  using bench = new Bench();
  const { root, commit, options } = project(bench);
  await addCheckout(git, options);
  const other = { ...options, path: join(bench.directory, "other"), newBranch: false };
  const inUse = async (branch: string, path: string) => {
    await assert.rejects(
      addCheckout(git, { ...other, branch }),
      (error) => isBerthError(error, "workspace.branch_in_use") && error.context.path === path,
    );
    assert.equal(existsSync(other.path), false);
  };
  await inUse("fix/a", options.path);
  await inUse("main", root);
  // In the middle of a rebase HEAD is detached, and the branch is in use all the same.
  bench.commit(options.path, "a", { "a.txt": "other\n" });
  bench.commit(root, "b", { "a.txt": "another\n" });
  assert.throws(() => bench.git(options.path, "rebase", "main"));
  await inUse("fix/a", options.path);
  assert.deepEqual(
    bench.git(root, "for-each-ref", "--format=%(refname)", "refs/heads").split("\n").length,
    2,
  );
  assert.notEqual(commit, "");
});

test("a project in a submodule, and one with other names of objects", async () => {
  using bench = new Bench();
  const { root } = project(bench);
  const outer = bench.repository("outer");
  bench.git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", root, "lib");
  const gitDir = join(outer, ".git", "modules", "lib");
  const commit = bench.git(join(outer, "lib"), "rev-parse", "HEAD");
  const options = { gitDir, path: join(bench.directory, "s"), ownsBase: false, hooks: false, commit };
  assert.equal((await addCheckout(git, { ...options, branch: "a", newBranch: true })).commit, commit);
  assert.equal(status(bench, options.path), "## a");
  await assert.rejects(
    addCheckout(git, { ...options, path: `${options.path}2`, branch: "main", newBranch: false }),
    (error) => isBerthError(error, "workspace.branch_in_use") && error.context.path === join(outer, "lib"),
  );
  const long = join(bench.directory, "sha256");
  bench.git(bench.directory, "init", "-q", "--object-format=sha256", long);
  const first = bench.commit(long, "first", { "a.txt": "a\n" });
  const path = join(bench.directory, "l");
  const add = { ...options, gitDir: join(long, ".git"), path, branch: "a", commit: first, newBranch: true };
  assert.equal((await addCheckout(git, add)).commit, first);
  const remove = { gitDir: add.gitDir, path, branch: "a", branchCommit: first };
  assert.deepEqual((await removeCheckout(git, remove)).removed, ["checkout", "entry", "branch"]);
});

test("a new branch never takes another one over", async () => {
  using bench = new Bench();
  const { root, commit, options } = project(bench);
  bench.git(root, "branch", "fix/a/b");
  await assert.rejects(addCheckout(git, options), refused("workspace.branch_exists", /branch fix\/a\/b,/));
  await assert.rejects(
    addCheckout(git, { ...options, branch: "fix/a/b/c" }),
    refused("workspace.branch_exists", /branch fix\/a\/b,/),
  );
  bench.git(root, "branch", "-m", "fix/a/b", "Fix");
  bench.commit(root, "second", { "b.txt": "b\n" });
  bench.git(root, "config", "core.ignoreCase", "true");
  await assert.rejects(
    addCheckout(git, { ...options, branch: "fix" }),
    refused(
      "workspace.branch_exists",
      /^the branch Fix exists already, and this machine takes fix for the same/,
    ),
  );
  const next = bench.git(root, "rev-parse", "main");
  await assert.rejects(
    addCheckout(git, { ...options, branch: "Fix", commit: next }),
    refused("workspace.branch_exists", /another commit than was asked for/),
  );
  await assert.rejects(
    addCheckout(git, { ...options, branch: "Fix", commit: next, ownsBase: true }),
    refused("workspace.branch_exists", /on this machine, from an earlier workspace/),
  );
  assert.equal(bench.git(root, "rev-parse", "Fix"), commit);
  bench.git(root, "worktree", "add", "-q", join(bench.directory, "other"), "Fix");
  await assert.rejects(
    addCheckout(git, { ...options, branch: "Fix", commit: next }),
    refused("workspace.branch_in_use", /checked out in .*\/other/),
  );
  assert.deepEqual([existsSync(options.path), existsSync(join(options.gitDir, "berth"))], [false, false]);
});

test("what Berth did not make is never taken for its own", async () => {
  using bench = new Bench();
  const { root, options } = project(bench);
  const { path } = options;
  mkdirSync(join(path, ".."), { recursive: true });
  const taken = async () => {
    await assert.rejects(addCheckout(git, options), refused("workspace.path_taken"));
  };
  writeFileSync(path, "");
  await taken();
  unlinkSync(path);
  symlinkSync(bench.directory, path);
  await taken();
  unlinkSync(path);
  symlinkSync("/nowhere", path);
  await taken();
  unlinkSync(path);
  mkdirSync(path);
  writeFileSync(join(path, "precious"), "");
  await taken();
  assert.equal(existsSync(join(path, "precious")), true);
  rmSync(path, { recursive: true });
  bench.git(root, "worktree", "add", "-q", "-b", "theirs", path);
  await taken();
  assert.equal(bench.git(root, "branch", "--list", "fix/a"), "");
  bench.git(root, "worktree", "remove", path);
  mkdirSync(path);
  assert.equal((await addCheckout(git, options)).checkout, "made");
});

test("a directory that was removed by hand is made again, unless somebody locked its worktree", async () => {
  using bench = new Bench();
  const { root, options } = project(bench);
  await addCheckout(git, options);
  bench.git(root, "worktree", "add", "-q", "-b", "other", join(bench.directory, "other"));
  rmSync(join(bench.directory, "other"), { recursive: true });
  rmSync(options.path, { recursive: true });
  assert.equal((await addCheckout(git, options)).checkout, "made");
  assert.equal(status(bench, options.path), "## fix/a");
  // Only its own entry has gone.
  assert.equal(existsSync(join(options.gitDir, "worktrees", "other")), true);
  bench.git(root, "worktree", "lock", "--reason", "on a stick", options.path);
  rmSync(options.path, { recursive: true });
  await assert.rejects(addCheckout(git, options), refused("workspace.path_taken", /on a stick/));
});

test("an empty repository: the branch is born by its first commit", async () => {
  using bench = new Bench();
  const { root, options } = project(bench, {});
  assert.deepEqual(await addCheckout(git, options), {
    checkout: "made",
    branchMade: true,
    path: options.path,
    commit: null,
  });
  assert.equal(status(bench, options.path), "## No commits yet on fix/a");
  assert.equal((await addCheckout(git, options)).checkout, "present");
  await assert.rejects(
    addCheckout(git, { ...options, path: join(bench.directory, "other") }),
    refused("workspace.branch_in_use"),
  );
  bench.commit(options.path, "first", { "a.txt": "a\n" });
  assert.equal(bench.git(root, "rev-list", "--count", "fix/a"), "1");
});

test("hooks run with trust only, and what they leave running holds nothing up", async () => {
  using bench = new Bench();
  const { root, base, options } = ownBase(bench);
  const hook = (directory: string) => {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "post-checkout"), "#!/bin/sh\nsleep 600 &\necho $! > ran\n", {
      mode: 0o755,
    });
  };
  hook(join(base, "hooks"));
  hook(join(root, ".husky"));
  const commit = bench.commit(root, "hooks", {});
  bench.git(base, "fetch", "-q", root, "main:refs/berth/x");
  const path = (name: string) => join(bench.directory, name);
  await addCheckout(git, { ...options, commit, branch: "a", path: path("a"), hooksPath: ".husky" });
  assert.equal(existsSync(join(path("a"), "ran")), false);
  await addCheckout(git, { ...options, commit, branch: "b", path: path("b"), hooks: true });
  // The hook's child is there: it was not waited for.
  process.kill(Number(readFileSync(join(path("b"), "ran"), "utf8")));
  await addCheckout(git, {
    ...options,
    commit,
    branch: "c",
    path: path("c"),
    hooks: true,
    hooksPath: ".husky",
  });
  assert.equal(bench.git(path("c"), "config", "core.hooksPath"), ".husky");
  process.kill(Number(readFileSync(join(path("c"), "ran"), "utf8")));
  await addCheckout(git, { ...options, commit, branch: "d", path: path("d") });
  assert.throws(() => bench.git(path("d"), "config", "core.hooksPath"));
});

test("LFS pointers stay pointers, also where its filter is required and missing", async () => {
  using bench = new Bench();
  const { root, options } = project(bench);
  const commit = bench.commit(root, "pointer", {
    ".gitattributes": "*.bin filter=lfs\n",
    "x.bin": "version 1\n",
  });
  bench.git(root, "config", "filter.lfs.process", "/nowhere/git-lfs");
  bench.git(root, "config", "filter.lfs.required", "true");
  await addCheckout(git, { ...options, commit });
  assert.equal(readFileSync(join(options.path, "x.bin"), "utf8"), "version 1\n");
});

test("a repository that has gone is told", async () => {
  using bench = new Bench();
  const { root, options } = project(bench);
  rmSync(root, { recursive: true });
  await assert.rejects(addCheckout(git, options), refused("workspace.missing", /no git repository at/));
});
