import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Bench, bench, refused, shell } from "./support.ts";

/** A project whose every hook leaves a mark. */
function withHooks({ project, path }: Bench): string {
  const mark = join(path, "mark");
  const script = `#!/bin/sh\necho "$0" >> '${mark}'\n`;
  for (const directory of [".git/hooks", "hooks"]) {
    for (const hook of [
      "post-checkout",
      "post-merge",
      "pre-commit",
      "reference-transaction",
      "post-index-change",
    ]) {
      const file = join(project.path, directory, hook);
      mkdirSync(join(file, ".."), { recursive: true });
      writeFileSync(file, script);
      chmodSync(file, 0o755);
    }
  }
  project.write({ ".berth/init": script });
  chmodSync(join(project.path, ".berth/init"), 0o755);
  project.git("-c", "core.hooksPath=/dev/null", "add", ".");
  project.git("-c", "core.hooksPath=/dev/null", "commit", "-qm", "hooks");
  project.git("config", "core.fsmonitor", join(project.path, "hooks/post-merge"));
  return mark;
}

for (const path of [undefined, "hooks"]) {
  test(`hooks of a project that is not trusted never run, core.hooksPath: ${path}`, async () => {
    await using it = await bench();
    const { workspaces, project, here } = it;
    const mark = withHooks(it);
    if (path !== undefined) project.git("config", "core.hooksPath", join(project.path, path));
    const runtime = { type: "worktree", daemon: "never" } as const;
    const fix = await workspaces.create({ name: "fix", runtime, project: project.path });
    assert.deepEqual([fix.state, fix.init?.skipped], ["ready", "untrusted"]);
    assert.ok(it.events.some(({ type }) => type === "workspace.hooks_disabled"));
    await workspaces.status("fix", here);
    await workspaces.fork("fix", { name: "fork", ...here });
    await workspaces.init("fix", here);
    await workspaces.pull("fix", here);
    for await (const _ of workspaces.diff("fix", here));
    await shell(
      it,
      "fix",
      "git checkout -q -b other && git -c user.name=dev -c user.email=dev@example.com commit -q --allow-empty -m x && git checkout -q fix",
    );
    await workspaces.delete("fork", { ...here, force: true });
    await workspaces.doctor();
    assert.equal(existsSync(mark), false);

    await workspaces.trust(project.path, true);
    const init = await workspaces.init("fix", here);
    assert.deepEqual([init.exit?.exitCode, init.skipped, existsSync(mark)], [0, undefined, true]);
    await workspaces.trust(project.path, false);
    assert.equal((await workspaces.init("fix", here)).skipped, "untrusted");
    await workspaces.delete("fix", { ...here, force: true });
  });
}

test("a set-up that fails leaves the workspace usable, and is repeated", async () => {
  await using it = await bench();
  const { workspaces, project, here } = it;
  project.write({
    ".berth/init":
      '#!/bin/sh\necho told; echo "$BERTH_WORKSPACE $BERTH_BRANCH $BERTH_PROJECT $BERTH_TRUNK"; test -e done\n',
  });
  chmodSync(join(project.path, ".berth/init"), 0o755);
  project.commit("init");
  let heard = "";
  const fix = await workspaces.create({
    name: "fix",
    runtime: { type: "worktree", daemon: "never" },
    project: project.path,
    trust: true,
    onOutput: (chunk) => {
      heard += Buffer.from(chunk).toString();
    },
  });
  assert.deepEqual(
    [fix.state, fix.init?.exit?.exitCode, fix.init?.output],
    ["init_failed", 1, "told\nfix fix shop main\n"],
  );
  assert.equal(heard, "told\nfix fix shop main\n");
  await shell(it, "fix", "touch done");
  assert.equal((await workspaces.init("fix", here)).exit?.exitCode, 0);
  assert.equal((await workspaces.get("fix", here)).state, "ready");
  const types = (await workspaces.history("fix", here)).map(({ type }) => type);
  assert.deepEqual(types, ["workspace.created", "workspace.init_failed", "workspace.ready"]);
  const later = await workspaces.create({ name: "later", project: project.path, skipInit: true });
  assert.deepEqual([later.state, later.init], ["ready", undefined]);
});

test("a place of the project's berth.yaml that opens this machine needs trust", async () => {
  await using it = await bench();
  const { workspaces, project, here, path } = it;
  const mark = join(path, "mark");
  const settings = join(path, "ssh_config");
  writeFileSync(settings, `Host *\n  ProxyCommand touch '${mark}'\n`);
  const file = `runtimes:
  config: { type: ssh, host: box, configFile: "${settings}" }
  password: { type: ssh, host: box, password: { command: [touch, "${mark}"] } }
  agent: { type: ssh, host: box, forwardAgent: true }
  mounts: { type: docker, image: none, mounts: [{ source: /, target: /host }] }
  network: { type: docker, image: none, network: host }
  env: { type: worktree, daemon: never, env: { PATH: "${path}" } }
  quiet: { type: worktree, daemon: never }
workspaces: { runtime: config }
`;
  project.commit("settings", { "berth.yaml": file });
  const create = { name: "fix", project: project.path };
  await refused(workspaces.create(create), "workspace.not_trusted");
  for (const runtime of ["config", "password", "agent", "mounts", "network", "env"]) {
    await refused(workspaces.create({ ...create, runtime }), "workspace.not_trusted");
  }
  assert.deepEqual(await workspaces.list(), []);
  await workspaces.create({ ...create, runtime: "quiet" });
  await refused(
    workspaces.fork("fix", { name: "fork", runtime: "config", ...here }),
    "workspace.not_trusted",
  );
  // What somebody writes into a command or a program is that person's own.
  const own = { type: "worktree", daemon: "never", env: { A: "b" } } as const;
  await workspaces.create({ ...create, name: "own", runtime: own });
  project.git("rm", "-q", "berth.yaml");
  writeFileSync(join(path, "berth.yaml"), file.replace("env: { PATH", "env: { A"));
  await workspaces.create({ ...create, name: "above", runtime: "env" });
});
