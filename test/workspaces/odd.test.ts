import assert from "node:assert/strict";
import { test } from "node:test";
import { Scratch } from "../../src/workspaces/git/repository.testing.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { COMMIT, KINDS, refused, shell } from "./support.ts";

const BRANCH = "feature/ü-$(id)-'x'";

for (const kind of KINDS.filter(({ title }) => title !== "docker")) {
  test(`odd projects, ${kind.title}: no commit yet, quotes in paths, odd branches, a branch of both sides`, async (t) => {
    await using stack = new AsyncDisposableStack();
    const made = await requireOrSkip(t, () => kind.make(stack));
    if (made === undefined) return;
    const { bench, runtime } = made;
    const { workspaces } = bench;
    using scratch = new Scratch();

    const empty = scratch.repository(`it's "$(empty)" \\ `, { empty: true });
    const first = await workspaces.create({ name: "first", runtime, project: empty.path });
    assert.deepEqual([first.startCommit, first.state], [null, "ready"]);
    const inEmpty = { ...bench, here: { directory: empty.path } };
    await shell(inEmpty, "first", `echo a > a && git add . && ${COMMIT} -m first`);
    await workspaces.fork("first", { ...inEmpty.here, name: "second" });
    assert.equal(await shell(inEmpty, "second", "cat a"), "a\n");
    const pulled = await workspaces.pull("first", inEmpty.here);
    assert.equal(empty.git("rev-parse", "first"), pulled.to);
    for (const name of ["first", "second"]) await workspaces.delete(name, { ...inEmpty.here, force: true });

    const odd = scratch.repository("a 'b' \"c\"\n");
    odd.commit("more", { "src/ü '\"$.txt": "x\n" });
    const inOdd = { ...bench, here: { directory: odd.path } };
    const fix = await workspaces.create({ name: BRANCH, runtime, project: odd.path });
    assert.deepEqual([fix.branch, fix.state], [BRANCH, "ready"]);
    assert.equal(await shell(inOdd, fix.name, "git branch --show-current; ls src"), `${BRANCH}\nü '"$.txt\n`);
    await shell(inOdd, fix.name, `echo there > there && git add . && ${COMMIT} -m there`);
    if (!kind.shares) {
      await workspaces.pull(fix.name, inOdd.here);
      // Both sides go on.
      odd.git("checkout", "-q", BRANCH);
      odd.commit("here");
      await shell(inOdd, fix.name, `${COMMIT} --allow-empty -m 'there again'`);
      await refused(workspaces.pull(fix.name, inOdd.here), "workspace.diverged");
      await refused(workspaces.push(fix.name, inOdd.here), "workspace.diverged");
      assert.equal(odd.git("log", "-1", "--format=%s"), "here");
      assert.equal(await shell(inOdd, fix.name, "git log -1 --format=%s"), "there again\n");
    }
    await workspaces.delete(fix.name, { ...inOdd.here, force: true });
  });
}
