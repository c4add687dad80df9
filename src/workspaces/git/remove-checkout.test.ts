import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { requireOrSkip } from "../../../test/fixtures/install.ts";
import { ordinaryUser } from "../../../test/fixtures/user.ts";
import { isBerthError } from "../../contract/errors.ts";
import { Bench } from "./checkout.testing.ts";
import { addCheckout } from "./checkout.ts";
import type { GitPlace } from "./git-place.ts";
import { moveCheckout } from "./move-checkout.ts";
import { localGitPlace } from "./places.ts";
import { removeCheckout } from "./remove-checkout.ts";

process.env.GIT_CONFIG_GLOBAL = "/dev/null";
process.env.GIT_CONFIG_SYSTEM = "/dev/null";
const git = localGitPlace();

/** A project with a checkout; `remove` says how to remove it. */
async function made(bench: Bench, { branch = "fix/a", name = "w\n$(x) -f" } = {}) {
  const root = bench.repository("it's a project");
  const gitDir = join(root, ".git");
  const path = join(bench.directory, "places", name);
  const commit = bench.git(root, "rev-parse", "HEAD");
  const add = { gitDir, path, branch, commit, newBranch: true, ownsBase: false, hooks: false };
  await addCheckout(git, add);
  const remove = { gitDir, path, branch, branchCommit: commit, below: bench.directory };
  return { root, gitDir, path, commit, add, remove, places: join(bench.directory, "places") };
}

test("checkout, entry, branch and empty parents go; once more there is nothing to do", async () => {
  using bench = new Bench();
  const { root, remove, gitDir, places } = await made(bench);
  bench.git(root, "config", "branch.fix/a.remote", "origin");
  assert.deepEqual(await removeCheckout(git, remove), { removed: ["checkout", "entry", "branch"], kept: [] });
  assert.deepEqual([existsSync(places), existsSync(join(gitDir, "berth"))], [false, false]);
  assert.equal(existsSync(join(gitDir, "worktrees")), false);
  assert.equal(bench.git(root, "for-each-ref", "--format=%(refname)"), "refs/heads/main");
  assert.equal(bench.git(root, "config", "--list", "--local").includes("fix/a"), false);
  assert.deepEqual(await removeCheckout(git, remove), { removed: [], kept: [] });
});

test("of a directory that was removed by hand only that entry is pruned", async () => {
  using bench = new Bench();
  const { root, remove, path, gitDir } = await made(bench);
  bench.git(root, "worktree", "add", "-q", "-b", "other", join(bench.directory, "other"));
  rmSync(join(bench.directory, "other"), { recursive: true });
  rmSync(path, { recursive: true });
  assert.deepEqual(await removeCheckout(git, remove), { removed: ["entry", "branch"], kept: [] });
  assert.deepEqual(readdirSync(join(gitDir, "worktrees")), ["other"]);
  assert.equal(existsSync(join(bench.directory, "places")), false);
});

test("a checkout that was removed by hand with its parent is forgotten too", async () => {
  using bench = new Bench();
  const { remove, places, gitDir } = await made(bench);
  rmSync(places, { recursive: true });
  assert.deepEqual(await removeCheckout(git, remove), { removed: ["entry", "branch"], kept: [] });
  assert.equal(existsSync(join(gitDir, "worktrees")), false);
});

test("the branch goes only from the commit that it is known at, and never by a protected name", async () => {
  using bench = new Bench();
  const { root, remove, path, commit, add } = await made(bench);
  const next = bench.commit(path, "work", { "b.txt": "b\n" });
  const moved = await removeCheckout(git, remove);
  assert.deepEqual(moved.removed, ["checkout", "entry"]);
  assert.match(moved.kept[0]?.reason ?? "", new RegExp(`^it is at ${next}, and not at ${commit}`));
  assert.equal(bench.git(root, "rev-parse", "fix/a"), next);
  await addCheckout(git, { ...add, branch: "Release/1" });
  const kept = await removeCheckout(git, {
    ...remove,
    branch: "Release/1",
    protection: { patterns: ["release/*"] },
  });
  assert.deepEqual(kept.kept, [{ what: "branch", reason: "Release/1 is a protected branch" }]);
  assert.equal(bench.git(root, "rev-parse", "Release/1"), commit);
});

test("a branch that is checked out elsewhere too stays", async () => {
  using bench = new Bench();
  const { root, remove } = await made(bench);
  const other = join(bench.directory, "other");
  bench.git(root, "worktree", "add", "-q", "--force", other, "fix/a");
  const { removed, kept } = await removeCheckout(git, remove);
  assert.deepEqual(removed, ["checkout", "entry"]);
  assert.deepEqual(kept, [{ what: "branch", reason: `it is checked out in ${other}` }]);
  assert.equal(bench.git(other, "status", "--porcelain=v1", "--branch"), "## fix/a");
});

/** What stands at the path and is not the worktree that is registered there stays, with all that is in it. */
const NOT_OURS: Record<string, (at: Awaited<ReturnType<typeof made>>, bench: Bench) => string> = {
  "a link": ({ path }) => {
    renameSync(path, `${path}2`);
    symlinkSync(`${path}2`, path);
    return `${path}2/a.txt`;
  },
  "a file": ({ path }) => {
    rmSync(path, { recursive: true });
    writeFileSync(path, "precious");
    return path;
  },
  "another repository": ({ path }, bench) => {
    rmSync(join(path, ".git"));
    bench.git(path, "init", "-q");
    return join(path, "a.txt");
  },
  "a directory without .git": ({ path }) => {
    rmSync(join(path, ".git"));
    return join(path, "a.txt");
  },
  "another worktree of the repository": ({ path, root }, bench) => {
    rmSync(path, { recursive: true });
    const other = join(bench.directory, "other");
    bench.git(root, "worktree", "add", "-q", "-b", "other", other);
    renameSync(other, path);
    return join(path, "a.txt");
  },
};

for (const [name, put] of Object.entries(NOT_OURS)) {
  test(`${name} in its place is not removed`, async () => {
    using bench = new Bench();
    const at = await made(bench);
    const precious = put(at, bench);
    const { removed, kept } = await removeCheckout(git, { ...at.remove, force: true });
    assert.equal(removed.includes("checkout"), false);
    assert.equal(kept[0]?.what, "checkout");
    assert.equal(existsSync(precious), true);
  });
}

test("links in it are removed, and not what they lead to", async () => {
  using bench = new Bench();
  const { remove, path, root } = await made(bench);
  symlinkSync(root, join(path, "link"));
  mkdirSync(join(path, "d"));
  symlinkSync("../..", join(path, "d", "up"));
  assert.deepEqual((await removeCheckout(git, remove)).kept, []);
  assert.equal(existsSync(join(root, "a.txt")), true);
});

test("a worktree that somebody locked stays, unless it is forced", async () => {
  using bench = new Bench();
  const { root, remove, path } = await made(bench);
  bench.git(root, "worktree", "lock", "--reason", "on a stick", path);
  await assert.rejects(
    removeCheckout(git, remove),
    (error) => isBerthError(error, "workspace.locked") && /on a stick/.test(error.message),
  );
  assert.equal(existsSync(path), true);
  assert.deepEqual((await removeCheckout(git, { ...remove, force: true })).kept, []);
});

test("a checkout whose repository has gone stays, unless it is forced", async () => {
  using bench = new Bench();
  const { root, remove, path } = await made(bench);
  rmSync(root, { recursive: true });
  const { removed, kept } = await removeCheckout(git, remove);
  assert.deepEqual([removed, kept.length], [[], 1]);
  assert.deepEqual(await removeCheckout(git, { ...remove, force: true }), {
    removed: ["checkout"],
    kept: [],
  });
  assert.equal(existsSync(path), false);
});

test("directories without write permission go; files of others stay, and are named", async (t) => {
  const user = await requireOrSkip(t, () => ordinaryUser({ groups: [] }));
  if (user === undefined) return;
  await using _user = user;
  using bench = new Bench();
  const { remove, path, commit } = await made(bench, { name: "w" });
  const nested = join(path, "cache", "module");
  mkdirSync(nested, { recursive: true });
  writeFileSync(join(nested, "f"), "");
  execFileSync("chown", ["-R", `${user.uid}:${user.gid}`, bench.directory]);
  chmodSync(nested, 0o555);
  chmodSync(join(path, "cache"), 0o500);
  const ids = [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"];
  const asUser: GitPlace = {
    ...git,
    run: (argv, options) => git.run(["setpriv", ...ids, ...argv], options),
  };
  assert.deepEqual((await removeCheckout(asUser, remove)).kept, []);
  assert.equal(existsSync(path), false);

  const { gitDir } = remove;
  await addCheckout(asUser, {
    gitDir,
    path,
    branch: "b",
    commit,
    newBranch: true,
    ownsBase: false,
    hooks: false,
  });
  mkdirSync(join(path, "of root"));
  writeFileSync(join(path, "of root", "f"), "");
  const { removed, kept } = await removeCheckout(asUser, { ...remove, branch: "b" });
  assert.deepEqual(removed, ["checkout", "entry", "branch"]);
  assert.match(
    kept[0]?.reason ?? "",
    /\/of root\/f, of user root, could not be removed; the rest of it is in \//,
  );
});

test("a repository that can't be written is said, and nothing was made", async (t) => {
  const user = await requireOrSkip(t, () => ordinaryUser({ groups: [] }));
  if (user === undefined) return;
  await using _user = user;
  using bench = new Bench();
  const { add } = await made(bench);
  const ids = [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"];
  chmodSync(bench.directory, 0o777);
  const asUser: GitPlace = { ...git, run: (argv, options) => git.run(["setpriv", ...ids, ...argv], options) };
  const path = join(bench.directory, "of the user", "w");
  await assert.rejects(
    addCheckout(asUser, { ...add, path, branch: "b" }),
    (error) => isBerthError(error, "workspace.git_failed") && /Permission denied/.test(error.message),
  );
  assert.equal(existsSync(path), false);
});

test("a checkout moves with its submodules, and what runs in it", async () => {
  using bench = new Bench();
  const library = bench.repository("library");
  const { root, path, gitDir, places, add } = await made(bench, { name: "w" });
  bench.git(path, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library, "lib/a b");
  bench.git(path, "commit", "-qm", "submodule");
  const at = { gitDir, path };
  for (const to of [join(places, "v"), join(bench.directory, "deeper", "and", "deeper")]) {
    assert.equal(await moveCheckout(git, { ...at, to }), to);
    at.path = to;
    assert.equal(bench.git(to, "status", "--porcelain=v1", "--branch"), "## fix/a");
    assert.equal(bench.git(join(to, "lib/a b"), "rev-parse", "--show-toplevel"), join(to, "lib/a b"));
    assert.equal(bench.git(join(to, "lib/a b"), "status", "--porcelain"), "");
    assert.equal(bench.git(root, "worktree", "list").includes(`${to} `), true);
  }
  // It is Berth's at its new path, and no more at the old one.
  assert.equal((await addCheckout(git, { ...add, path: at.path })).checkout, "present");
  assert.equal((await removeCheckout(git, { ...at, below: bench.directory })).removed.length, 2);
});

test("a move takes nobody's place, and nothing that is not the checkout", async () => {
  using bench = new Bench();
  const { root, path, gitDir } = await made(bench, { name: "w" });
  const refused = (code: "workspace.path_taken" | "workspace.missing" | "workspace.locked", to: string) =>
    assert.rejects(moveCheckout(git, { gitDir, path, to }), (error) => isBerthError(error, code));
  await refused("workspace.path_taken", root);
  const to = join(bench.directory, "to");
  mkdirSync(to);
  bench.git(root, "worktree", "lock", path);
  await refused("workspace.locked", to);
  bench.git(root, "worktree", "unlock", path);
  assert.equal(await moveCheckout(git, { gitDir, path, to }), to);
  await refused("workspace.missing", `${to}2`);
  writeFileSync(path, "");
  await refused("workspace.missing", `${to}2`);
});
