import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../../contract/errors.ts";
import { Bench, ownBase, project } from "./checkout.testing.ts";
import { addCheckout } from "./checkout.ts";
import { moveCheckout } from "./move-checkout.ts";
import { localGitPlace } from "./places.ts";
import { removeCheckout } from "./remove-checkout.ts";

process.env.GIT_CONFIG_GLOBAL = "/dev/null";
process.env.GIT_CONFIG_SYSTEM = "/dev/null";
const git = localGitPlace();

test("ten at once into one base", async () => {
  using bench = new Bench();
  const { base, options } = ownBase(bench);
  const all = Array.from({ length: 10 }, (_, index) => ({
    ...options,
    branch: `forks/${index}`,
    path: join(bench.directory, "places", `f${index}`),
    upstream: "main",
    origin: "https://127.0.0.1/project",
  }));
  const made = await Promise.all(all.map((one) => addCheckout(git, one)));
  assert.deepEqual(new Set(made.map(({ checkout }) => checkout)), new Set(["made"]));
  for (const { path, branch } of all)
    assert.equal(bench.git(path, "symbolic-ref", "--short", "HEAD"), branch);
  assert.equal(bench.git(base, "config", "--get-regexp", "^branch\\.forks.*merge$").split("\n").length, 10);
  assert.equal(bench.git(base, "config", "--get-all", "remote.origin.url"), "https://127.0.0.1/project");
});

test("made and removed at once by many, with empty parents that come and go, nothing is left", async () => {
  using bench = new Bench();
  const { base, options } = ownBase(bench);
  const before = readdirSync(base).sort();
  const cycle = async (index: number) => {
    const path = join(bench.directory, "places", `f${index}`);
    for (const round of [0, 1, 2]) {
      const add = {
        ...options,
        branch: `forks/${index}`,
        path,
        upstream: "main",
        origin: "https://127.0.0.1/x",
      };
      await addCheckout(git, { ...add, hooks: round % 2 === 0, hooksPath: ".husky" });
      const { gitDir, branch, commit } = add;
      const to = `${path}-moved`;
      const at = round === 1 ? await moveCheckout(git, { gitDir, path, to }) : path;
      const remove = { gitDir, path: at, branch, branchCommit: commit ?? undefined, below: bench.directory };
      assert.deepEqual(await removeCheckout(git, remove), {
        removed: ["checkout", "entry", "branch"],
        kept: [],
      });
    }
  };
  await Promise.all(Array.from({ length: 6 }, (_, index) => cycle(index)));
  assert.deepEqual(readdirSync(base).sort(), before);
  assert.equal(existsSync(join(bench.directory, "places")), false);
  assert.equal(readFileSync(join(base, "config"), "utf8").includes("forks"), false);
});

test("two of the same at once make one", async () => {
  using bench = new Bench();
  const { root, options } = project(bench);
  const both = await Promise.allSettled([addCheckout(git, options), addCheckout(git, options)]);
  const done = both.filter((one) => one.status === "fulfilled").map(({ value }) => value.checkout);
  assert.equal(done.includes("made"), true);
  for (const one of both) {
    if (one.status === "rejected")
      assert.equal(isBerthError(one.reason, "workspace.busy"), true, String(one.reason));
  }
  assert.equal(
    bench
      .git(root, "worktree", "list")
      .split("\n")
      .filter((line) => line.includes("/places/")).length,
    1,
  );
});

test("a lock of git that nobody lets go is told, and the next call goes on behind it", async () => {
  using bench = new Bench();
  const { root, options } = project(bench);
  writeFileSync(join(options.gitDir, "config.lock"), "");
  const add = { ...options, upstream: "main", origin: "https://127.0.0.1/x" };
  await assert.rejects(addCheckout(git, add), (error) => {
    return isBerthError(error, "workspace.locked") && String(error.context.path).endsWith(".git/config.lock");
  });
  rmSync(join(options.gitDir, "config.lock"));
  assert.equal((await addCheckout(git, add)).branchMade, true);
  assert.equal(bench.git(root, "config", "branch.fix/a.remote"), "origin");
});
