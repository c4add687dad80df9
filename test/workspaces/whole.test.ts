import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { Scratch, TestRepository } from "../../src/workspaces/git/repository.testing.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { KINDS, shell } from "./support.ts";

const POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 4\n";
const LOCAL = ["-c", "protocol.file.allow=always"];
/** 10,000 files take minutes. */
const MANY = process.env.BERTH_LONG === "1" ? 10_000 : 100;

for (const kind of KINDS.filter(({ title }) => title !== "docker")) {
  test(`a shallow clone with submodules, LFS pointers, tags, names that differ in case, ${MANY} files, ${kind.title}`, async (t) => {
    await using stack = new AsyncDisposableStack();
    const made = await requireOrSkip(t, () => kind.make(stack));
    if (made === undefined) return;
    const { bench, runtime } = made;
    const { workspaces } = bench;
    using scratch = new Scratch();
    const part = scratch.repository("part");
    part.commit("part", { "part.txt": "part\n" });
    const origin = scratch.repository("origin");
    origin.git(...LOCAL, "submodule", "--quiet", "add", part.path, "part");
    const many = Object.fromEntries(Array.from({ length: MANY }, (_, at) => [`many/${at}`, `${at}\n`]));
    const files = { "Case.txt": "upper\n", "case.txt": "lower\n", "big.bin": POINTER };
    origin.commit("files", { ...many, ...files, ".gitattributes": "*.bin filter=lfs -text\n" });
    origin.git("tag", "v1");
    origin.git("branch", "feature");
    const path = join(scratch.path, "shop");
    const clone = ["clone", "--quiet", "--depth=1", "--no-single-branch", "--recurse-submodules"];
    origin.git(...LOCAL, ...clone, `file://${origin.path}`, path);
    const project = new TestRepository(path);
    const it = { ...bench, project, here: { directory: path } };

    const fix = await workspaces.create({ name: "fix", runtime, project: path });
    assert.deepEqual([fix.state, fix.startCommit], ["ready", project.git("rev-parse", "HEAD")]);
    const script = "git status --porcelain; cat part/part.txt Case.txt case.txt big.bin; ls many | wc -l";
    assert.equal(await shell(it, "fix", script), `part\nupper\nlower\n${POINTER}${MANY}\n`);
    const asked = "git describe --tags; git log --oneline | wc -l; git rev-parse --is-shallow-repository";
    assert.equal(await shell(it, "fix", asked), "v1\n1\ntrue\n");

    // Trunk has moved: the next one starts at what was fetched.
    origin.git("checkout", "-q", "main");
    const moved = origin.commit("trunk has moved", { new: "new\n" });
    project.git("fetch", "-q");
    const later = await workspaces.create({ name: "later", runtime, project: path });
    assert.equal(later.startCommit, moved);
    assert.equal(await shell(it, "later", "cat new part/part.txt"), "new\npart\n");

    // A branch of origin goes on; where origin can be reached from there, with what came to it since.
    const ahead = project.git("rev-parse", "origin/feature");
    origin.git("checkout", "-q", "feature");
    const newest = origin.commit("feature goes on");
    const feature = await workspaces.create({ name: "feature", runtime, project: path });
    assert.equal(feature.startCommit, ahead);
    const [head, upstream] = (
      await shell(it, "feature", "git rev-parse HEAD; git rev-parse --abbrev-ref @{upstream}")
    ).split("\n");
    assert.deepEqual([head, upstream], [kind.shares ? newest : ahead, "origin/feature"]);
    for (const name of ["fix", "later", "feature"]) await workspaces.delete(name, it.here);
  });
}
