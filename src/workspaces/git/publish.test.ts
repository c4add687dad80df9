import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ErrorCode } from "../../contract/error-registry.ts";
import { isBerthError } from "../../contract/errors.ts";
import { openRuntime } from "../../runtimes/open.ts";
import type { GitPlace } from "./git-place.ts";
import { localGitPlace, runtimeGitPlace } from "./places.ts";
import { type Published, publish } from "./publish.ts";
import { picture, Scratch, type TestRepository } from "./repository.testing.ts";

const git = localGitPlace();
const BRANCH = "feat/ünï-$(x)`touch`';&";
const KEPT = "refs/berth/workspaces/1/x";

interface Bench {
  readonly repository: TestRepository;
  /** A commit on top of main that changes f and adds new, kept at KEPT. */
  readonly commit: string;
  move(
    branch: string,
    options?: { readonly hooks?: boolean; readonly place?: GitPlace; readonly drop?: boolean },
  ): Promise<Published>;
  refused(branch: string, code: ErrorCode): Promise<void>;
  at(ref: string): string;
}

function bench(scratch: Scratch): Bench {
  const repository = scratch.repository("r s");
  repository.commit("second", { f: "1\n", g: "1\n" });
  repository.git("switch", "-q", "-c", "elsewhere");
  const commit = repository.commit("work", { f: "2\n", new: "2\n" });
  repository.git("switch", "-q", "main");
  repository.git("update-ref", KEPT, commit);
  repository.git("branch", "-q", "-D", "elsewhere");
  const move: Bench["move"] = async (branch, options = {}) =>
    await publish({
      git: options.place ?? git,
      gitDir: join(repository.path, ".git"),
      branch,
      commit,
      keptAt: KEPT,
      dropKept: options.drop ?? false,
      hooks: options.hooks ?? false,
    });
  const refused: Bench["refused"] = async (branch, code) => {
    const everything = () => [repository.git("for-each-ref"), picture(repository), repository.status()];
    const before = everything();
    await assert.rejects(move(branch), (error) => {
      assert.ok(isBerthError(error, code), String(error));
      assert.equal(error.context.ref, KEPT);
      return true;
    });
    assert.deepEqual(everything(), before);
  };
  return { repository, commit, move, refused, at: (ref) => repository.git("rev-parse", ref) };
}

test("a new branch, one that follows, one that has it already, one that is ahead", async () => {
  using scratch = new Scratch();
  const { repository, commit, move, at } = bench(scratch);
  const main = at("main");
  assert.deepEqual(await move(BRANCH), { from: null, to: commit, commits: 1, checkout: undefined });
  assert.equal(at(`refs/heads/${BRANCH}`), commit);
  assert.deepEqual(await move(BRANCH), { from: commit, to: commit, commits: 0, checkout: undefined });
  repository.git("branch", "behind", "main");
  assert.deepEqual(await move("behind"), { from: main, to: commit, commits: 1, checkout: undefined });
  const ahead = repository.git("commit-tree", "-p", commit, "-m", "ahead", `${commit}^{tree}`);
  repository.git("branch", "ahead", ahead);
  assert.deepEqual(await move("ahead", { drop: true }), {
    from: ahead,
    to: ahead,
    commits: 0,
    checkout: undefined,
  });
  assert.equal(at("ahead"), ahead);
  assert.equal(repository.status(), "");
});

for (const where of ["this machine", "a runtime"]) {
  test(`a branch that is checked out moves with its checkout; what was changed in it stays: ${where}`, async () => {
    using scratch = new Scratch();
    await using runtime = await openRuntime({ type: "local", daemon: "never" });
    const { repository, commit, move, at } = bench(scratch);
    repository.write({ g: "mine\n", untracked: "mine\n" });
    repository.git("add", "g");
    const published = await move("main", {
      place: where === "a runtime" ? runtimeGitPlace(runtime) : git,
      drop: true,
    });
    assert.equal(published.checkout, repository.path);
    assert.equal(at("HEAD"), commit);
    assert.equal(repository.status(), "M  g\n?? untracked\n");
    assert.equal(repository.git("for-each-ref", "refs/berth"), "");
    const other = repository.worktree(join(scratch.path, "other\n"), "-b", "side", "HEAD~1");
    assert.equal((await move("side")).checkout, other.path);
    assert.equal(other.status(), "");
  });
}

test("what is in the way is named, and nothing changes", async () => {
  using scratch = new Scratch();
  const { repository, refused, move, commit, at } = bench(scratch);
  repository.write({ f: "mine\n" });
  await refused("main", "workspace.apply_conflict");
  await assert.rejects(move("main"), (error) => isBerthError(error) && String(error.context.files) === "f");
  repository.git("stash");
  repository.git("config", "merge.autoStash", "true");
  repository.write({ new: "mine\n" });
  await refused("main", "workspace.apply_conflict");
  rmSync(join(repository.path, "new"));
  repository.write({ f: "mine\n" });
  await refused("main", "workspace.apply_conflict");
  repository.git("checkout", "f");
  repository.write({ ".git/index.lock": "" });
  await assert.rejects(move("main"), (error) => isBerthError(error, "workspace.locked"));
  rmSync(join(repository.path, ".git/index.lock"));
  await move("main");
  assert.equal(at("main"), commit);
});

test("commits on both sides: the branch stays", async () => {
  using scratch = new Scratch();
  const { repository, refused } = bench(scratch);
  repository.git("branch", "side");
  repository.commit("mine", { g: "2\n" });
  await refused("main", "workspace.diverged");
  repository.git("switch", "-q", "side");
  await refused("main", "workspace.diverged");
  // Nothing in common at all.
  repository.git("branch", "unrelated", repository.git("commit-tree", "-m", "x", "HEAD^{tree}"));
  await refused("unrelated", "workspace.diverged");
});

test("a merge under way, a checkout on a disk that is away, one that is gone", async () => {
  using scratch = new Scratch();
  const { repository, refused, move, commit, at } = bench(scratch);
  repository.git("switch", "-q", "-c", "side");
  repository.commit("side", { README: "x" });
  repository.git("switch", "-q", "main");
  repository.git("merge", "--no-commit", "--no-ff", "side");
  await refused("main", "workspace.under_way");
  repository.git("merge", "--abort");
  repository.git("switch", "-q", "-c", "onto", "main~1");
  repository.commit("onto", { f: "onto\n" });
  repository.git("switch", "-q", "main");
  assert.throws(() => repository.git("rebase", "onto"));
  await refused("main", "workspace.under_way");
  repository.git("rebase", "--abort");
  const other = repository.worktree(join(scratch.path, "other"), "-b", "away");
  repository.git("worktree", "lock", other.path);
  rmSync(other.path, { recursive: true });
  await refused("away", "workspace.branch_in_use");
  repository.git("worktree", "unlock", other.path);
  await move("away");
  assert.equal(at("away"), commit);
});

test("a branch that is not born yet, checked out", async () => {
  using scratch = new Scratch();
  const { repository: source, commit } = bench(scratch);
  const empty = scratch.repository("empty", { empty: true });
  empty.git("fetch", "-q", source.path, `${commit}:${KEPT}`.replace(commit, KEPT));
  const options = {
    git,
    gitDir: join(empty.path, ".git"),
    branch: "main",
    commit,
    keptAt: KEPT,
    hooks: false,
  };
  empty.write({ new: "mine\n" });
  await assert.rejects(publish(options), (error) => isBerthError(error, "workspace.apply_conflict"));
  assert.equal(empty.status(), "?? new\n");
  assert.equal(readFileSync(join(empty.path, "new"), "utf8"), "mine\n");
  rmSync(join(empty.path, "new"));
  empty.write({ untracked: "" });
  assert.deepEqual(await publish(options), { from: null, to: commit, commits: 3, checkout: empty.path });
  assert.equal(empty.status(), "?? untracked\n");
});

test("hooks run only when they may", async () => {
  using scratch = new Scratch();
  const { repository, move } = bench(scratch);
  repository.write({ ".git/hooks/post-merge": "#!/bin/sh\ntouch hooked\n" });
  chmodSync(join(repository.path, ".git/hooks/post-merge"), 0o755);
  await move("main");
  assert.equal(existsSync(join(repository.path, "hooked")), false);
  repository.git("reset", "-q", "--hard", "HEAD~1");
  await move("main", { hooks: true });
  assert.equal(existsSync(join(repository.path, "hooked")), true);
});

test("names that are none, and a branch below one that there is", async () => {
  using scratch = new Scratch();
  const { move } = bench(scratch);
  for (const name of ["-x", "a..b", "@{-1}", ""]) {
    await assert.rejects(move(name), (error) => isBerthError(error, "workspace.branch_invalid"));
  }
  await assert.rejects(move("main/below"), (error) => isBerthError(error, "workspace.branch_exists"));
});

test("a bare repository, whose HEAD is no checkout", async () => {
  using scratch = new Scratch();
  const { repository, commit, at } = bench(scratch);
  const main = at("main");
  repository.git("clone", "-q", "--bare", ".", "../bare");
  repository.git("push", "-q", "../bare", `${KEPT}:${KEPT}`);
  const published = await publish({
    git,
    gitDir: join(scratch.path, "bare"),
    branch: "main",
    commit,
    keptAt: KEPT,
    hooks: false,
  });
  assert.deepEqual(published, { from: main, to: commit, commits: 1, checkout: undefined });
});
