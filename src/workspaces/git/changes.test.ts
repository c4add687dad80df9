import assert from "node:assert/strict";
import { chmodSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../../contract/errors.ts";
import { openRuntime } from "../../runtimes/open.ts";
import { captureChanges, dropChanges, restoreChanges } from "./changes.ts";
import type { GitPlace } from "./git-place.ts";
import { localGitPlace, runtimeGitPlace } from "./places.ts";
import { picture, Scratch, TestRepository } from "./repository.testing.ts";

const git = localGitPlace();

const STATES: Record<string, (source: TestRepository) => void> = {
  "a changed file": (r) => r.write({ "README.md": "other\n" }),
  "a staged file": (r) => {
    r.write({ "README.md": "other\n" });
    r.git("add", "README.md");
  },
  "staged, and changed again": (r) => {
    r.write({ "README.md": "staged\n" });
    r.git("add", "README.md");
    r.write({ "README.md": "working\n" });
  },
  "staged, and the working tree as in HEAD": (r) => {
    r.write({ "README.md": "staged\n" });
    r.git("add", "README.md");
    r.write({ "README.md": "hello\n" });
  },
  "untracked files": (r) => r.write({ new: "1", "deep/er/new": "2", "deep/er/two": "3" }),
  "an untracked file in a directory that is known": (r) => r.write({ "d/new": "1" }),
  "a new file, staged": (r) => {
    r.write({ new: "1" });
    r.git("add", "new");
  },
  "a new file, staged and removed": (r) => {
    r.write({ new: "1" });
    r.git("add", "new");
    rmSync(join(r.path, "new"));
  },
  "a file that is announced": (r) => {
    r.write({ new: "1", "-other": "2" });
    r.git("add", "-N", "--", "new", "-other");
  },
  "removed files": (r) => {
    rmSync(join(r.path, "README.md"));
    r.git("rm", "-q", "d/one");
  },
  "removed from the index only": (r) => r.git("rm", "-q", "--cached", "README.md"),
  "a rename, staged": (r) => r.git("mv", "README.md", "docs.md"),
  "a rename, not staged": (r) => renameSync(join(r.path, "README.md"), join(r.path, "docs.md")),
  "the executable bit": (r) => chmodSync(join(r.path, "README.md"), 0o755),
  "the executable bit, staged": (r) => {
    chmodSync(join(r.path, "README.md"), 0o755);
    r.git("add", "README.md");
    chmodSync(join(r.path, "README.md"), 0o644);
  },
  "symbolic links": (r) => {
    symlinkSync("nowhere", join(r.path, "link"));
    rmSync(join(r.path, "README.md"));
    symlinkSync("d/one", join(r.path, "README.md"));
    rmSync(join(r.path, "old"));
    r.write({ old: "a file now" });
  },
  "a directory in place of a file": (r) => {
    rmSync(join(r.path, "README.md"));
    r.write({ "README.md/in": "1" });
  },
  "a file in place of a directory": (r) => {
    rmSync(join(r.path, "d"), { recursive: true });
    r.write({ d: "1" });
  },
  "a link in place of a directory": (r) => {
    renameSync(join(r.path, "d"), join(r.path, "e"));
    symlinkSync("e", join(r.path, "d"));
  },
  "names that need care": (r) =>
    r.write({
      "-n": "1",
      "new\nline": "2",
      " $(touch x)`y`'\"\\": "3",
      ünï: "4",
      "tab\t\u0001": "5",
      "*": "6",
      ":(top)": "7",
      "dir \n/\n": "8",
    }),
  "changes in files whose names need care": (r) => {
    r.write({ "-x\n": "changed", "s p/ü": "changed" });
    r.git("add", "--", "-x\n");
  },
  "binary content": (r) =>
    r.write({ "README.md": Buffer.from([0, 255, 13, 10, 0, 1]), bin: Buffer.alloc(5000, 7) }),
  "an empty file": (r) => r.write({ empty: "" }),
  "ends of lines": (r) => {
    r.write({ "a.crlf": "one\r\ntwo\r\nthree\r\n", "new.crlf": "x\r\n" });
  },
};

test("uncommitted state travels", async (t) => {
  using scratch = new Scratch();
  const { source, target } = pair(scratch);
  for (const [name, change] of Object.entries(STATES)) {
    await t.test(name, async () => {
      change(source);
      const before = picture(source);
      const status = source.status();
      const index = readFileSync(join(source.path, ".git/index"));
      const changes = await captureChanges(git, source.path, { id: "one" });
      assert.ok(changes !== undefined);
      assert.deepEqual(changes.leftBehind, []);
      assert.deepEqual(readFileSync(join(source.path, ".git/index")), index);
      assert.deepEqual(picture(source), before);
      assert.notEqual(status, "");
      bring(source, target);
      await restoreChanges(git, target.path, changes);
      assert.equal(target.status(), status);
      assert.deepEqual(picture(target), before);
      assert.equal(target.git("diff", "--cached"), source.git("diff", "--cached"));
      assert.equal(target.git("diff"), source.git("diff"));
      // The connection was cut after the last step: the next attempt finds it done.
      await restoreChanges(git, target.path, changes);
      assert.deepEqual(picture(target), before);
      for (const repository of [source, target]) {
        repository.git("reset", "-q", "--hard");
        repository.git("clean", "-fdxq");
      }
    });
  }
  source.intact();
  target.intact();
});

test("uncommitted state of a checkout in a runtime", async () => {
  using scratch = new Scratch();
  await using runtime = await openRuntime({ type: "local", daemon: "never" });
  const place = runtimeGitPlace(runtime);
  const { source, target } = pair(scratch);
  source.write({ "README.md": "staged\n", "new\nline": "1", "-n": "2" });
  source.git("add", "README.md");
  source.write({ "README.md": "working\n" });
  const changes = await captureChanges(place, source.path, { id: "one" });
  assert.ok(changes !== undefined);
  bring(source, target);
  await restoreChanges(place, target.path, changes);
  assert.equal(target.status(), source.status());
  assert.deepEqual(picture(target), picture(source));
  await dropChanges(place, source.path, "one");
  assert.equal(source.git("for-each-ref", "refs/berth"), "");
});

test("a place that answers anything at all", async () => {
  const says = (stdout: string): GitPlace => ({
    ...git,
    run: async () => ({ exitCode: 0, stdout: Buffer.from(stdout), stderr: "" }),
  });
  for (const answer of [
    "captured\0--upload-pack=x\0a\0b\0",
    "captured\0\0\0\0",
    `captured\0${"a".repeat(39)}\0\0\0`,
  ]) {
    await assert.rejects(captureChanges(says(answer), "/x", { id: "one" }), (error) =>
      isBerthError(error, "workspace.git_failed"),
    );
  }
  const objects = `${"a".repeat(40)}\0`.repeat(3);
  const many = `captured\0${objects}x\0-1e9\0${"u\u001b[2J\n/\0".repeat(1000)}`;
  const changes = await captureChanges(says(many), "/x", { id: "one" });
  assert.equal(changes?.leftBehind.length, 51);
  assert.equal(changes?.leftBehind[0], "the repository [2J /");
});

test("the same state is the same commits; a clean checkout has none; a ref keeps them until it is dropped", async () => {
  using scratch = new Scratch();
  const { source } = pair(scratch);
  assert.equal(await captureChanges(git, source.path, { id: "one" }), undefined);
  source.write({ "README.md": "other\n" });
  const first = await captureChanges(git, source.path, { id: "one" });
  const second = await captureChanges(git, source.path, { id: "two" });
  assert.equal(first?.tree, second?.tree);
  assert.equal(source.git("rev-parse", "refs/berth/changes/one"), first?.tree);
  assert.equal(source.git("reflog", "refs/berth/changes/one"), "");
  assert.equal(source.git("stash", "list"), "");
  await dropChanges(git, source.path, "one");
  await dropChanges(git, join(source.path, ".git"), "two");
  await dropChanges(git, source.path, "two");
  assert.equal(source.git("for-each-ref", "refs/berth"), "");
  await assert.rejects(captureChanges(git, source.path, { id: "a/../b" }), RangeError);
});

test("a file that was changed at the moment in which it was staged", async () => {
  using scratch = new Scratch();
  const { source } = pair(scratch);
  source.git("config", "core.trustctime", "false");
  const moment = 1_700_000_000;
  const at = (name: string) => utimesSync(join(source.path, name), moment, moment);
  source.write({ "README.md": "staged\n" });
  at("README.md");
  source.git("add", "README.md");
  source.write({ "README.md": "other!\n" });
  at("README.md");
  at(".git/index");
  const changes = await captureChanges(git, source.path, { id: "one" });
  assert.equal(source.git("show", `${changes?.tree}:README.md`), "other!");
});

test("an empty repository", async () => {
  using scratch = new Scratch();
  const source = scratch.repository("source", { empty: true });
  const target = scratch.repository("target", { empty: true });
  assert.equal(await captureChanges(git, source.path, { id: "one" }), undefined);
  source.write({ staged: "1", new: "2", announced: "3" });
  source.git("add", "staged");
  source.git("add", "-N", "announced");
  const changes = await captureChanges(git, source.path, { id: "one" });
  assert.ok(changes !== undefined);
  assert.equal(changes.head, null);
  bring(source, target);
  await restoreChanges(git, target.path, changes);
  assert.equal(target.status(), source.status());
  assert.deepEqual(picture(target), picture(source));
});

test("ignored files travel only as .berth/include names them", async () => {
  using scratch = new Scratch();
  const { source, target } = pair(scratch);
  writeFileSync(join(scratch.path, "outside"), "secret");
  const committed = new Set(Object.keys(picture(source)));
  source.write({
    ".env.ignored": "1",
    "build/out": "22",
    "build/keep/me": "333",
    "build/keep/not.tmp": "4",
    "new": "5",
    ".berth/include": "# comment\n/.env.ignored\n/build/keep/*\n!*.tmp\n/../outside\n../outside\n",
  });
  const changes = await captureChanges(git, source.path, { id: "one" });
  assert.ok(changes !== undefined);
  assert.deepEqual(changes.included, { files: 2, bytes: 4 });
  bring(source, target);
  await restoreChanges(git, target.path, changes);
  assert.equal(target.status(), source.status());
  const files = Object.keys(picture(target)).filter((name) => !committed.has(name));
  assert.deepEqual(files.toSorted(), [".berth/include", ".env.ignored", "build/keep/me", "new"]);
  assert.deepEqual((await captureChanges(git, source.path, { id: "two", includeFile: false }))?.included, {
    files: 0,
    bytes: 0,
  });
  // A list that is a link to one elsewhere is none.
  renameSync(join(source.path, ".berth/include"), join(scratch.path, "include"));
  symlinkSync("../../include", join(source.path, ".berth/include"));
  assert.equal((await captureChanges(git, source.path, { id: "two" }))?.included.files, 0);
});

test("what can't travel is said: repositories within, changes in submodules, names that git does not take", async () => {
  using scratch = new Scratch();
  const { source, target } = pair(scratch);
  const module = scratch.repository("module");
  source.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", module.path, "mod");
  source.commit("submodule");
  source.write({ "in ner/f": "1" });
  const inner = new TestRepository(join(source.path, "in ner"));
  inner.git("init", "-q");
  inner.commit("inner");
  source.write({ "mod/README.md": "changed\n", "git~1": "x", "new": "1" });
  const changes = await captureChanges(git, source.path, { id: "one" });
  assert.ok(changes !== undefined);
  assert.deepEqual(changes.leftBehind.toSorted(), [
    "changes in the submodule mod",
    "git~1, a name that git does not take",
    "the repository in ner/",
  ]);
  assert.equal(source.git("ls-tree", "-r", "--name-only", changes.tree, "in ner", "new"), "new");
  target.git("fetch", "-q", "origin", "refs/berth/changes/one:refs/berth/changes/one");
  target.git("reset", "-q", "--hard", changes.head ?? "");
  await restoreChanges(git, target.path, changes);
  assert.equal(target.status(), "?? new\n");
});

test("files of Git LFS travel whole, as nothing else has their content yet", async () => {
  using scratch = new Scratch();
  const { source, target } = pair(scratch);
  writeFileSync(
    join(scratch.path, "clean"),
    `#!/bin/sh\nread -r text\ncase $text in pointer*) ;; *) text="pointer $(echo "$text" | cksum)" ;; esac\necho "$text"\n`,
    { mode: 0o755 },
  );
  source.commit("attributes", {
    ".gitattributes": "*.bin filter=lfs -text\n*.crlf text eol=crlf\n",
    "old.bin": "pointer 1\n",
  });
  target.git("pull", "-q", source.path, "main");
  for (const repository of [source, target]) {
    repository.git("config", "filter.lfs.clean", join(scratch.path, "clean"));
    repository.git("config", "filter.lfs.smudge", "false");
    repository.git("config", "filter.lfs.required", "true");
  }
  source.write({
    "old.bin": "content\n",
    "staged.bin": "staged\n",
    "new.bin": "new\n",
    "gone.bin": "gone\n",
  });
  source.git("add", "staged.bin", "gone.bin");
  rmSync(join(source.path, "gone.bin"));
  const changes = await captureChanges(git, source.path, { id: "one" });
  assert.ok(changes !== undefined);
  assert.match(source.git("show", `${changes.index}:staged.bin`), /^pointer/);
  assert.equal(source.git("show", `${changes.tree}:staged.bin`), "staged");
  bring(source, target);
  await restoreChanges(git, target.path, changes);
  assert.equal(target.status(), source.status());
  assert.deepEqual(picture(target), picture(source));
});

test("flags of the index: what is assumed unchanged, and outside of a sparse checkout", async () => {
  using scratch = new Scratch();
  const { source, target } = pair(scratch);
  source.git("sparse-checkout", "set", "d");
  source.git("update-index", "--assume-unchanged", "d/one");
  source.write({ "d/one": "hidden\n", "d/two": "changed\n", "e/new": "outside\n" });
  const changes = await captureChanges(git, source.path, { id: "one" });
  assert.ok(changes !== undefined);
  assert.equal(
    source.git("diff-tree", "-r", "--name-status", changes.head ?? "", changes.tree),
    "M\td/two\nA\te/new",
  );
  bring(source, target);
  await restoreChanges(git, target.path, changes);
  assert.equal(target.status(), source.status());
  // Into a checkout that is sparse itself.
  source.git("worktree", "add", "-q", "--no-checkout", "--detach", "../sparse");
  const sparse = new TestRepository(join(scratch.path, "sparse"));
  sparse.git("sparse-checkout", "set", "d");
  sparse.git("checkout", "-q");
  await restoreChanges(git, sparse.path, changes);
  assert.equal(sparse.status(), source.status());
  assert.equal(readFileSync(join(sparse.path, "e/new"), "utf8"), "outside\n");
});

test("a merge, a rebase, a cherry-pick under way", async () => {
  using scratch = new Scratch();
  const { source } = pair(scratch);
  source.git("switch", "-q", "-c", "side");
  source.commit("side", { "README.md": "side\n" });
  source.git("switch", "-q", "main");
  source.commit("main", { "README.md": "main\n" });
  const refused = async (operation: string) => {
    await assert.rejects(
      captureChanges(git, source.path, { id: "one" }),
      (error) => isBerthError(error, "workspace.under_way") && error.context.operation === operation,
    );
  };
  for (const [operation, ...args] of [
    ["merge", "merge", "side"],
    ["rebase", "rebase", "side"],
    ["cherry-pick", "cherry-pick", "side"],
    ["revert", "revert", "--no-edit", "HEAD~1"],
  ] as const) {
    if (operation === "revert") source.commit("more", { "README.md": "more\n" });
    assert.throws(() => source.git(...args));
    await refused(operation);
    source.git(args[0], "--abort");
  }
  // An unmerged index, and nothing that says why.
  source.write({ "README.md": "stashed\n" });
  source.git("stash");
  source.commit("other", { "README.md": "other\n" });
  assert.throws(() => source.git("stash", "apply"));
  await refused("merge");
});

test("only a clean checkout of the same commit is restored into; a cut in the middle is repaired", async () => {
  using scratch = new Scratch();
  const { source, target } = pair(scratch);
  source.write({ "README.md": "other\n", new: "1", "d/new": "2" });
  source.git("add", "d/new");
  const changes = await captureChanges(git, source.path, { id: "one" });
  assert.ok(changes !== undefined);
  bring(source, target);
  target.write({ mine: "1" });
  const refused = async () =>
    await assert.rejects(restoreChanges(git, target.path, changes), (error) =>
      isBerthError(error, "workspace.apply_conflict"),
    );
  await refused();
  rmSync(join(target.path, "mine"));
  target.commit("elsewhere");
  await refused();
  target.git("reset", "-q", "--hard", "HEAD~1");
  assert.deepEqual(picture(target), picture(pair(scratch, "again").source));
  // Killed in the middle of writing files.
  target.write({ ".git/berth-restored": `begun ${changes.tree}\n`, new: "", "README.md": "oth" });
  await restoreChanges(git, target.path, changes);
  assert.equal(target.status(), source.status());
  assert.deepEqual(picture(target), picture(source));
});

test("restoring is ended at any moment: the next attempt completes it", async () => {
  using scratch = new Scratch();
  const { source, target } = pair(scratch);
  source.write(
    Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`many/${at}`, `${at}\n`.repeat(1000)])),
  );
  source.write({ "README.md": "staged\n", announced: "1\n" });
  source.git("add", "README.md", "many/7");
  source.git("add", "-N", "announced");
  source.write({ "README.md": "working\n" });
  const changes = await captureChanges(git, source.path, { id: "one" });
  assert.ok(changes !== undefined);
  bring(source, target);
  let ended = 0;
  for (const ms of [5, 10, 15, 20, 25, 30, 40, 50, 70, 90]) {
    await restoreChanges(git, target.path, changes, AbortSignal.timeout(ms)).catch(() => {
      ended += 1;
    });
    await restoreChanges(git, target.path, changes);
    assert.equal(target.status(), source.status());
    assert.deepEqual(picture(target), picture(source));
    target.git("reset", "-q", "--hard");
    target.git("clean", "-fdxq");
  }
  assert.ok(ended > 0);
});

test("a lock of git, and a directory that is no checkout", async () => {
  using scratch = new Scratch();
  const { source, target } = pair(scratch);
  source.write({ new: "1" });
  const changes = await captureChanges(git, source.path, { id: "one" });
  assert.ok(changes !== undefined);
  bring(source, target);
  target.write({ ".git/index.lock": "" });
  await assert.rejects(restoreChanges(git, target.path, changes), (error) =>
    isBerthError(error, "workspace.locked"),
  );
  rmSync(join(target.path, ".git/index.lock"));
  await restoreChanges(git, target.path, changes);
  assert.equal(target.status(), source.status());
  rmSync(join(source.path, ".git"), { recursive: true });
  for (const path of [source.path, join(scratch.path, "nowhere")]) {
    await assert.rejects(captureChanges(git, path, { id: "one" }), (error) =>
      isBerthError(error, "workspace.missing"),
    );
  }
});

function bring(from: TestRepository, to: TestRepository): void {
  to.git("fetch", "-q", from.path, "+refs/berth/changes/one:refs/berth/changes/one");
}

/** Two checkouts of one commit, in repositories of their own. */
function pair(scratch: Scratch, name = "source"): { source: TestRepository; target: TestRepository } {
  const source = scratch.repository(name);
  source.write({
    "d/one": "1\n",
    "d/two": "2\n",
    old: "",
    "-x\n": "x",
    "s p/ü": "ü",
    ".gitattributes": "*.crlf text eol=crlf\n",
    "a.crlf": "one\r\ntwo\r\n",
    ".gitignore": "*.ignored\n/build/\n",
  });
  rmSync(join(source.path, "old"));
  symlinkSync("README.md", join(source.path, "old"));
  source.commit("second");
  source.git("clone", "-q", ".", `../${name}-target`);
  return { source, target: new TestRepository(join(scratch.path, `${name}-target`)) };
}
