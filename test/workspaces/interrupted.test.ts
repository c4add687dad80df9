import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { RuntimeConfig } from "../../src/contract/config.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { run, waitFor } from "../fixtures/process.ts";
import { type Bench, bench, KINDS, type Kind, refused, shell } from "./support.ts";

const CLIENT = join(import.meta.dirname, "killed-client.ts");
/** Every note of every place takes minutes. */
const LONG = process.env.BERTH_LONG === "1";
const STEP = LONG ? 1 : 3;

/** Whether it came to its end. */
async function dies(
  { stateDirectory, project }: Bench,
  runtime: RuntimeConfig,
  verb: string,
  dieAfter: number,
): Promise<boolean> {
  const orders = { stateDirectory, project: project.path, runtime, verb, dieAfter };
  const { signal, exitCode, stdout, stderr } = await run([process.execPath, CLIENT, JSON.stringify(orders)]);
  if (signal === "SIGKILL") return true;
  assert.equal(exitCode, 0, stderr.toString());
  assert.equal(stdout.toString(), "done\n");
  return false;
}

/** Nothing is there but what belongs to the workspaces. */
async function isTidy({ workspaces, project }: Bench, kind: Kind, others: readonly string[]): Promise<void> {
  const left = await workspaces.list();
  const names = left.map(({ name }) => name).filter((name) => !others.includes(name));
  if (kind.shares) {
    const worktrees = project.git("worktree", "list").split("\n").length;
    assert.equal(worktrees, 1 + left.length);
    const heads = project.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split("\n");
    assert.deepEqual(heads.sort(), ["main", ...others, ...names].sort());
  }
  assert.equal(project.git("for-each-ref", "refs/berth"), "");
  assert.deepEqual(await workspaces.doctor(), []);
}

for (const kind of KINDS.filter(({ title }) => title === "worktree" || LONG)) {
  describe(`killed while it works, ${kind.title}`, () => {
    for (const turn of LONG ? [0, 1] : [0]) {
      test(`a creation, then gc or the same again, starting with ${turn}`, async (t) => {
        await using stack = new AsyncDisposableStack();
        const made = await requireOrSkip(t, () => kind.make(stack));
        if (made === undefined) return;
        const { bench, runtime } = made;
        const { workspaces, project, here } = bench;
        project.write({ "src/a.txt": "changed\n" });
        let deaths = 0;
        for (; await dies(bench, runtime, "create", deaths + 1); deaths += 1) {
          const goOn = (deaths + turn) % 2 === 0 ? "gc" : "again";
          const [left] = await workspaces.list();
          assert.ok(left !== undefined);
          const found = await workspaces.doctor();
          if (left.state === "creating") {
            assert.equal(left.operation?.alive, false);
            assert.match(found[0]?.problem ?? "", /making it did not come to its end/);
            await refused(workspaces.open("fix", here), "workspace.interrupted");
          }
          if (goOn === "gc") {
            const planned = await workspaces.garbage({ dryRun: true });
            assert.ok(left.state !== "creating" || planned.removed.length + planned.completed.length > 0);
            const report = await workspaces.garbage();
            assert.deepEqual(
              report.kept.filter(({ what }) => what !== "fix"),
              [],
            );
          } else {
            await workspaces
              .create({ name: "fix", project: project.path, runtime, changes: true })
              .catch((error) => {
                if (left.state === "creating" || error.code !== "workspace.name_taken") throw error;
              });
          }
          const [now] = await workspaces.list();
          assert.ok(goOn === "gc" || now !== undefined);
          if (now !== undefined) {
            assert.equal(
              await shell(bench, "fix", "git status --porcelain; cat src/a.txt"),
              " M src/a.txt\nchanged\n",
            );
            assert.equal((await workspaces.get("fix", here)).state, "ready");
          }
          await isTidy(bench, kind, []);
          if (now !== undefined) await workspaces.delete("fix", { ...here, force: true });
          await isTidy(bench, kind, []);
        }
        assert.ok(deaths >= 4, `${deaths} notes`);
        await workspaces.delete("fix", { ...here, force: true });
      });
    }

    test("a fork and a deletion, then the same again", async (t) => {
      await using stack = new AsyncDisposableStack();
      const made = await requireOrSkip(t, () => kind.make(stack));
      if (made === undefined) return;
      const { bench, runtime } = made;
      const { workspaces, project, here } = bench;
      await workspaces.create({ name: "base", project: project.path, runtime });
      await shell(bench, "base", "echo changed > src/a.txt");
      for (let at = 1; await dies(bench, runtime, "fork", at); at += STEP) {
        const [, left] = await workspaces.list();
        if (left?.state === "creating") await workspaces.fork("base", { ...here, name: "fix", runtime });
        assert.equal(await shell(bench, "fix", "cat src/a.txt"), "changed\n");
        await isTidy(bench, kind, ["base"]);
        await workspaces.delete("fix", { ...here, force: true });
      }
      for (let at = 1; await dies(bench, runtime, "delete", at); at += STEP) {
        await workspaces.delete("fix", { ...here, force: true });
        await isTidy(bench, kind, ["base"]);
        await workspaces.fork("base", { ...here, name: "fix", runtime });
      }
      await isTidy(bench, kind, ["base"]);
      assert.equal(await shell(bench, "base", "cat src/a.txt"), "changed\n");
    });
  });
}

for (const kind of KINDS.filter(({ title }) => title !== "docker" || LONG)) {
  test(`a creation that is given up leaves nothing, ${kind.title}`, async (t) => {
    await using stack = new AsyncDisposableStack();
    const made = await requireOrSkip(t, () => kind.make(stack));
    if (made === undefined) return;
    const { bench, runtime } = made;
    const { workspaces, project } = bench;
    const before = project.git("for-each-ref");
    project.write({ "src/a.txt": "changed\n" });
    for (const last of ["look", "checkout", "changes"]) {
      const giveUp = new AbortController();
      const creating = workspaces.create({
        name: "fix",
        project: project.path,
        runtime,
        changes: true,
        signal: giveUp.signal,
        onProgress: ({ step }) => {
          if (step === last) giveUp.abort();
        },
      });
      // On this machine there is nothing to look at.
      if (last === "look" && kind.shares)
        await creating.then(() => workspaces.delete("fix", { ...bench.here, force: true }));
      else await refused(creating, "operation.aborted");
      assert.deepEqual(await workspaces.list(), []);
      assert.equal(project.git("for-each-ref"), before);
      assert.equal(project.git("worktree", "list").split("\n").length, 1);
    }
    assert.deepEqual(await workspaces.garbage(), { completed: [], removed: [], kept: [] });
    const { state } = await workspaces.create({ name: "fix", project: project.path, runtime });
    assert.equal(state, "ready");
    if (!kind.shares) {
      // Nothing but that one is there.
      assert.equal(
        await shell(bench, "fix", "cd ../..; ls; ls -A *"),
        `${project.path.split("/").at(-1)}-${(await workspaces.projects())[0]?.id.slice(0, 6)}\n.base.git\nfix\n`,
      );
    }
    await workspaces.delete("fix", { ...bench.here, force: true });
  });
}

test("a set-up whose Berth was killed is taken up by whoever opens the workspace, and runs once", async () => {
  await using it = await bench();
  const { project, path, workspaces, here, stateDirectory } = it;
  const [go, runs] = [join(path, "go"), join(path, "runs")];
  await using end = new AsyncDisposableStack();
  end.defer(() => writeFileSync(go, ""));
  project.write({
    ".berth/init": `#!/bin/sh\necho run >> '${runs}'\nuntil [ -e '${go}' ]; do sleep 0.05; done\necho went\n`,
  });
  chmodSync(join(project.path, ".berth/init"), 0o755);
  project.commit("init");
  await workspaces.trust(project.path, true);
  const runtime = { type: "worktree" };
  const orders = { stateDirectory, project: project.path, runtime, verb: "create", dieAfter: 1000 };
  const client = spawn(process.execPath, [CLIENT, JSON.stringify(orders)], { stdio: "ignore" });
  end.defer(() => {
    client.kill("SIGKILL");
  });
  await waitFor("the set-up", () => existsSync(runs));
  client.kill("SIGKILL");
  await once(client, "exit");
  assert.equal((await workspaces.get("fix", here)).state, "initializing");
  assert.match((await workspaces.doctor())[0]?.problem ?? "", /set-up did not come to its end/);
  assert.deepEqual((await workspaces.garbage()).removed, []);
  const opening = workspaces.open("fix", here);
  await waitFor(
    "somebody to take it up",
    async () => (await workspaces.get("fix", here)).operation?.kind === "init",
  );
  writeFileSync(go, "");
  await using _runtime = await opening;
  const { state, init } = await workspaces.get("fix", here);
  assert.deepEqual([state, init?.output, readFileSync(runs, "utf8")], ["ready", "went\n", "run\n"]);
});
