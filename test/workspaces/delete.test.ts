import assert from "node:assert/strict";
import { chmodSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { requireOrSkip } from "../fixtures/install.ts";
import { waitFor } from "../fixtures/process.ts";
import { sshBench } from "../ssh/support.ts";
import { aMinutePasses, type Bench, bench, COMMIT, refused, shell } from "./support.ts";

const RUNTIME = { type: "worktree", daemon: "never" } as const;

function branches({ project }: Bench): string[] {
  return project.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split("\n");
}

test("commits that are nowhere else are named; merged ones, also squashed, are none", async () => {
  await using it = await bench();
  const { workspaces, project, here } = it;
  await workspaces.create({ name: "fix", runtime: RUNTIME, project: project.path });
  await shell(
    it,
    "fix",
    `echo one > one && git add . && ${COMMIT} -m 'first part' && echo two >> one && git add . && ${COMMIT} -m 'second part'`,
  );
  const refusal = await refused(workspaces.delete("fix", here), "workspace.would_lose_work");
  assert.match(refusal.message, /2 commits \(\w+ second part, \w+ first part\)/);
  assert.match(refusal.hint ?? "", /^To keep it: --keep-branch leaves the commits/);
  assert.doesNotMatch(refusal.hint ?? "", /pull|apply/);
  assert.equal((await workspaces.get("fix", here)).state, "ready");
  project.commit("both, squashed", { one: "one\ntwo\n" });
  const { removed } = await workspaces.delete("fix", here);
  assert.equal(removed.length, 2);
  assert.deepEqual(branches(it), ["main"]);
});

test("a stash and a merge under way are work", async () => {
  await using it = await bench();
  const { workspaces, project, here } = it;
  await workspaces.create({ name: "fix", runtime: RUNTIME, project: project.path });
  await shell(it, "fix", "echo x > src/a.txt && git -c user.name=dev -c user.email=dev@example.com stash -q");
  const refusal = await refused(workspaces.delete("fix", here), "workspace.would_lose_work");
  assert.match(refusal.message, /1 stash/);
  await workspaces.delete("fix", { ...here, force: true });
});

test("protected branches, branches of the user's own and kept ones stay", async () => {
  await using it = await bench();
  const { workspaces, project, here } = it;
  project.commit("settings", {
    "berth.yaml": 'workspaces:\n  branchPrefix: "agent/"\n  protectedBranches: ["release/**"]\n',
  });
  project.git("branch", "own");
  for (const [name, branch] of [
    ["release", "release/1"],
    ["own", "own"],
    ["kept", "kept"],
    ["gone", undefined],
  ] as const) {
    const options = branch === undefined ? {} : { branch };
    const made = await workspaces.create({ name, ...options, runtime: RUNTIME, project: project.path });
    assert.equal(made.branch, branch ?? "agent/gone");
    await workspaces.delete(name, { ...here, keepBranch: name === "kept" });
  }
  assert.deepEqual(branches(it), ["kept", "main", "own", "release/1"]);
});

test("a checkout that was removed by hand is told, and forgotten without force when nothing was in it", async () => {
  await using it = await bench();
  const { workspaces, project, here } = it;
  const fix = await workspaces.create({ name: "fix", runtime: RUNTIME, project: project.path });
  rmSync(fix.place?.path ?? "", { recursive: true });
  assert.match((await workspaces.status("fix", here)).problem ?? "", /not there/);
  const [finding] = await workspaces.doctor();
  assert.equal(finding?.workspace, "fix");
  assert.ok(finding?.remedy);
  await workspaces.garbage();
  assert.equal((await workspaces.list()).length, 1);
  await workspaces.delete("fix", here);
  assert.deepEqual(branches(it), ["main"]);
});

test("what was adopted stays as it is", async () => {
  await using it = await bench();
  const { workspaces, project, here, path } = it;
  const checkout = project.worktree(join(path, "there"), "-b", "theirs");
  checkout.write({ new: "new" });
  const adopted = await workspaces.create({
    name: "there",
    existing: checkout.path,
    runtime: RUNTIME,
    project: project.path,
  });
  assert.deepEqual([adopted.branch, adopted.ownsCheckout, adopted.ownsBranch], ["theirs", false, false]);
  assert.deepEqual((await workspaces.status("there", here)).untracked, ["new"]);
  const local = await workspaces.create({
    name: "local",
    runtime: { type: "local", daemon: "never" },
    project: project.path,
  });
  assert.equal(await shell(it, "local", "pwd"), `${project.path}\n`);
  const before = project.git("for-each-ref");
  assert.deepEqual((await workspaces.delete("there", here)).removed, []);
  assert.deepEqual((await workspaces.delete("local", here)).removed, []);
  assert.deepEqual(
    [checkout.status(), project.git("for-each-ref"), local.branch],
    ["?? new\n", before, "main"],
  );
  await refused(
    workspaces.create({
      name: "no",
      existing: join(path, "nowhere"),
      runtime: RUNTIME,
      project: project.path,
    }),
    "workspace.missing",
  );
  assert.deepEqual(await workspaces.list(), []);
});

test("two projects may have a workspace of one name", async () => {
  await using one = await bench();
  await using two = await bench(one);
  for (const { project, workspaces } of [one, two]) {
    await workspaces.create({ name: "fix", runtime: RUNTIME, project: project.path });
  }
  await refused(one.workspaces.get("fix", { directory: "/" }), "workspace.ambiguous");
  assert.equal((await one.workspaces.get("fix", two.here)).project.path, two.project.path);
});

test("a set-up that runs is waited for, and told to whoever wants another one; what runs is ended with the workspace", async () => {
  await using it = await bench();
  const { workspaces, project, here, path } = it;
  const go = join(path, "go");
  await using end = new AsyncDisposableStack();
  end.defer(() => writeFileSync(go, ""));
  writeFileSync(join(project.path, "init"), "");
  project.write({ ".berth/init": `#!/bin/sh\nuntil [ -e '${go}' ]; do sleep 0.05; done\necho went\n` });
  chmodSync(join(project.path, ".berth/init"), 0o755);
  project.commit("init");
  const making = workspaces.create({
    name: "fix",
    runtime: { type: "worktree" },
    project: project.path,
    trust: true,
  });
  const other = await it.another();
  await waitFor("the set-up", async () => (await other.list())[0]?.state === "initializing");
  await refused(other.init("fix", here), "workspace.init_running");
  await refused(other.delete("fix", here), "workspace.busy");
  const opening = other.open("fix", here);
  await using early = await other.open("fix", { ...here, waitForInit: false });
  assert.equal((await early.exec("pwd")).exitCode, 0);
  writeFileSync(go, "");
  assert.deepEqual([(await making).state, (await making).init?.output], ["ready", "went\n"]);
  await using runtime = await opening;
  assert.equal((await workspaces.get("fix", here)).operation, undefined);
  const dev = await runtime.spawn(["sleep", "600"], { name: "dev", detached: true });
  writeFileSync(join((await making).place?.path ?? "", "work"), "");
  const refusal = await refused(workspaces.delete("fix", here), "workspace.would_lose_work");
  assert.deepEqual(refusal.context.processes, ["dev"]);
  await workspaces.delete("fix", { ...here, force: true });
  assert.ok((await dev.exit).signal !== null);
});

test("a workspace whose host is away is forgotten by force, and removed when it is back", async (t) => {
  await using stack = new AsyncDisposableStack();
  const host = await requireOrSkip(t, async () => stack.use(await sshBench()));
  if (host === undefined) return;
  const network = await host.between();
  const it = stack.use(await bench(host));
  const { workspaces, project, here } = it;
  const runtime = host.config({ daemon: "never" });
  const fix = await workspaces.create({ name: "fix", runtime, project: project.path });
  network.refuse(true);
  network.cut();
  const away = { ...here, maxWaitMs: 0 };
  await assert.rejects(workspaces.delete("fix", away));
  assert.equal((await workspaces.get("fix", here)).state, "ready");
  const { kept } = await workspaces.delete("fix", { ...away, force: true });
  assert.match(kept[0]?.reason ?? "", /berth gc removes it later/);
  assert.deepEqual(await workspaces.list(), []);
  assert.equal(existsSync(fix.place?.path ?? ""), true);
  assert.match((await workspaces.doctor())[0]?.problem ?? "", /left of a workspace that is gone/);
  network.refuse(false);
  aMinutePasses();
  assert.ok((await workspaces.garbage()).removed.some(({ what }) => what.includes("fix")));
  assert.equal(existsSync(fix.place?.path ?? ""), false);
  assert.deepEqual(await workspaces.doctor(), []);
});

test("a workspace whose project was removed is forgotten by force, and leaves nothing to be done", async () => {
  await using it = await bench();
  const { workspaces, project } = it;
  const fix = await workspaces.create({ name: "fix", runtime: RUNTIME, project: project.path });
  rmSync(project.path, { recursive: true });
  const { kept } = await workspaces.delete(fix.id, { force: true });
  assert.deepEqual(kept, []);
  assert.equal(existsSync(fix.place?.path ?? ""), false);
  assert.deepEqual(await workspaces.garbage(), { completed: [], removed: [], kept: [] });
});
