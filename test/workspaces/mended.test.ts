import assert from "node:assert/strict";
import { test } from "node:test";
import { requireOrSkip } from "../fixtures/install.ts";
import { KINDS, shell } from "./support.ts";

for (const kind of KINDS.filter(({ title }) => title !== "docker")) {
  test(`doctor tells of a dead git's lock and of a damaged checkout, gc mends them, ${kind.title}`, async (t) => {
    await using stack = new AsyncDisposableStack();
    const made = await requireOrSkip(t, () => kind.make(stack));
    if (made === undefined) return;
    const { bench, runtime } = made;
    const { workspaces, project, here } = bench;
    await workspaces.create({ name: "fix", runtime, project: project.path });
    const gitDir = (await shell(bench, "fix", "echo work > work; git rev-parse --absolute-git-dir")).trim();
    const damages = [
      [`touch -d '10 minutes ago' '${gitDir}/index.lock'`, /index\.lock/],
      ["echo nonsense > .git", /\.git/],
    ] as const;
    for (const [damage, told] of damages) {
      await shell(bench, "fix", damage);
      const [finding, ...more] = await workspaces.doctor();
      assert.deepEqual([finding?.workspace, more], ["fix", []]);
      assert.match(finding?.problem ?? "", told);
      assert.match(finding?.remedy ?? "", /berth gc/);
      const planned = await workspaces.garbage({ dryRun: true });
      // The same, but for the age of the lock.
      const again = await workspaces.doctor();
      assert.deepEqual([again.length, again[0]?.remedy], [1, finding?.remedy]);
      const done = await workspaces.garbage();
      assert.equal(done.completed.length + done.removed.length, 1);
      assert.equal(planned.completed.length + planned.removed.length, 1);
      assert.deepEqual(await workspaces.doctor(), []);
      assert.equal(await shell(bench, "fix", "git status --porcelain; cat work"), "?? work\nwork\n");
    }
    await workspaces.delete("fix", { ...here, force: true });
    assert.deepEqual(await workspaces.list(), []);
  });
}
