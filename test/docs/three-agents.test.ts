import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import type { Workspace } from "../../src/contract/workspace.ts";
import { ownerId } from "../../src/runtimes/owner-id.ts";
import { BERTH } from "../cli/berth.ts";
import { workspaceDesk } from "../cli/workspace-desk.ts";
import { dockerEngine } from "../fixtures/docker.ts";
import { image } from "../fixtures/images.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { run } from "../fixtures/process.ts";
import { sshUser } from "../fixtures/ssh-user.ts";
import { sshServer } from "../fixtures/sshd.ts";

const root = join(import.meta.dirname, "../..");

/** What stands for an agent: does its task in a file of its own, says so, and commits. */
const AGENT = `branch=$(git branch --show-current)
echo "$1" > "$branch.txt"
git add . && git commit --quiet -m "$1" && echo "$branch: done in $(uname -n)"`;

test("examples/three-agents.sh: three agents on one repository, in a worktree, a container and on a host", async (t) => {
  const server = await requireOrSkip(t, () => sshServer({ node: true }));
  if (server === undefined) return;
  await using _server = server;
  const engine = await requireOrSkip(t, () => dockerEngine());
  if (engine === undefined) return;
  await using user = await sshUser();
  const runtimes = {
    image: {
      type: "docker",
      image: await image("debian"),
      pull: "never",
      engine: { host: `unix://${engine.socketPath}` },
    },
    box: server.config(user.name),
  };
  await using at = await workspaceDesk({ "berth.yaml": stringify({ runtimes }) });
  // The place on a host names a configuration of ssh.
  await at.ok("trust", "--yes", ".");
  const bin = join(at.directory, "bin");
  await mkdir(bin);
  await writeFile(join(bin, "berth"), `#!/bin/sh\nexec '${process.execPath}' '${BERTH}' "$@"\n`, {
    mode: 0o755,
  });

  const ran = await run([join(root, "examples/three-agents.sh"), "sh", "-c", AGENT, "agent"], {
    cwd: at.project,
    env: { ...at.env, PATH: `${bin}:${process.env.PATH}` },
    deadlineMs: 300_000,
  });
  const said = ran.stdout.toString();
  assert.equal(ran.exitCode, 0, `${said}\n${ran.stderr}`);
  for (const [workspace, place] of [
    ["docs", "worktree"],
    ["fix", "ssh:\\/\\/"],
    ["tests", "docker:\\/\\/berth-my-project-tests-"],
  ]) {
    assert.match(said, new RegExp(`^${workspace} +${workspace} +${place}.* ready `, "m"));
    assert.match(
      said,
      new RegExp(`== ${workspace}\\n${workspace}: done in .*\\n ${workspace}\\.txt \\| 1 \\+`),
    );
  }
  const files = at.git(at.project, "ls-files").split("\n");
  assert.deepEqual(files, ["berth.yaml", "docs.txt", "fix.txt", "readme.txt", "tests.txt"]);
  assert.equal(at.git(at.project, "log", "--format=%an", "-1", "tests.txt"), "Dev");

  // Nothing is left, here or there.
  assert.deepEqual(await at.json<Workspace[]>("ws", "list", "--all"), []);
  assert.equal(at.git(at.project, "worktree", "list", "--porcelain").match(/^worktree /gm)?.length, 1);
  const { docker } = engine;
  const label = [`berth.owner=${await ownerId(at.env.BERTH_HOME ?? "")}`];
  const left = (await docker.listContainers({ all: true, filters: { label } })).flatMap(({ Names }) => Names);
  assert.deepEqual(left, []);
  const { Volumes } = await docker.listVolumes({ filters: { label } });
  assert.deepEqual(Volumes, []);
});
