import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { isAlive, waitFor } from "../../../test/fixtures/process.ts";
import { Bench } from "./checkout.testing.ts";
import { addCheckout } from "./checkout.ts";
import type { GitPlace } from "./git-place.ts";
import { moveCheckout } from "./move-checkout.ts";
import { localGitPlace } from "./places.ts";
import { removeCheckout } from "./remove-checkout.ts";

process.env.GIT_CONFIG_GLOBAL = "/dev/null";
process.env.GIT_CONFIG_SYSTEM = "/dev/null";
const git = localGitPlace();

const LONG = process.env.BERTH_LONG === "1";

/** Every program that the scripts change anything with. */
const PROGRAMS = ["git", "mkdir", "rm", "rmdir", "mv"];

/**
 * Stands before a program: counts the calls, and at the one that is asked for kills the script with SIGKILL, before or
 * behind it. The script is the process that has the claim, or the caller, until there is one.
 */
const WRAPPER = `#!/bin/sh
count=$(cat "$CUT_COUNT" 2>/dev/null || echo 0)
count=$((count + 1))
echo $count > "$CUT_COUNT"
script=$PPID
for claim in "$CUT_BASE"/berth/*.claim; do [ -f "$claim" ] && read -r script start < "$claim"; done
[ "$count $CUT_WHERE" = "$CUT_AT before" ] && kill -9 "$script" && exit 1
REAL "$@"
code=$?
[ "$count" = "$CUT_AT" ] && kill -9 "$script"
exit $code
`;

class Cutter {
  readonly #bin: string;
  readonly #count: string;
  constructor(bench: Bench) {
    this.#bin = join(bench.directory, "bin");
    this.#count = join(bench.directory, "count");
    mkdirSync(this.#bin);
    for (const program of PROGRAMS) {
      const real = execFileSync("/bin/sh", ["-c", `command -v ${program}`], { encoding: "utf8" }).trim();
      const text = WRAPPER.replace("REAL", real);
      writeFileSync(join(this.#bin, program), text, { mode: 0o755 });
    }
  }

  /** This machine, where the script is killed at call `at`; Infinity only counts. */
  place(base: string, at: number, where: "before" | "behind"): GitPlace {
    rmSync(this.#count, { force: true });
    const env = {
      PATH: `${this.#bin}:${process.env.PATH}`,
      CUT_COUNT: this.#count,
      CUT_BASE: base,
      CUT_AT: String(at),
      CUT_WHERE: where,
    };
    return {
      description: git.description,
      run: (argv, options) => git.run(argv, { ...options, env: { ...options?.env, ...env } }),
      stream: (argv, options) => git.stream(argv, { ...options, env: { ...options?.env, ...env } }),
    };
  }

  calls(): number {
    return Number(readFileSync(this.#count, "utf8"));
  }
}

/** Made once and copied: the cuts are many. */
const template = new Bench();
const ORIGINAL = template.repository("project", { "a.txt": "a\n", "d/b.txt": "b\n" });
rmSync(join(ORIGINAL, ".git", "hooks"), { recursive: true, force: true });
const COMMIT = template.git(ORIGINAL, "rev-parse", "HEAD");
after(() => template[Symbol.dispose]());

function project(bench: Bench) {
  const root = join(bench.directory, "project");
  cpSync(ORIGINAL, root, { recursive: true });
  const base = join(root, ".git");
  const commit = COMMIT;
  const before = readdirSync(base).sort();
  const places = join(bench.directory, "places");
  const options = { gitDir: base, path: join(places, "w"), branch: "fix/a", commit, newBranch: true };
  return {
    root,
    base,
    commit,
    before,
    places,
    add: { ...options, ownsBase: true, hooks: false, upstream: "main" },
  };
}

type Project = ReturnType<typeof project>;

function complete(bench: Bench, { root, base, add, commit }: Project, path = add.path): void {
  assert.equal(
    bench.git(path, "status", "--porcelain=v2", "--branch"),
    `# branch.oid ${commit}\n# branch.head fix/a\n# branch.upstream origin/main`,
  );
  assert.deepEqual(readdirSync(join(base, "worktrees")), ["w"]);
  assert.equal(bench.git(root, "worktree", "list").split("\n").length, 2);
  assert.deepEqual(readdirSync(join(path, "..")), [path.slice(path.lastIndexOf("/") + 1)]);
  // Nothing but the note that the checkout is Berth's.
  assert.equal(readdirSync(join(base, "berth")).length, 1);
}

function gone(bench: Bench, { root, base, before, places }: Project): void {
  assert.equal(existsSync(places), false);
  assert.equal(bench.git(root, "for-each-ref", "--format=%(refname)"), "refs/heads/main");
  assert.equal(readFileSync(join(base, "config"), "utf8").includes("fix/a"), false);
  const now = readdirSync(base).sort();
  assert.deepEqual(now, before);
}

/** Cuts a call at each of its steps, in a fresh project each: before and behind it in turn, in the long run both. */
async function everywhere(
  prepare: (project: Project) => Promise<unknown>,
  call: (project: Project, place: GitPlace) => Promise<unknown>,
  then: (bench: Bench, project: Project) => Promise<void>,
  sides: readonly ("before" | "behind")[] = ["before", "behind"],
): Promise<number> {
  let calls = 0;
  {
    using bench = new Bench();
    const cutter = new Cutter(bench);
    const made = project(bench);
    await prepare(made);
    await call(made, cutter.place(made.base, Number.POSITIVE_INFINITY, "before"));
    calls = cutter.calls();
  }
  let cut = 0;
  for (let at = 1; at <= calls; at += 1) {
    for (const where of LONG ? sides : sides.slice(at % sides.length, (at % sides.length) + 1)) {
      using bench = new Bench();
      const cutter = new Cutter(bench);
      const made = project(bench);
      await prepare(made);
      const result = await call(made, cutter.place(made.base, at, where)).then(
        () => "done",
        () => "cut",
      );
      if (result === "cut") cut += 1;
      try {
        await then(bench, made);
      } catch (error) {
        throw new Error(`cut ${where} call ${at} (${result})`, { cause: error });
      }
    }
  }
  return cut;
}

const nothing = async () => {};
const add = ({ add: options }: Project, place: GitPlace = git) => addCheckout(place, options);
const remove = ({ add: { gitDir, path, branch }, commit, places }: Project, place: GitPlace = git) =>
  removeCheckout(place, { gitDir, path, branch, branchCommit: commit, below: join(places, "..") });
const target = ({ places }: Project) => join(places, "v");
const move = (made: Project, place: GitPlace = git) =>
  moveCheckout(place, { gitDir: made.base, path: made.add.path, to: target(made) });

test("killed between any two steps, a checkout is completed by the next call", async () => {
  const cut = await everywhere(nothing, add, async (bench, made) => {
    assert.equal((await add(made)).branchMade, true);
    complete(bench, made);
  });
  assert.equal(cut > 10, true, String(cut));
});

test("killed between any two steps, a checkout is removed by the next call, and its branch", async () => {
  const then = async (bench: Bench, made: Project) => {
    assert.deepEqual((await remove(made)).kept, []);
    gone(bench, made);
  };
  assert.equal((await everywhere(nothing, add, then, ["before"])) > 5, true);
});

test("killed between any two steps, a removal is completed by the next one", async () => {
  const cut = await everywhere(add, remove, async (bench, made) => {
    assert.deepEqual((await remove(made)).kept, []);
    gone(bench, made);
  });
  assert.equal(cut > 8, true, String(cut));
});

test("killed between any two steps, a move is completed by the next one", async () => {
  const cut = await everywhere(add, move, async (bench, made) => {
    assert.equal(await move(made), target(made));
    complete(bench, made, target(made));
    assert.equal(await move(made), target(made));
  });
  assert.equal(cut > 4, true, String(cut));
});

/** git itself dies in the middle of the files: a filter kills it, and all above it, at the second one. */
test("killed while git writes the files, a checkout is made again by the next call", async () => {
  using bench = new Bench();
  const made = project(bench);
  const killer = join(bench.directory, "killer");
  writeFileSync(
    killer,
    `#!/bin/sh
cat
[ -e '${bench.directory}/armed' ] || exit 0
rm '${bench.directory}/armed'
read -r script start < "$(echo '${made.base}'/berth/*.claim)"
kill -9 "$script"
pid=$PPID
while [ "$pid" -gt 1 ]; do
  read -r name < "/proc/$pid/comm" || break
  read -r stat < "/proc/$pid/stat"
  [ "$name" = git ] || [ "$name" = sh ] || break
  kill -STOP "$pid"
  all="$pid \${all-}"
  rest=\${stat##*) }
  rest=\${rest#* }
  pid=\${rest%% *}
done
# The outer ones first: none of them lives on to tidy up behind another one.
kill -9 $all
`,
    { mode: 0o755 },
  );
  writeFileSync(join(made.base, "info", "attributes"), "b.txt filter=killer\n");
  bench.git(made.root, "config", "filter.killer.smudge", killer);
  writeFileSync(join(bench.directory, "armed"), "");
  await assert.rejects(add(made));
  const entry = join(made.base, "worktrees", "w");
  assert.equal(readFileSync(join(entry, "locked"), "utf8").trim(), "initializing");
  assert.equal((await add(made)).checkout, "made");
  complete(bench, made);
  await remove(made);
  gone(bench, made);
  // And removed right away.
  writeFileSync(join(bench.directory, "armed"), "");
  await assert.rejects(add(made));
  assert.deepEqual((await remove(made)).kept, []);
  gone(bench, made);
});

test("what an aborted call has left running is waited for by the next one", async () => {
  using bench = new Bench();
  const made = project(bench);
  const { directory } = bench;
  // The filter holds git up until it is let go.
  const filter = `cat; echo on > '${directory}/on'; until [ -e '${directory}/go' ]; do sleep 0.05; done`;
  writeFileSync(join(made.base, "info", "attributes"), "b.txt filter=slow\n");
  bench.git(made.root, "config", "filter.slow.smudge", filter);
  const abort = new AbortController();
  const aborted = addCheckout(git, { ...made.add, signal: abort.signal });
  await waitFor("git writes the files", () => existsSync(join(directory, "on")));
  abort.abort();
  await assert.rejects(aborted, { code: "operation.aborted" });
  const removed = remove(made);
  const claim = join(
    made.base,
    "berth",
    readdirSync(join(made.base, "berth")).find((name) => name.endsWith(".claim")) ?? "",
  );
  const worker = Number(readFileSync(claim, "utf8").split("\n")[1]?.split(" ")[0]);
  assert.equal(isAlive(worker), true);
  assert.equal(await Promise.race([removed.then(() => "removed"), stillWaits(claim, made)]), "waits");
  writeFileSync(join(directory, "go"), "");
  assert.deepEqual((await removed).kept, []);
  gone(bench, made);
});

/** Another script than the one that holds the claim has said that it waits, and git's files are still there. */
async function stillWaits(claim: string, { add: { path } }: Project): Promise<string> {
  const first = (file: string) => readFileSync(file, "utf8").split("\n")[0];
  const next = claim.replace(/claim$/, "next");
  await waitFor("the next one waits", () => first(next) !== first(claim));
  assert.equal(existsSync(path), true);
  return "waits";
}
