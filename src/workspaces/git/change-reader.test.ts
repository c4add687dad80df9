import assert from "node:assert/strict";
import { chmodSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../../contract/errors.ts";
import type { WorkspaceChanges } from "../../contract/workspace.ts";
import { ChangeReader } from "./change-reader.ts";
import { diffOf, readChanges, type StateDiff } from "./diff.ts";
import { localGitPlace } from "./places.ts";
import { Scratch, type TestRepository } from "./repository.testing.ts";

const git = localGitPlace();
const HEAD = { kind: "head" } as const;

async function diff(repository: TestRepository, options: Omit<StateDiff, "path">): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of diffOf(git, { path: repository.path, ...options })) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** "status path added deleted", a file each. */
function lines({ files }: WorkspaceChanges): string[] {
  return files.map(({ status, path, oldPath, added, deleted }) =>
    [status, oldPath === null ? path : `${oldPath} > ${path}`, added ?? "-", deleted ?? "-"].join(" "),
  );
}

test("every kind of change, whatever the paths are; the diff has the same files", async () => {
  using scratch = new Scratch();
  const inner = scratch.repository("inner");
  const there = scratch.repository("there");
  const long = Array.from({ length: 20 }, (_, at) => `${at}\n`).join("");
  there.commit("base", {
    edited: "1\n2\n3\n",
    gone: "gone\nfor ever\n",
    moved: long,
    typed: "x\n",
    mode: "1\n",
  });
  there.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", inner.path, "module");
  const base = there.commit("module");
  there.write({ edited: "1\nzwei\n3\n4\n", "new\nline": "1\n2\n", 'quo"ted': "1", empty: "" });
  there.write({ bytes: Buffer.from([0, 1, 2, 10, 255]), staged: "1\n" });
  there.git("add", "staged");
  there.git("mv", "moved", "moved to\there");
  writeFileSync(Buffer.concat([Buffer.from(`${there.path}/`), Buffer.from([0x66, 0xff])]), "1\n");
  for (const path of ["gone", "typed"]) rmSync(join(there.path, path));
  symlinkSync("edited", join(there.path, "typed"));
  chmodSync(join(there.path, "mode"), 0o755);
  const untouched = readFileSync(join(there.path, ".git/index"));

  const uncommitted = await readChanges(git, { path: there.path, base: HEAD });
  assert.deepEqual(lines(uncommitted).toSorted(), [
    "added staged 1 0",
    "deleted gone 0 2",
    "modified edited 2 1",
    "modified mode 0 0",
    "renamed moved > moved to\there 0 0",
    "type_changed typed 1 1",
    "untracked bytes - -",
    "untracked empty 0 0",
    "untracked f\ufffd 1 0",
    "untracked new\nline 2 0",
    'untracked quo"ted 1 0',
  ]);
  assert.deepEqual([uncommitted.base, uncommitted.added, uncommitted.deleted], [base, 8, 4]);
  assert.equal(uncommitted.truncated, false);
  assert.deepEqual(
    uncommitted.files.filter(({ binary }) => binary).map(({ path }) => path),
    ["bytes"],
  );
  const named = (await diff(there, { base: HEAD, format: "name-status" })).trimEnd().split("\n");
  assert.equal(named.length, uncommitted.files.length);
  // One that is not tracked can be looked at alone.
  const one = await diff(there, { base: HEAD, format: "patch", paths: ["new\nline"] });
  assert.match(one, /^diff --git [^\n]*\nnew file mode 100644\n[\s\S]*\+1\n\+2\n$/);
  assert.equal(one.match(/^diff /gm)?.length, 1);

  // Since the first commit, with a submodule.
  const since = await readChanges(git, {
    path: there.path,
    base: { kind: "revision", revision: "HEAD~2" },
  });
  assert.equal(since.base, there.git("rev-parse", "HEAD~2"));
  assert.ok(lines(since).includes("added module 1 0"), lines(since).join("\n"));
  assert.deepEqual(readFileSync(join(there.path, ".git/index")), untouched);
  assert.deepEqual(
    readdirSync(join(there.path, ".git")).filter((name) => /^berth|lock$/.test(name)),
    [],
  );
});

test("what is in conflict; what has no commit yet; what is not there", async () => {
  using scratch = new Scratch();
  const there = scratch.repository("there");
  const base = there.commit("base", { a: "1\n", b: "1\n" });
  there.git("switch", "-q", "-c", "other");
  there.commit("other", { a: "other\n", b: "other\n" });
  there.git("switch", "-q", "main");
  there.commit("mine", { a: "mine\n", b: "mine\n" });
  assert.throws(() => there.git("merge", "-q", "other"));
  there.write({ b: "mine\n" });
  const merging = await readChanges(git, { path: there.path, base: HEAD });
  assert.deepEqual(lines(merging), ["conflicted a 4 0", "conflicted b 0 0"]);
  const left = await readChanges(git, { path: there.path, base: { kind: "left", trunks: [base] } });
  assert.deepEqual([left.base, lines(left)], [base, ["conflicted a 5 1", "conflicted b 1 1"]]);

  const empty = scratch.repository("empty", { empty: true });
  empty.write({ new: "1\n" });
  for (const start of [HEAD, { kind: "left", trunks: [] }] as const) {
    const first = await readChanges(git, { path: empty.path, base: start });
    assert.deepEqual([first.base, lines(first)], [null, ["untracked new 1 0"]]);
  }
  for (const revision of ["nonsense", "--output=x"]) {
    const asked = readChanges(git, { path: there.path, base: { kind: "revision", revision } });
    await assert.rejects(asked, (error) => isBerthError(error, "workspace.start_unknown"));
  }
  const nowhere = readChanges(git, { path: join(scratch.path, "none"), base: HEAD });
  await assert.rejects(nowhere, (error) => isBerthError(error, "workspace.missing"));
});

test("a list that is too long is cut, and the lines are those of all; words may come in any pieces", () => {
  const paths = Array.from({ length: 10_002 }, (_, at) => `p${at}`);
  const raw = paths.map((path) => `:100644 100644 1 2 M\0${path}\0`).join("");
  const said = Buffer.from(`base\0\0\0${raw}${paths.map((path) => `2\t1\t${path}\0`).join("")}`);
  const reader = new ChangeReader();
  for (let from = 0; from < said.length; from += 997) reader.push(said.subarray(from, from + 997));
  const { files, added, deleted, truncated } = reader.changes();
  assert.deepEqual([files.length, added, deleted, truncated], [10_000, 20_004, 10_002, true]);
  assert.deepEqual(lines({ files, base: null, added, deleted, truncated }).at(-1), "modified p9999 2 1");
});
