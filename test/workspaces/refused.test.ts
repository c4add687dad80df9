import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ErrorCode } from "../../src/index.ts";
import type { CreateOptions } from "../../src/workspaces/api.ts";
import { openRegistry } from "../../src/workspaces/registry/open.ts";
import { bench, refused, snapshot } from "./support.ts";

test("what can't be made changes nothing", async () => {
  await using it = await bench();
  const { workspaces, project, path } = it;
  project.git("branch", "taken");
  project.commit("second");
  mkdirSync(join(path, "plain"));
  const before = await snapshot(it);
  const tries: readonly [ErrorCode, Partial<CreateOptions>][] = [
    ["workspace.name_invalid", { name: ".." }],
    ["workspace.name_invalid", { name: "a b", branch: "x" }],
    ["workspace.name_invalid", { name: "" }],
    ["workspace.branch_invalid", { branch: "a..b" }],
    ["workspace.branch_invalid", { branch: "-x" }],
    ["workspace.branch_in_use", { branch: "main" }],
    ["workspace.branch_exists", { branch: "taken", start: "main" }],
    ["workspace.start_unknown", { start: "nowhere" }],
    ["workspace.start_unknown", { start: "--all" }],
    ["workspace.not_a_project", { project: join(path, "plain") }],
    ["workspace.unsupported", { existing: "relative" }],
    ["workspace.unsupported", { runtime: "local:", start: "main" }],
    ["config.unknown_runtime", { runtime: "nowhere" }],
    ["runtime.uri_invalid", { runtime: "ftp://box" }],
    ["config.invalid", { runtime: { type: "worktree", workspace: "w0123456789" } }],
    ["workspace.unsupported", { start: "HEAD~1", changes: true }],
  ];
  for (const [code, options] of tries) {
    await refused(workspaces.create({ name: "new", project: project.path, ...options }), code);
    assert.equal(await snapshot(it), before, code);
  }
  assert.deepEqual(readdirSync(it.stateDirectory).includes("worktrees"), false);
});

test("a directory that is in the way stays, and nothing else is left", async () => {
  await using it = await bench();
  const { workspaces, project } = it;
  const first = await workspaces.create({ name: "first", project: project.path });
  const before = project.git("for-each-ref");
  const taken = join(first.place?.path ?? "", "..", "taken");
  mkdirSync(join(taken, "work"), { recursive: true });
  await refused(workspaces.create({ name: "taken", project: project.path }), "workspace.path_taken");
  assert.deepEqual(readdirSync(taken), ["work"]);
  assert.equal(project.git("for-each-ref"), before);
  assert.deepEqual(
    (await workspaces.list()).map(({ name }) => name),
    ["first"],
  );
});

test("names: one in a project, whatever the case, and found by project, name and id", async () => {
  await using it = await bench();
  const { workspaces, project, here } = it;
  const fix = await workspaces.create({ name: "Fix", project: project.path });
  await refused(
    workspaces.create({ name: "fix", branch: "other", project: project.path }),
    "workspace.name_taken",
  );
  assert.equal((await workspaces.get("Fix", here)).id, fix.id);
  assert.equal((await workspaces.get(fix.id)).id, fix.id);
  assert.equal((await workspaces.get("shop/Fix")).id, fix.id);
  await refused(workspaces.get("nobody", here), "workspace.unknown");
  const branch = await workspaces.create({ name: "feature/über-$(id)'s", project: project.path });
  assert.deepEqual([branch.name, branch.branch], ["feature-uber-id-s", "feature/über-$(id)'s"]);
});

test("what a workspace's configuration says of its place stays; the rest is validated", async () => {
  await using it = await bench();
  const { workspaces, project, here } = it;
  await workspaces.create({ name: "fix", project: project.path });
  for (const [field, value] of Object.entries({ type: "ssh", workdir: "/", baseDir: "/x", host: "box" })) {
    const refusal = await refused(
      workspaces.setConfig("fix", { [field]: value }, here),
      "workspace.config_immutable",
    );
    assert.equal(refusal.context.field, field);
  }
  await refused(workspaces.setConfig("fix", { env: { "A B": "x" } }, here), "config.invalid");
  assert.deepEqual(await workspaces.config("fix", here), { type: "worktree" });
  await workspaces.setConfig("fix", { env: { SET: "yes" }, daemon: "never" }, here);
  await using runtime = await workspaces.open("fix", here);
  assert.equal((await runtime.exec('printf %s "$SET $BERTH_WORKSPACE $BERTH_BRANCH"')).stdout, "yes fix fix");
  assert.deepEqual(await workspaces.setConfig("fix", { env: undefined }, here), {
    type: "worktree",
    daemon: "never",
  });
});

test("a configuration of a type that is not known yet is kept and shown, and opened by nobody", async () => {
  await using it = await bench();
  const { workspaces, project, here, stateDirectory } = it;
  const fix = await workspaces.create({ name: "fix", project: project.path });
  const runtime = { type: "sandbox", size: { cpus: 3 }, since: "2030" };
  await using registry = await openRegistry(stateDirectory);
  await registry.update(fix.id, { runtime });
  assert.deepEqual((await workspaces.list())[0]?.runtime, runtime);
  assert.deepEqual(await workspaces.config("fix", here), runtime);
  await refused(workspaces.open("fix", here), "runtime.type_unsupported");
  await refused(workspaces.setConfig("fix", { since: "2031" }, here), "runtime.type_unsupported");
  await refused(workspaces.delete("fix", here), "runtime.type_unsupported");
  await workspaces.delete("fix", { ...here, force: true });
  assert.deepEqual(await workspaces.list(), []);
});
