import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Bench } from "./checkout.testing.ts";
import { addCheckout } from "./checkout.ts";
import { localGitPlace } from "./places.ts";
import { inspectCheckout, repairCheckout } from "./repair-checkout.ts";

process.env.GIT_CONFIG_GLOBAL = "/dev/null";
process.env.GIT_CONFIG_SYSTEM = "/dev/null";
const git = localGitPlace();

async function made(bench: Bench) {
  const project = bench.repository("it's a\nproject");
  const gitDir = join(project, ".git");
  const path = join(bench.directory, "places", "w");
  const commit = bench.git(project, "rev-parse", "HEAD");
  const at = { gitDir, path, branch: "fix/a" };
  await addCheckout(git, { ...at, commit, newBranch: true, ownsBase: false, hooks: false });
  writeFileSync(join(path, "a.txt"), "changed\n");
  const entry = join(gitDir, "worktrees", "w");
  return { ...at, project, commit, entry };
}

type Made = Awaited<ReturnType<typeof made>>;

const kinds = async (at: Made) => (await inspectCheckout(git, at)).map(({ kind }) => kind);

/** Damaged, told as what it is, set right, and the work is still there. */
const REPAIRED: Record<string, { readonly damage: (at: Made, bench: Bench) => void; readonly kind: string }> =
  {
    "an empty .git file": {
      kind: "git_file_damaged",
      damage: ({ path }) => writeFileSync(join(path, ".git"), ""),
    },
    "a removed .git file": { kind: "git_file_damaged", damage: ({ path }) => rmSync(join(path, ".git")) },
    "a .git file that is a link": {
      kind: "git_file_damaged",
      damage: ({ path }, { directory }) => {
        writeFileSync(join(directory, "precious"), "precious");
        rmSync(join(path, ".git"));
        symlinkSync(join(directory, "precious"), join(path, ".git"));
      },
    },
    "a pruned entry": {
      kind: "entry_missing",
      damage: ({ entry }) => rmSync(entry, { recursive: true }),
    },
    "a pruned entry and a lost .git file": {
      kind: "entry_missing",
      damage: ({ entry, path }) => {
        rmSync(entry, { recursive: true });
        rmSync(join(path, ".git"));
      },
    },
    "an empty HEAD": { kind: "head_damaged", damage: ({ entry }) => writeFileSync(join(entry, "HEAD"), "") },
    "an index of zeros": {
      kind: "index_damaged",
      damage: ({ entry }) => writeFileSync(join(entry, "index"), Buffer.alloc(100)),
    },
    "a lost index": { kind: "index_damaged", damage: ({ entry }) => rmSync(join(entry, "index")) },
    "an old index.lock": {
      kind: "lock_stale",
      damage: ({ entry }) => {
        writeFileSync(join(entry, "index.lock"), "");
        utimesSync(join(entry, "index.lock"), 1e9, 1e9);
      },
    },
    "an old config.lock": {
      kind: "lock_stale",
      damage: ({ gitDir }) => {
        writeFileSync(join(gitDir, "config.lock"), "");
        utimesSync(join(gitDir, "config.lock"), 1e9, 1e9);
      },
    },
  };

for (const [name, { damage, kind }] of Object.entries(REPAIRED)) {
  test(`${name} is told and repaired`, async () => {
    using bench = new Bench();
    const at = await made(bench);
    assert.deepEqual(await kinds(at), []);
    damage(at, bench);
    const [finding, ...more] = await inspectCheckout(git, at);
    assert.deepEqual([finding?.kind, finding?.repairable, more.length], [kind, true, 0]);
    const { repaired, left } = await repairCheckout(git, at);
    assert.deepEqual([repaired.length, left], [1, []]);
    assert.equal(bench.git(at.path, "status", "--porcelain=v1", "--branch"), "## fix/a\n M a.txt");
    assert.equal(
      bench.git(at.project, "worktree", "list", "--porcelain").includes(`worktree ${at.path}\n`),
      true,
    );
    assert.deepEqual(await repairCheckout(git, at), { repaired: [], left: [] });
  });
}

test("a checkout that was moved by hand is known at its new place", async () => {
  using bench = new Bench();
  const at = await made(bench);
  const moved = { ...at, path: join(bench.directory, "moved") };
  renameSync(at.path, moved.path);
  assert.deepEqual(await kinds(at), ["missing"]);
  assert.deepEqual(await kinds(moved), ["moved"]);
  assert.deepEqual((await repairCheckout(git, moved)).left, []);
  assert.equal(bench.git(moved.path, "status", "--porcelain=v1", "--branch"), "## fix/a\n M a.txt");
});

/** Told with what to do, and left alone. */
const LEFT: Record<string, { readonly damage: (at: Made, bench: Bench) => void; readonly kind: string }> = {
  "a removed directory": { kind: "missing", damage: ({ path }) => rmSync(path, { recursive: true }) },
  "a removed parent": {
    kind: "missing",
    damage: ({ path }) => rmSync(join(path, ".."), { recursive: true }),
  },
  "a removed repository": {
    kind: "base_missing",
    damage: ({ project }) => rmSync(project, { recursive: true }),
  },
  "a link": {
    kind: "not_a_directory",
    damage: ({ path }) => {
      renameSync(path, `${path}2`);
      symlinkSync(`${path}2`, path);
    },
  },
  "another repository": {
    kind: "not_a_worktree",
    damage: ({ path }, bench) => {
      rmSync(join(path, ".git"));
      bench.git(path, "init", "-q");
    },
  },
  "a locked worktree": {
    kind: "locked",
    damage: ({ path }, bench) => bench.git(path, "worktree", "lock", "--reason", "on a stick", path),
  },
  "a fresh index.lock": {
    kind: "lock_held",
    damage: ({ entry }) => writeFileSync(join(entry, "index.lock"), ""),
  },
  "a branch that is elsewhere by now": {
    kind: "entry_missing",
    damage: ({ project, entry }, bench) => {
      rmSync(entry, { recursive: true });
      bench.git(project, "checkout", "-q", "fix/a");
    },
  },
};

for (const [name, { damage, kind }] of Object.entries(LEFT)) {
  test(`${name} is told and left`, async () => {
    using bench = new Bench();
    const at = await made(bench);
    damage(at, bench);
    assert.deepEqual(await kinds(at), [kind]);
    const { repaired, left } = await repairCheckout(git, at);
    assert.deepEqual([repaired, left.map((finding) => finding.kind)], [[], [kind]]);
    assert.equal((left[0]?.problem.length ?? 0) > 0 && (left[0]?.remedy.length ?? 0) > 0, true);
  });
}

test("a copy of a checkout is told from one that was moved", async () => {
  using bench = new Bench();
  const at = await made(bench);
  const copy = { ...at, path: `${at.path}2` };
  cpSync(at.path, copy.path, { recursive: true });
  assert.deepEqual(await kinds(copy), ["copied"]);
  assert.deepEqual((await repairCheckout(git, copy)).repaired, []);
  assert.deepEqual(await kinds(at), []);
});

/** Ended with the test, also where that fails. */
const killed = (child: ChildProcess): Disposable => ({ [Symbol.dispose]: () => void child.kill("SIGKILL") });

test("a lock that a process has open is that process's, however old", async () => {
  using bench = new Bench();
  const at = await made(bench);
  const lock = join(at.entry, "index.lock");
  const holder = spawn("/bin/sh", ["-c", 'exec 9>"$1"; echo; read -r end', "sh", lock], { stdio: "pipe" });
  using _end = killed(holder);
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  utimesSync(lock, 1e9, 1e9);
  const [finding] = await inspectCheckout(git, at);
  assert.equal(finding?.kind, "lock_held");
  assert.match(finding?.problem ?? "", new RegExp(`by process ${holder.pid}$`));
  assert.deepEqual((await repairCheckout(git, at)).repaired, []);
  const exit = new Promise((resolve) => holder.once("exit", resolve));
  holder.stdin.end();
  await exit;
  assert.deepEqual((await repairCheckout(git, at)).left, []);
});

test("a git that works in the checkout holds its locks", async () => {
  using bench = new Bench();
  const at = await made(bench);
  mkdirSync(join(at.path, "sub"));
  writeFileSync(join(at.entry, "HEAD.lock"), "");
  utimesSync(join(at.entry, "HEAD.lock"), 1e9, 1e9);
  const holder = spawn("git", ["cat-file", "--batch"], { cwd: join(at.path, "sub"), stdio: "pipe" });
  using _end = killed(holder);
  holder.stdin.write("HEAD\n");
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  assert.deepEqual(await kinds(at), ["lock_held"]);
  const exit = new Promise((resolve) => holder.once("exit", resolve));
  holder.stdin.end();
  await exit;
  assert.deepEqual(await kinds(at), ["lock_stale"]);
});
