import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ensurePackages, requireOrSkip } from "../../../test/fixtures/install.ts";
import { captureChanges, restoreChanges } from "./changes.ts";
import { diffOf, readChanges } from "./diff.ts";
import type { GitPlace, GitRunOptions } from "./git-place.ts";
import { mergedByContent } from "./merged.ts";
import { localGitPlace } from "./places.ts";
import { publish } from "./publish.ts";
import { picture, Scratch, TestRepository } from "./repository.testing.ts";
import { readStatus } from "./status.ts";

/** A place whose shell and tools are BusyBox's, and whose git is this machine's. */
async function busyboxPlace(scratch: Scratch): Promise<GitPlace> {
  await ensurePackages(["busybox-static"]);
  const tools = join(scratch.path, "tools");
  mkdirSync(tools);
  for (const name of execFileSync("busybox", ["--list"], { encoding: "utf8" }).trim().split("\n")) {
    symlinkSync("/bin/busybox", join(tools, name));
  }
  symlinkSync(execFileSync("which", ["git"], { encoding: "utf8" }).trim(), join(tools, "git"));
  const git = localGitPlace();
  const argvOf = (argv: readonly string[]) =>
    argv[0] === "/bin/sh" ? ["/bin/busybox", "sh", ...argv.slice(1)] : argv;
  const optionsOf = (options: GitRunOptions = {}) => ({ ...options, env: { ...options.env, PATH: tools } });
  return {
    description: "a place with BusyBox",
    run: (argv, options) => git.run(argvOf(argv), optionsOf(options)),
    stream: (argv, options) => git.stream(argvOf(argv), optionsOf(options)),
  };
}

test("every script about a checkout's state, with BusyBox's shell and tools", async (t) => {
  using scratch = new Scratch();
  const git = await requireOrSkip(t, () => busyboxPlace(scratch));
  if (git === undefined) return;
  const source = scratch.repository("source");
  source.commit("second", {
    f: "1\n2\n3\n",
    "d/x": "1\n",
    "-x\ny": "1\n",
    gone: "1\n",
    ".gitignore": "*.ignored\n",
  });
  source.git("clone", "-q", ".", "../target");
  const target = new TestRepository(join(scratch.path, "target"));
  const start = source.git("rev-parse", "HEAD");
  source.write({ f: "staged\n", "new\nline": "1\n", "-x\ny": "2\n", announced: "1\n", "a.ignored": "1\n" });
  source.write({ ".berth/include": "a.ignored\n" });
  source.git("add", "f");
  source.git("add", "-N", "announced");
  rmSync(join(source.path, "gone"));
  chmodSync(join(source.path, "d/x"), 0o755);
  symlinkSync("f", join(source.path, "link"));

  const status = await readStatus(git, { path: source.path, base: null, branch: "main", trunk: start });
  assert.deepEqual(status.changed, ["-x\ny", "announced", "d/x", "f", "gone"]);
  assert.deepEqual(status.untracked, [".berth/include", "link", "new\nline"]);
  assert.deepEqual([status.ahead, status.behind, status.candidates.length], [0, 0, 0]);

  const changes = await captureChanges(git, source.path, { id: "one" });
  assert.ok(changes !== undefined);
  assert.deepEqual([changes.leftBehind, changes.included], [[], { files: 1, bytes: 2 }]);
  target.git("fetch", "-q", source.path, changes.ref);
  await restoreChanges(git, target.path, changes);
  assert.equal(target.status(), source.status());
  assert.deepEqual(picture(target), picture(source));

  const chunks: Uint8Array[] = [];
  const names = { path: target.path, base: { kind: "head" }, format: "name-status" } as const;
  for await (const chunk of diffOf(git, names)) chunks.push(chunk);
  assert.match(Buffer.concat(chunks).toString(), /^M\t"-x\\ny"\n(?:.*\n)*A\t"new\\nline"\n$/);
  const { files } = await readChanges(git, { path: target.path, base: { kind: "head" } });
  const ofStatus = (wanted: string) =>
    files.filter(({ status }) => status === wanted).map(({ path }) => path);
  assert.deepEqual(ofStatus("untracked"), [".berth/include", "link", "new\nline"]);
  assert.deepEqual(ofStatus("modified"), ["-x\ny", "d/x", "f"]);

  source.git("reset", "-q", "--hard");
  source.git("clean", "-fdxq");
  source.git("switch", "-q", "-c", "work");
  const tip = source.commit("work", { f: "1\nwork\n3\n" });
  source.git("switch", "-q", "main");
  source.commit("other", { f: "1\n2\n3\n4\n5\n6\n7\n8\n" });
  source.git("merge", "-q", "--squash", "work");
  const squashed = source.commit("squashed");
  const gitDir = join(source.path, ".git");
  assert.deepEqual([...(await mergedByContent({ git, gitDir }, { tip, trunks: [squashed] }))], [tip]);
  source.git("reset", "-q", "--hard", start);
  const published = await publish({
    git,
    gitDir,
    branch: "main",
    commit: tip,
    keptAt: "refs/heads/work",
    hooks: false,
  });
  assert.deepEqual([published.commits, published.checkout], [1, source.path]);
  assert.equal(source.status(), "");
});

test("repositories within repositories, with BusyBox's shell and tools", async (t) => {
  using scratch = new Scratch();
  const git = await requireOrSkip(t, () => busyboxPlace(scratch));
  if (git === undefined) return;
  const outer = scratch.repository("outer");
  const one = scratch.repository("outer/o ne");
  scratch.repository("outer/o ne/in\nside").commit("inside");
  one.commit("one");
  scratch.repository("outer/two").commit("two");
  outer.commit("all");
  const status = await readStatus(git, { path: outer.path, base: null, branch: "main" });
  const found = status.submodules.map(({ path, commits }) => [path, commits.map(({ subject }) => subject)]);
  assert.deepEqual(found, [
    ["o ne", ["one", "first"]],
    ["o ne/in\nside", ["inside", "first"]],
    ["two", ["two", "first"]],
  ]);
});
