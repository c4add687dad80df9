import assert from "node:assert/strict";
import { test } from "node:test";
import { isBerthError } from "../../src/contract/errors.ts";
import { openRegistry } from "../../src/workspaces/registry/open.ts";
import { bench, COMMIT, refused, shell } from "./support.ts";

const RUNTIME = { type: "worktree", daemon: "never" } as const;

test("of two that make a workspace of one name, one does", async () => {
  await using it = await bench();
  const others = [it.workspaces, await it.another(), await it.another()];
  const made = await Promise.allSettled(
    others.map((workspaces, at) =>
      workspaces.create({ name: "fix", branch: `fix-${at}`, runtime: RUNTIME, project: it.project.path }),
    ),
  );
  const done = made.filter(({ status }) => status === "fulfilled");
  assert.equal(done.length, 1, JSON.stringify(made));
  for (const one of made) {
    if (one.status === "fulfilled") continue;
    assert.ok(isBerthError(one.reason), String(one.reason));
    assert.match(one.reason.code, /^workspace\.(?:name_taken|busy)$/);
  }
  assert.equal((await it.workspaces.list()).length, 1);
  assert.equal(it.project.git("worktree", "list").split("\n").length, 2);
  assert.equal(it.project.git("for-each-ref", "refs/heads").split("\n").length, 2);
  assert.deepEqual(await it.workspaces.doctor(), []);
});

test("of two that make a workspace of one branch, one does", async () => {
  await using it = await bench();
  const made = await Promise.allSettled(
    ["one", "two"].map((name) =>
      it.workspaces.create({ name, branch: "same", runtime: RUNTIME, project: it.project.path }),
    ),
  );
  assert.deepEqual(made.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  const [left] = await it.workspaces.list();
  assert.equal((await it.workspaces.status(left?.name ?? "", it.here)).branch, "same");
  assert.equal((await it.workspaces.list()).length, 1);
});

test("a creation and a deletion at once leave all or nothing", async () => {
  await using it = await bench();
  const other = await it.another();
  for (let turn = 0; turn < 3; turn += 1) {
    await Promise.allSettled([
      it.workspaces.create({ name: "fix", runtime: RUNTIME, project: it.project.path }),
      other.delete("fix", { ...it.here, force: true }),
    ]);
    const left = await it.workspaces.list();
    assert.equal(it.project.git("worktree", "list").split("\n").length, 1 + left.length);
    assert.equal(it.project.git("for-each-ref", "refs/heads").split("\n").length, 1 + left.length);
    assert.deepEqual(await it.workspaces.doctor(), []);
  }
});

test("ten forks at once", async () => {
  await using it = await bench();
  const { workspaces, project, here } = it;
  await workspaces.create({ name: "base", runtime: RUNTIME, project: project.path });
  const names = Array.from({ length: 10 }, (_, at) => `fork-${at}`);
  const forks = await Promise.all(names.map((name) => workspaces.fork("base", { ...here, name })));
  assert.deepEqual(
    forks.map(({ state }) => state),
    names.map(() => "ready"),
  );
  assert.equal(project.git("worktree", "list").split("\n").length, 12);
  await Promise.all(names.map((name) => workspaces.delete(name, here)));
  assert.equal((await workspaces.list()).length, 1);
  assert.equal(project.git("for-each-ref").split("\n").length, 2);
});

test("of two deletions at once of workspaces that have the same commit, one is refused", async () => {
  await using it = await bench();
  const { workspaces, project, here } = it;
  const other = await it.another();
  for (let turn = 0; turn < 3; turn += 1) {
    await workspaces.create({ name: "a", runtime: RUNTIME, project: project.path });
    await shell(it, "a", `${COMMIT} --allow-empty -m work`);
    await workspaces.fork("a", { name: "b", ...here });
    const commit = project.git("rev-parse", "a");
    const done = await Promise.allSettled([workspaces.delete("a", here), other.delete("b", here)]);
    assert.deepEqual(done.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    assert.match(project.git("branch", "--contains", commit), /^\+ [ab]$/);
    for (const { name } of await workspaces.list()) await workspaces.delete(name, { ...here, force: true });
  }
});

test("a fork that is half made is no place where work is safe", async () => {
  await using it = await bench();
  const { workspaces, project, here } = it;
  await workspaces.create({ name: "a", runtime: RUNTIME, project: project.path });
  await shell(it, "a", `${COMMIT} --allow-empty -m work`);
  const { id } = await workspaces.fork("a", { name: "b", ...here });
  const registry = await openRegistry(it.stateDirectory);
  await using _registry = registry;
  await registry.update(id, { state: "creating" });
  await refused(workspaces.delete("a", here), "workspace.would_lose_work");
  await registry.update(id, { state: "ready" });
  await workspaces.delete("a", here);
  assert.match(project.git("branch", "--list", "b"), /b$/);
});

test("a name is taken back from a move that was cut", async () => {
  await using it = await bench();
  const { workspaces, project, here } = it;
  const { id, place } = await workspaces.create({ name: "a", runtime: RUNTIME, project: project.path });
  const path = place?.path ?? "";
  await using registry = await openRegistry(it.stateDirectory);
  await registry.journal(id).plan({ kind: "directory", place: { ...place, path: `${path}2` } });
  await registry.update(id, { name: "a2" });
  project.git("worktree", "move", path, `${path}2`);
  assert.equal((await workspaces.rename("a2", "a", here)).place?.path, path);
  assert.deepEqual(await registry.journal(id).entries(), []);
  assert.deepEqual(await workspaces.garbage(), { completed: [], removed: [], kept: [] });
  assert.equal((await workspaces.status("a", here)).problem, undefined);
});
