import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { requireOrSkip } from "../fixtures/install.ts";
import { COMMIT, KINDS, refused, shell } from "./support.ts";

for (const kind of KINDS) {
  describe(`a workspace by ${kind.title}`, () => {
    test("from its creation to its deletion", async (t) => {
      await using stack = new AsyncDisposableStack();
      const made = await requireOrSkip(t, () => kind.make(stack));
      if (made === undefined) return;
      const { bench, runtime } = made;
      const { workspaces, project, here } = bench;
      const before = project.git("for-each-ref");

      const fix = await workspaces.create({ name: "fix", runtime, project: project.path });
      assert.deepEqual([fix.state, fix.branch, fix.ownsBranch], ["ready", "fix", true]);
      assert.equal(fix.startCommit, project.git("rev-parse", "main"));
      assert.equal(fix.operation, undefined);
      assert.equal(
        await shell(bench, "fix", "pwd; git status --porcelain; git rev-parse HEAD"),
        `${fix.place?.path}\n${fix.startCommit}\n`,
      );

      await shell(
        bench,
        "fix",
        `echo more > src/more.txt && git add . && ${COMMIT} -m more && echo changed > src/a.txt && echo new > new.txt`,
      );
      const status = await workspaces.status("fix", here);
      assert.deepEqual([status.changed, status.untracked, status.ahead], [["src/a.txt"], ["new.txt"], 1]);
      assert.deepEqual(
        status.unpublished.map(({ subject }) => subject),
        ["more"],
      );
      const diff = await text(workspaces.diff("fix", { ...here, format: "name-status" }));
      assert.deepEqual(diff, "A\tnew.txt\nM\tsrc/a.txt\nA\tsrc/more.txt\n");

      const fork = await workspaces.fork("fix", { ...here, name: "fork" });
      assert.equal(fork.forkedFrom, fix.id);
      assert.equal(
        await shell(bench, "fork", "git status --porcelain; cat src/a.txt src/more.txt new.txt"),
        " M src/a.txt\n?? new.txt\nchanged\nmore\nnew\n",
      );

      const refusal = await refused(workspaces.delete("fix", here), "workspace.would_lose_work");
      assert.match(refusal.message, /1 changed file \(src\/a\.txt\); 1 untracked file \(new\.txt\)/);
      assert.match(refusal.hint ?? "", /berth workspace apply fix takes/);
      // On a host the fork has the commit, too.
      const lost = refusal.context.commits as string[];
      assert.equal(/workspace pull/.test(refusal.hint ?? ""), !kind.shares && lost.length > 0);
      assert.deepEqual([refusal.context.changed, refusal.context.untracked], [["src/a.txt"], ["new.txt"]]);

      const applied = await workspaces.apply("fix", here);
      assert.deepEqual([...applied.files].sort(), ["new.txt", "src/a.txt"]);
      assert.equal(project.status(), " M src/a.txt\n?? new.txt\n");
      project.git("checkout", "-q", ".");
      project.git("clean", "-fdq");

      const pulled = await workspaces.pull("fix", here);
      assert.equal(pulled.to, project.git("rev-parse", "fix"));
      assert.equal(pulled.commits, kind.shares ? 0 : 1);
      assert.equal(project.git("log", "-1", "--format=%s", "fix"), "more");
      assert.equal(project.status(), "");

      // What came after it goes there.
      if (!kind.shares) {
        const work = project.worktree(`${bench.path}/pushed`, "fix");
        const commit = work.commit("from here", { "src/here.txt": "here\n" });
        assert.equal((await workspaces.push("fix", here)).commits, 1);
        assert.equal(await shell(bench, "fix", "git rev-parse HEAD; cat src/here.txt"), `${commit}\nhere\n`);
        project.git("worktree", "remove", work.path);
      }

      const renamed = await workspaces.rename("fork", "copy", here);
      assert.equal(renamed.place?.path, fork.place?.path.replace(/fork$/, "copy"));
      assert.equal(
        await shell(bench, "copy", "pwd; git status --porcelain | wc -l"),
        `${renamed.place?.path}\n2\n`,
      );

      assert.deepEqual(await workspaces.doctor(), []);
      const deleted = await workspaces.delete("fix", { ...here, force: true });
      assert.ok(deleted.removed.length > 0);
      await workspaces.delete("copy", { ...here, force: true });
      assert.deepEqual(await workspaces.list(), []);
      const left = kind.shares ? "" : `\n${project.git("for-each-ref", "refs/heads/fix")}`;
      assert.deepEqual(project.git("for-each-ref").split("\n").sort(), `${before}${left}`.split("\n").sort());
      assert.equal(project.git("worktree", "list").split("\n").length, 1);
      const history = await workspaces.history(fix.id).catch(() => undefined);
      assert.equal(history, undefined);
    });

    test("uncommitted changes travel, staged ones staged", async (t) => {
      await using stack = new AsyncDisposableStack();
      const made = await requireOrSkip(t, () => kind.make(stack));
      if (made === undefined) return;
      const { bench, runtime } = made;
      const { workspaces, project } = bench;
      project.write({ "src/a.txt": "staged\n" });
      project.git("add", ".");
      project.write({ "src/b.txt": "not staged\n", "new.txt": "new\n", ignored: "stays\n" });
      const state = project.status();
      await workspaces.create({ name: "with", runtime, project: project.path, changes: true });
      assert.equal(
        await shell(bench, "with", "git status --porcelain; ls ignored 2>&1 || true"),
        `${state}ls: cannot access 'ignored': No such file or directory\n`,
      );
      assert.equal(project.status(), state);
      assert.equal(project.git("for-each-ref", "refs/berth"), "");
      await workspaces.delete("with", { ...bench.here, force: true });
    });
  });
}

test("a checkout on a host is adopted, forked, pulled from and left as it is", async (t) => {
  await using stack = new AsyncDisposableStack();
  const kind = KINDS.find(({ title }) => title === "ssh");
  const made = await requireOrSkip(t, async () => kind?.make(stack));
  if (made === undefined) return;
  const { bench, runtime } = made;
  const { workspaces, project, here } = bench;
  await workspaces.create({ name: "fix", runtime, project: project.path });
  const clone = `git clone -q . ~/own && cd ~/own && git checkout -q -b theirs && echo more > more && git add . && ${COMMIT} -m more && echo new > new && pwd`;
  const existing = (await shell(bench, "fix", clone)).trim();
  const own = await workspaces.create({ name: "own", runtime, project: project.path, existing });
  assert.deepEqual(
    [own.branch, own.place, own.ownsCheckout],
    ["theirs", { path: existing, base: null }, false],
  );
  const status = await workspaces.status("own", here);
  assert.deepEqual([status.untracked, status.unpublished.map(({ subject }) => subject)], [["new"], ["more"]]);
  await workspaces.fork("own", { ...here, name: "fork" });
  assert.equal(await shell(bench, "fork", "cat more new; git status --porcelain"), "more\nnew\n?? new\n");
  await workspaces.fork("own", { ...here, name: "home", runtime: { type: "worktree", daemon: "never" } });
  assert.equal(await shell(bench, "home", "cat more new; git status --porcelain"), "more\nnew\n?? new\n");
  assert.equal((await workspaces.pull("own", here)).to, project.git("rev-parse", "theirs"));
  assert.deepEqual((await workspaces.delete("own", here)).removed, []);
  assert.equal(await shell(bench, "fix", "cat ~/own/new"), "new\n");
  for (const name of ["fix", "fork", "home"]) await workspaces.delete(name, { ...here, force: true });
  assert.equal(project.git("for-each-ref", "refs/berth"), "");
  assert.deepEqual(await workspaces.doctor(), []);
});

async function text(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  let all = "";
  for await (const chunk of chunks) all += Buffer.from(chunk).toString();
  return all;
}
