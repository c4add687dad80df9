import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { findLosses } from "./losses.ts";
import { localGitPlace } from "./places.ts";
import { Scratch, TestRepository } from "./repository.testing.ts";
import { readStatus } from "./status.ts";

const git = localGitPlace();

/** A project here, and a clone of it there that goes with its workspace. */
class Bench {
  readonly here: TestRepository;
  readonly there: TestRepository;
  brought: readonly string[] = [];

  constructor(scratch: Scratch) {
    this.here = scratch.repository("here");
    this.here.commit("lines", { f: "1\n2\n3\n" });
    this.here.git("clone", "-q", ".", "../there");
    this.there = new TestRepository(join(scratch.path, "there"));
    this.there.git("remote", "remove", "origin");
    this.there.git("switch", "-q", "-c", "work");
  }

  async losses(): Promise<string[]> {
    const trunk = this.here.git("rev-parse", "main");
    const status = await readStatus(git, {
      path: this.there.path,
      base: null,
      branch: "work",
      trunk,
      alone: true,
    });
    const found = await findLosses({
      home: { git, gitDir: join(this.here.path, ".git") },
      status,
      root: this.here.path,
      ownBranches: [],
      trunks: [trunk],
      bring: async (commits) => {
        this.brought = commits;
        for (const commit of commits) {
          this.there.git("update-ref", "refs/heads/brought", commit);
          this.here.git(
            "fetch",
            "-q",
            "--no-recurse-submodules",
            this.there.path,
            "+refs/heads/brought:refs/berth/compare/1",
          );
          this.there.git("update-ref", "-d", "refs/heads/brought");
        }
      },
    });
    return found.unpublished.map(({ subject }) => subject);
  }

  fetch(ref: string): void {
    this.here.git("fetch", "-q", "--no-recurse-submodules", this.there.path, `+work:${ref}`);
  }
}

test("commits that the project has on a branch, a tag or a remote-tracking branch are not lost", async () => {
  for (const ref of ["refs/heads/elsewhere", "refs/tags/kept", "refs/remotes/origin/work"]) {
    using scratch = new Scratch();
    const bench = new Bench(scratch);
    bench.there.commit("one", { f: "one\n2\n3\n" });
    bench.fetch(ref);
    assert.deepEqual(await bench.losses(), []);
    bench.there.commit("two", { f: "two\n2\n3\n" });
    assert.deepEqual(await bench.losses(), ["two"]);
  }
});

test("what Berth keeps, and what no ref holds any more, does not count", async () => {
  using scratch = new Scratch();
  const bench = new Bench(scratch);
  bench.there.commit("one", { f: "one\n2\n3\n" });
  bench.fetch("refs/berth/workspaces/1/work");
  assert.deepEqual(await bench.losses(), ["one"]);
  bench.here.git("update-ref", "-d", "refs/berth/workspaces/1/work");
  assert.deepEqual(await bench.losses(), ["one"]);
  assert.deepEqual(bench.brought, []);
});

test("merged by content: the commits are brought here only when it has to be looked at", async () => {
  using scratch = new Scratch();
  const bench = new Bench(scratch);
  bench.there.commit("one", { f: "one\n2\n3\n" });
  const tip = bench.there.commit("two", { g: "two\n" });
  bench.here.commit("squashed", { f: "one\n2\n3\n", g: "two\n" });
  bench.here.commit("later", { f: "later\n" });
  assert.deepEqual(await bench.losses(), []);
  assert.deepEqual(bench.brought, [tip]);
  bench.there.commit("three", { g: "three\n" });
  assert.deepEqual(await bench.losses(), ["three"]);
});

test("every branch of a repository that goes with its workspace", async () => {
  using scratch = new Scratch();
  const bench = new Bench(scratch);
  for (const name of ["a", "b", "c", "d"]) {
    bench.there.git("switch", "-q", "-c", name, "main");
    bench.there.commit(name, { [name]: "1" });
  }
  bench.there.git("tag", "t");
  bench.there.git("switch", "-q", "work");
  assert.deepEqual((await bench.losses()).toSorted(), ["a", "b", "c", "d"]);
  bench.here.commit("squashed", { a: "1" });
  bench.here.commit("squashed", { b: "1" });
  bench.here.commit("squashed", { d: "1" });
  assert.deepEqual(await bench.losses(), ["c"]);
});

test("a worktree of the project: its own branch proves nothing, another one does", async () => {
  using scratch = new Scratch();
  const here = scratch.repository("here");
  const checkout = here.worktree(join(scratch.path, "checkout"), "-b", "work");
  const gitDir = join(here.path, ".git");
  const losses = async () => {
    const trunk = here.git("rev-parse", "main");
    const status = await readStatus(git, { path: checkout.path, base: gitDir, branch: "work", trunk });
    const found = await findLosses({ home: { git, gitDir }, status, ownBranches: ["work"], trunks: [trunk] });
    return found.unpublished.map(({ subject }) => subject);
  };
  checkout.commit("one", { f: "1" });
  assert.deepEqual(await losses(), ["one"]);
  here.git("branch", "other", "work");
  assert.deepEqual(await losses(), []);
  here.git("branch", "-q", "-D", "other");
  here.git("merge", "-q", "--squash", "work");
  here.commit("squashed");
  assert.deepEqual(await losses(), []);
});

test("commits of repositories within: of submodules, and of such as were added by mistake", async () => {
  using scratch = new Scratch();
  const bench = new Bench(scratch);
  const { here, there } = bench;
  const module = scratch.repository("module");
  here.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", module.path, "m öd");
  here.commit("submodule");
  there.git("pull", "-q", here.path, "main");
  there.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init");
  assert.deepEqual(await bench.losses(), []);
  const inner = new TestRepository(join(there.path, "m öd"));
  inner.git("switch", "-q", "-c", "fix");
  inner.commit("inside", { f: "1" });
  there.commit("bump");
  assert.deepEqual(await bench.losses(), ["bump", "m öd: inside"]);
  // The superproject's commit alone is not enough.
  bench.fetch("refs/heads/kept");
  assert.deepEqual(await bench.losses(), ["m öd: inside"]);
  const same = new TestRepository(join(here.path, "m öd"));
  same.git("fetch", "-q", inner.path, "fix:kept");
  assert.deepEqual(await bench.losses(), []);
  // A repository that "git add" took for a submodule; its commits are in it alone.
  const stray = scratch.repository("there/st\nray");
  stray.commit("only here");
  there.commit("everything");
  bench.fetch("refs/heads/kept");
  assert.deepEqual(await bench.losses(), ["st ray: only here", "st ray: first"]);
});

test("an empty repository, and a project that has no trunk", async () => {
  using scratch = new Scratch();
  const here = scratch.repository("here", { empty: true });
  const there = scratch.repository("there", { empty: true });
  const losses = async () => {
    const status = await readStatus(git, { path: there.path, base: null, branch: "main", alone: true });
    return await findLosses({
      home: { git, gitDir: join(here.path, ".git") },
      status,
      ownBranches: [],
      trunks: [],
    });
  };
  assert.deepEqual((await losses()).unpublished, []);
  there.commit("first", { f: "1" });
  there.write({ f: "2", g: "3" });
  const found = await losses();
  assert.deepEqual(
    found.unpublished.map(({ subject }) => subject),
    ["first"],
  );
  assert.deepEqual([found.changed, found.untracked], [["f"], ["g"]]);
});
