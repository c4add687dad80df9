import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Runtime } from "../../src/contract/runtime.ts";
import { type BaseLook, lookAtBase } from "../../src/workspaces/git/base.ts";
import { localGitPlace, runtimeGitPlace, succeed } from "../../src/workspaces/git/places.ts";
import { Scratch, type TestRepository } from "../../src/workspaces/git/repository.testing.ts";
import { listTags } from "../../src/workspaces/git/tags.ts";
import { transfer } from "../../src/workspaces/git/transfer.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { heldBufferBytes } from "../fixtures/memory.ts";
import { sshBench } from "../ssh/support.ts";

process.env.GIT_CONFIG_GLOBAL = "/dev/null";
process.env.GIT_CONFIG_SYSTEM = "/dev/null";
const local = localGitPlace();
const MAIN = "refs/remotes/origin/main";
const BASE = "~/berth/project-123456/.base.git";

function bigProject(scratch: Scratch): { project: TestRepository; commit: string } {
  const project = scratch.repository('a "project"');
  project.git("tag", "--annotate", "--message=m", "v1");
  const files = Array.from({ length: 30 }, (_, at) => [`d/f${at}`, randomBytes(100_000)]);
  const commit = project.commit("3 MB", Object.fromEntries(files) as Record<string, Buffer>);
  return { project, commit };
}

async function objects(runtime: Runtime, gitDir: string, tip: string): Promise<string> {
  const argv = ["git", `--git-dir=${gitDir}`, "rev-list", "--objects", "--no-object-names", tip];
  return (await succeed(runtimeGitPlace(runtime), argv)).split("\n").sort().join("\n");
}

async function isWhole(runtime: Runtime, gitDir: string): Promise<void> {
  const argv = [
    "git",
    `--git-dir=${gitDir}`,
    "fsck",
    "--connectivity-only",
    "--no-dangling",
    "--no-progress",
  ];
  const said = await runtimeGitPlace(runtime).run(argv);
  assert.deepEqual([said.exitCode, said.stdout.toString().replace(/^notice.*\n/, "")], [0, ""], said.stderr);
}

for (const daemon of ["auto", "never"] as const) {
  test(`there and back again over SSH, ${daemon === "auto" ? "with the daemon" : "without a daemon"}`, async (t) => {
    const bench = await requireOrSkip(t, sshBench);
    if (bench === undefined) return;
    await using _bench = bench;
    using scratch = new Scratch();
    const { project, commit } = bigProject(scratch);
    const home = { git: local, gitDir: join(project.path, ".git") };
    const runtime = await bench.open({ daemon });
    const git = runtimeGitPlace(runtime);
    const tags = await listTags(local, home.gitDir);
    const refs = [{ name: MAIN, commit }];
    const lookThere = () =>
      lookAtBase(git, { base: BASE, wanted: [commit], refs: [MAIN], tags, create: true });
    const look = await lookThere();
    assert.equal(look.gitDir, `${look.home}/berth/project-123456/.base.git`);
    const there = { git, gitDir: look.gitDir };
    const sent = await transfer({ from: home, to: there, look, refs, tags });
    assert.ok(sent.bytes > 3_000_000);
    const sorted = project.git("rev-list", "--objects", "--no-object-names", commit).split("\n").sort();
    assert.equal((await objects(runtime, look.gitDir, MAIN)).trim(), sorted.join("\n"));
    assert.equal((await succeed(git, ["git", `--git-dir=${look.gitDir}`, "tag"])).trim(), "v1");
    await isWhole(runtime, look.gitDir);
    const again = await transfer({ from: home, to: there, look: await lookThere(), refs, tags });
    assert.deepEqual([again.bytes, again.refs], [0, 0]);

    // Work that was done there comes home, and only that.
    const script = `cd "$1" && tree=$(git rev-parse "$2^{tree}") &&
git -c user.name=dev -c user.email=dev@example.com commit-tree -p "$2" -m work "$tree"`;
    const work = (await succeed(git, ["/bin/sh", "-c", script, "sh", look.gitDir, commit])).trim();
    await succeed(git, ["git", `--git-dir=${look.gitDir}`, "update-ref", "refs/heads/work", work]);
    const homeLook = await lookAtBase(local, { base: home.gitDir, wanted: [work], create: false });
    const homeRefs = [{ name: "refs/berth/home/work", commit: work }];
    const got = await transfer({ from: there, to: home, look: homeLook, refs: homeRefs, untrusted: true });
    assert.ok(got.bytes > 0 && got.bytes < 1_000);
    assert.equal(project.git("rev-parse", "refs/berth/home/work~1"), commit);
  });

  test(`cut connections, ${daemon === "auto" ? "with the daemon" : "without a daemon"}`, async (t) => {
    const bench = await requireOrSkip(t, sshBench);
    if (bench === undefined) return;
    await using _bench = bench;
    using scratch = new Scratch();
    const { project, commit } = bigProject(scratch);
    const home = { git: local, gitDir: join(project.path, ".git") };
    const network = await bench.between({ up: { bytesPerSecond: 20_000_000 } });
    const runtime = await bench.open({ daemon });
    const git = runtimeGitPlace(runtime);
    const look = (base: string): Promise<BaseLook> =>
      lookAtBase(git, { base, wanted: [commit], create: true });
    for (const cutAt of [0, 500_000, 2_500_000]) {
      const before = await look(`~/berth/cut-${cutAt}/.base.git`);
      let cut = false;
      const sent = await transfer({
        from: home,
        to: { git, gitDir: before.gitDir },
        look: before,
        refs: [{ name: MAIN, commit }],
        onProgress: (bytes) => {
          if (cut || bytes <= cutAt) return;
          cut = true;
          network.cut();
        },
      });
      assert.ok(cut);
      assert.equal(sent.refs, 1);
      const sorted = project.git("rev-list", "--objects", "--no-object-names", commit).split("\n").sort();
      assert.equal((await objects(runtime, before.gitDir, MAIN)).trim(), sorted.join("\n"));
      await isWhole(runtime, before.gitDir);
    }
  });
}

const inTheLongRun = process.env.BERTH_LONG === "1" ? test : () => {};

inTheLongRun("1 GB there and back, in memory that does not grow with it", async (t: TestContext) => {
  const bench = await requireOrSkip(t, sshBench);
  if (bench === undefined) return;
  await using _bench = bench;
  using scratch = new Scratch();
  const project = scratch.repository("project");
  // Nobody looks for deltas between such files.
  project.git("config", "core.bigFileThreshold", "10m");
  let commit = "";
  for (let part = 0; part < 10; part += 1) {
    commit = project.commit(`part ${part}`, { [`part-${part}`]: randomBytes(100_000_000) });
  }
  const home = { git: local, gitDir: join(project.path, ".git") };
  const runtime = await bench.open();
  const git = runtimeGitPlace(runtime);
  const look = await lookAtBase(git, { base: BASE, wanted: [commit], create: true });
  const there = { git, gitDir: look.gitDir };
  const before = heldBufferBytes();
  let most = 0;
  let nextLook = 0;
  const onProgress = (bytes: number) => {
    if (bytes < nextLook) return;
    nextLook = bytes + 50_000_000;
    most = Math.max(most, heldBufferBytes() - before);
  };
  const refs = [{ name: MAIN, commit }];
  const sent = await transfer({ from: home, to: there, look, refs, onProgress });
  const other = await lookAtBase(local, {
    base: join(scratch.path, "other.git"),
    wanted: [commit],
    create: true,
  });
  nextLook = 0;
  const got = await transfer({
    from: there,
    to: { git: local, gitDir: other.gitDir },
    look: other,
    refs,
    untrusted: true,
    onProgress,
  });
  assert.ok(sent.bytes > 1_000_000_000 && got.bytes > 1_000_000_000);
  assert.ok(most < 30_000_000, `${most} bytes more`);
  await isWhole(runtime, look.gitDir);
});
