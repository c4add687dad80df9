import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../../contract/errors.ts";
import { openRuntime } from "../../runtimes/open.ts";
import type { GitPlace } from "./git-place.ts";
import { localGitPlace, runtimeGitPlace } from "./places.ts";
import { Scratch, TestRepository } from "./repository.testing.ts";
import { type RawStatus, readStatus } from "./status.ts";

const git = localGitPlace();
const BRANCH = "feat/ünï-$(x)`touch`';&";

/** A repository, and a worktree of it on a branch of its own. */
function workspace(scratch: Scratch): { base: TestRepository; checkout: TestRepository; gitDir: string } {
  const base = scratch.repository("base");
  base.commit("tracked", { f: "1\n", "-x\ny": "1\n", "z z": "1\n" });
  const checkout = base.worktree(join(scratch.path, "checkout"), "-b", BRANCH);
  return { base, checkout, gitDir: join(base.path, ".git") };
}

function subjects(status: RawStatus): string[] {
  return status.candidates.map(({ subject }) => subject);
}

async function tells(place: GitPlace): Promise<void> {
  using scratch = new Scratch();
  const { base, checkout, gitDir } = workspace(scratch);
  const trunk = base.commit("trunk moves on", { other: "1" });
  const one = checkout.commit("one", { f: "2\n" });
  const head = checkout.commit("two", { f: "3\n" });
  checkout.write({ f: "4\n", "-x\ny": "2\n", "new\nline": "", "dir/ü": "", "a.txt": "" });
  checkout.git("add", "f");
  checkout.git("rm", "-q", "z z");
  assert.deepEqual(await readStatus(place, { path: checkout.path, base: gitDir, branch: BRANCH, trunk }), {
    problem: undefined,
    missing: false,
    head,
    branch: BRANCH,
    branchCommit: head,
    changed: ["-x\ny", "f", "z z"],
    changedCount: 3,
    untracked: ["a.txt", "dir/ü", "new\nline"],
    untrackedCount: 3,
    stashes: [],
    underWay: undefined,
    ahead: 2,
    behind: 1,
    candidates: [
      { commit: head, parents: [one], subject: "two" },
      { commit: one, parents: [checkout.git("rev-parse", "HEAD~2")], subject: "one" },
    ],
    moreCandidates: false,
    submodules: [],
  });
}

test("a status tells branch, changes, and commits of its own", async () => {
  await tells(git);
});

test("a status in a runtime", async () => {
  await using runtime = await openRuntime({ type: "local", daemon: "never" });
  await tells(runtimeGitPlace(runtime));
});

test("a status changes nothing, and waits for no lock", async () => {
  using scratch = new Scratch();
  const repository = scratch.repository("r");
  const index = join(repository.path, ".git/index");
  utimesSync(join(repository.path, "README.md"), 1, 1);
  const before = repository.gitBytes("ls-files", "--debug").toString();
  const look = async () => await readStatus(git, { path: repository.path, base: null, branch: "main" });
  assert.deepEqual((await look()).changed, []);
  assert.equal(repository.gitBytes("ls-files", "--debug").toString(), before);
  writeFileSync(`${index}.lock`, "");
  assert.deepEqual(((status) => [status.problem, status.changed])(await look()), [undefined, []]);
  utimesSync(`${index}.lock`, 1, 1);
  assert.match((await look()).problem ?? "", /lock .*index\.lock has been held for more than a minute/);
});

test("what is listed is bounded, what is counted is not", async () => {
  using scratch = new Scratch();
  const repository = scratch.repository("r");
  repository.write(Object.fromEntries(Array.from({ length: 1100 }, (_, at) => [`new/${at}`, ""])));
  const status = await readStatus(git, { path: repository.path, base: null, branch: "main" });
  assert.deepEqual([status.untracked.length, status.untrackedCount, status.changedCount], [1000, 1100, 0]);
});

test("commits count as elsewhere when another branch or a remote one has them", async () => {
  using scratch = new Scratch();
  const { base, checkout, gitDir } = workspace(scratch);
  const options = { path: checkout.path, base: gitDir, branch: BRANCH };
  checkout.commit("pushed");
  base.git("update-ref", "refs/remotes/origin/x", BRANCH);
  checkout.commit("forked");
  base.git("branch", "fork", BRANCH);
  checkout.commit("own");
  base.git("tag", "mine", BRANCH);
  base.git("update-ref", "refs/berth/workspaces/1/x", BRANCH);
  assert.deepEqual(subjects(await readStatus(git, options)), ["own"]);
  assert.deepEqual(subjects(await readStatus(git, { ...options, alone: true })), ["own", "forked"]);
  // Of a detached HEAD, and of another branch that it was switched to.
  checkout.git("switch", "-q", "--detach");
  checkout.commit("detached");
  assert.deepEqual(subjects(await readStatus(git, options)), ["detached", "own"]);
  checkout.git("switch", "-q", "-c", "second");
  checkout.commit("second");
  assert.deepEqual(subjects(await readStatus(git, options)), ["second", "detached", "own"]);
});

test("a stash belongs to the checkout in which it was made", async () => {
  using scratch = new Scratch();
  const { base, checkout, gitDir } = workspace(scratch);
  const options = { path: checkout.path, base: gitDir, branch: BRANCH };
  const stash = (repository: TestRepository, message?: string) => {
    repository.write({ f: `${message}\n` });
    repository.git("stash", "push", "-q", ...(message === undefined ? [] : ["-m", message]));
  };
  stash(base, "of the project");
  stash(checkout, "mine: \u001b[31m");
  stash(checkout);
  base.git("switch", "-q", "--detach");
  stash(base, "of nobody");
  const status = await readStatus(git, options);
  assert.equal(status.stashes.length, 2);
  assert.match(status.stashes[0] ?? "", /^WIP on feat\/ünï.*: [0-9a-f]+ tracked$/);
  assert.equal(status.stashes[1], `On ${BRANCH}: mine:  [31m`);
  checkout.git("switch", "-q", "-c", "other");
  stash(checkout, "on the other");
  checkout.git("switch", "-q", BRANCH);
  assert.equal((await readStatus(git, options)).stashes.length, 3);
  checkout.git("switch", "-q", "--detach");
  stash(checkout, "detached");
  checkout.git("switch", "-q", BRANCH);
  assert.equal((await readStatus(git, options)).stashes.length, 5);
  assert.equal((await readStatus(git, { ...options, path: base.path, base: null })).stashes.length, 6);
});

test("what is under way", async () => {
  using scratch = new Scratch();
  const { checkout, gitDir } = workspace(scratch);
  const underWay = async () =>
    (await readStatus(git, { path: checkout.path, base: gitDir, branch: BRANCH })).underWay;
  checkout.git("switch", "-q", "-c", "side");
  checkout.commit("side", { f: "side\n" });
  checkout.git("switch", "-q", BRANCH);
  checkout.commit("main", { f: "main\n" });
  for (const operation of ["merge", "rebase", "cherry-pick"]) {
    assert.throws(() => checkout.git(operation, "side"));
    assert.equal(await underWay(), operation);
    checkout.git(operation, "--abort");
  }
  checkout.git("bisect", "start");
  assert.equal(await underWay(), "bisect");
  checkout.git("bisect", "reset");
  checkout.git("format-patch", "-q", "-1", "side", "-o", "..");
  assert.throws(() => checkout.git("am", "../0001-side.patch"));
  assert.equal(await underWay(), "am");
  checkout.git("am", "--abort");
  assert.equal(await underWay(), undefined);
});

test("a checkout that is gone, damaged, or another one's; its commits are found all the same", async () => {
  using scratch = new Scratch();
  const { checkout, gitDir } = workspace(scratch);
  const options = { path: checkout.path, base: gitDir, branch: BRANCH };
  checkout.commit("branch");
  checkout.git("switch", "-q", "--detach");
  checkout.commit("detached");
  const away = join(scratch.path, "away");
  renameSync(checkout.path, away);
  let status = await readStatus(git, options);
  assert.deepEqual([status.missing, status.problem], [true, "the directory is not there"]);
  assert.deepEqual(subjects(status), ["detached", "branch"]);
  assert.equal((await readStatus(git, { ...options, base: null })).missing, true);

  mkdirSync(checkout.path);
  status = await readStatus(git, options);
  assert.deepEqual([status.missing, status.problem], [false, "there is no .git in it"]);
  assert.deepEqual(subjects(status), ["detached", "branch"]);

  writeFileSync(join(checkout.path, ".git"), "gitdir: /nowhere\u001b[31m\n");
  status = await readStatus(git, options);
  assert.match(status.problem ?? "", /^fatal: not a git repository: \/nowhere.\[31m$/);

  rmSync(checkout.path, { recursive: true });
  writeFileSync(checkout.path, "a file");
  assert.match((await readStatus(git, options)).problem ?? "", /no directory/);

  const other = scratch.repository("other");
  status = await readStatus(git, { ...options, path: other.path });
  assert.match(status.problem ?? "", /another repository/);
  assert.deepEqual(status.changed, []);

  renameSync(away, join(scratch.path, "back"));
  writeFileSync(join(gitDir, "worktrees/checkout/index"), "nonsense");
  status = await readStatus(git, { ...options, path: join(scratch.path, "back") });
  assert.match(status.problem ?? "", /^git status: .*index/);
});

test("what a user has set for git's own commands changes nothing", async () => {
  using scratch = new Scratch();
  const { checkout, gitDir } = workspace(scratch);
  for (const [key, value] of [
    ["log.showSignature", "true"],
    ["i18n.logOutputEncoding", "latin1"],
    ["status.showStash", "true"],
    ["status.branch", "true"],
    ["color.ui", "always"],
    ["status.showUntrackedFiles", "no"],
  ] as const) {
    checkout.git("config", key, value);
  }
  checkout.commit("für", { f: "2\n" });
  checkout.write({ f: "3\n", new: "" });
  checkout.git("stash");
  checkout.write({ f: "4\n" });
  const status = await readStatus(git, { path: checkout.path, base: gitDir, branch: BRANCH });
  assert.deepEqual([status.changed, status.untracked, subjects(status)], [["f"], ["new"], ["für"]]);
});

test("a place that answers anything at all", async () => {
  const says = (stdout: string): GitPlace => ({
    ...git,
    run: async () => ({ exitCode: 0, stdout: Buffer.from(stdout), stderr: "" }),
  });
  for (const answer of ["", "nonsense", "sok\0hHEAD\0", "sok\0C--all x\0", "sevil\0"]) {
    await assert.rejects(readStatus(says(answer), { path: "/x", base: null, branch: "main" }), (error) =>
      isBerthError(error, "workspace.git_failed"),
    );
  }
});

test("a repository without a commit", async () => {
  using scratch = new Scratch();
  const empty = scratch.repository("empty", { empty: true });
  empty.write({ new: "" });
  const status = await readStatus(git, { path: empty.path, base: null, branch: "main", alone: true });
  assert.deepEqual([status.head, status.branch, status.branchCommit], [null, "main", null]);
  assert.deepEqual([status.untracked, status.candidates], [["new"], []]);
});

test("changes of files that git was told not to look at are changes", async () => {
  using scratch = new Scratch();
  const { checkout, gitDir } = workspace(scratch);
  const ask = { path: checkout.path, base: gitDir, branch: BRANCH };
  checkout.git("update-index", "--assume-unchanged", "--", "-x\ny");
  checkout.git("update-index", "--skip-worktree", "z z", "f");
  assert.deepEqual((await readStatus(git, ask)).changed, []);
  checkout.write({ "-x\ny": "mine\n", "z z": "mine\n" });
  rmSync(join(checkout.path, "f"));
  const { changed, changedCount, problem } = await readStatus(git, ask);
  assert.deepEqual(
    { changed, changedCount, problem },
    {
      changed: ["-x\ny", "z z"],
      changedCount: 2,
      problem: undefined,
    },
  );
  assert.match(checkout.git("ls-files", "-v"), /^h "-x\\ny"$/m);
});

test("worktrees inside of a checkout go with it, also ignored ones; with the repository all do", async () => {
  using scratch = new Scratch();
  const { base, checkout, gitDir } = workspace(scratch);
  checkout.write({ ".git-trees/.gitignore": "*\n" });
  const inner = checkout.worktree(join(checkout.path, ".git-trees", "in\\ner\n1"), "--detach");
  const beside = checkout.worktree(join(scratch.path, "beside"), "--detach");
  const ask = { path: checkout.path, base: gitDir, branch: BRANCH };
  assert.deepEqual((await readStatus(git, ask)).untracked, []);
  const work = inner.commit("done inside", { f: "2\n" });
  inner.write({ f: "3\n", new: "" });
  beside.commit("done beside");
  beside.write({ new: "" });
  const status = await readStatus(git, ask);
  assert.deepEqual(status.untracked, [".git-trees/in\\ner\n1/f", ".git-trees/in\\ner\n1/new"]);
  assert.deepEqual(subjects(status), ["done inside"]);
  assert.equal(status.candidates[0]?.commit, work);
  // A user's own checkout has its worktrees apart from itself.
  assert.deepEqual((await readStatus(git, { ...ask, path: base.path })).untracked, []);
  const alone = await readStatus(git, { ...ask, alone: true });
  assert.deepEqual(alone.untracked.toSorted(), [...status.untracked, `${beside.path}/new`].toSorted());
  assert.ok(subjects(alone).includes("done beside"));
});

test("with the repository go all stashes; branches that go too, and what Berth sent, prove nothing", async () => {
  using scratch = new Scratch();
  const { checkout, gitDir } = workspace(scratch);
  const ask = { path: checkout.path, base: gitDir, branch: BRANCH };
  const work = checkout.commit("work", { f: "2\n" });
  checkout.git("branch", "fork/1");
  assert.deepEqual(subjects(await readStatus(git, ask)), []);
  assert.deepEqual(subjects(await readStatus(git, { ...ask, doomed: ["other", "fork/1"] })), ["work"]);
  checkout.git("update-ref", "refs/remotes/origin/main", work);
  checkout.git("branch", "--delete", "--force", "fork/1");
  assert.deepEqual(subjects(await readStatus(git, ask)), []);
  assert.deepEqual(subjects(await readStatus(git, { ...ask, sent: "origin/main" })), ["work"]);
  checkout.write({ f: "3\n" });
  checkout.git("stash", "store", "--message", "made by hand", checkout.git("stash", "create"));
  assert.deepEqual((await readStatus(git, ask)).stashes, []);
  assert.deepEqual((await readStatus(git, { ...ask, alone: true })).stashes, ["made by hand"]);
});

test("commits of branches that were checked out here and are left", async () => {
  using scratch = new Scratch();
  const { base, checkout, gitDir } = workspace(scratch);
  const ask = { path: checkout.path, base: gitDir, branch: BRANCH, visited: true };
  checkout.commit("one", { f: "2\n" });
  checkout.git("branch", "--move", "renamed/$(x)");
  checkout.git("switch", "--quiet", "--create", "second", "main");
  checkout.commit("two", { f: "3\n" });
  checkout.git("switch", "--quiet", "--create", "third", "main");
  assert.deepEqual(subjects(await readStatus(git, ask)).toSorted(), ["one", "two"]);
  assert.deepEqual(subjects(await readStatus(git, { ...ask, visited: false })), []);
  base.worktree(join(scratch.path, "another"), "second");
  assert.deepEqual(subjects(await readStatus(git, ask)), ["one"]);
});

test("commits of submodules that are not checked out any more go with a worktree", async () => {
  using scratch = new Scratch();
  const module = scratch.repository("module");
  const { base, checkout, gitDir } = workspace(scratch);
  const anywhere = ["-c", "protocol.file.allow=always", "submodule", "--quiet"];
  checkout.git(...anywhere, "add", module.path, "s/m öd");
  const ask = { path: checkout.path, base: gitDir, branch: BRANCH, trunk: checkout.commit("submodule") };
  const inner = new TestRepository(join(checkout.path, "s/m öd"));
  inner.git("switch", "--quiet", "--create", "fix");
  inner.commit("inside");
  inner.git("switch", "--quiet", "main");
  const found = async () =>
    (await readStatus(git, ask)).submodules.map(({ path, commits }) => [
      path,
      ...commits.map(({ subject }) => subject),
    ]);
  assert.deepEqual(await found(), [["s/m öd", "inside"]]);
  checkout.git("submodule", "--quiet", "deinit", "--all");
  assert.equal(checkout.status(), "");
  assert.deepEqual(await found(), [["s/m öd", "inside"]]);
  assert.deepEqual((await readStatus(git, { ...ask, path: base.path, branch: "main" })).submodules, []);
});
