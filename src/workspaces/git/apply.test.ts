import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { smallDisk } from "../../../test/fixtures/disk.ts";
import { requireOrSkip } from "../../../test/fixtures/install.ts";
import { isBerthError } from "../../contract/errors.ts";
import { applyUncommitted } from "./apply.ts";
import { diffOf, type StateDiff } from "./diff.ts";
import { localGitPlace } from "./places.ts";
import { picture, Scratch, TestRepository } from "./repository.testing.ts";

const git = localGitPlace();
const LINES = Array.from({ length: 30 }, (_, at) => `line ${at}\n`);

function lines(changes: Readonly<Record<number, string>> = {}): string {
  return LINES.map((line, at) => changes[at] ?? line).join("");
}

async function diff(repository: TestRepository, options: Omit<StateDiff, "path">): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of diffOf(git, { path: repository.path, ...options })) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function checkouts(scratch: Scratch): { there: TestRepository; here: TestRepository } {
  const here = scratch.repository("here");
  here.commit("lines", { f: lines(), g: "g\n", "d/x": "x\n", ".gitignore": "*.ignored\n" });
  here.git("clone", "-q", ".", "../there");
  return { here, there: new TestRepository(join(scratch.path, "there")) };
}

test("a diff since the branch left trunk, since HEAD, and since a commit", async () => {
  using scratch = new Scratch();
  const { there } = checkouts(scratch);
  there.git("switch", "-q", "-c", "work");
  const left = there.git("rev-parse", "HEAD");
  there.commit("one", { f: lines({ 1: "one\n" }) });
  there.git("switch", "-q", "main");
  const trunk = there.commit("trunk moves on", { other: "1" });
  there.git("switch", "-q", "work");
  there.write({ g: "changed\n", "new\nfile": "new\n", "x.ignored": "no" });
  there.git("add", "g");
  const names = async (base: StateDiff["base"], paths?: string[]) =>
    await diff(there, { base, format: "name-status", ...(paths === undefined ? {} : { paths }) });
  const untouched = readFileSync(join(there.path, ".git/index"));
  assert.equal(await names({ kind: "left", trunks: [trunk] }), 'M\tf\nM\tg\nA\t"new\\nfile"\n');
  assert.equal(
    await names({ kind: "left", trunks: ["0".repeat(40), trunk] }),
    'M\tf\nM\tg\nA\t"new\\nfile"\n',
  );
  assert.equal(await names({ kind: "head" }), 'M\tg\nA\t"new\\nfile"\n');
  assert.equal(await names({ kind: "revision", revision: "HEAD~1" }), 'M\tf\nM\tg\nA\t"new\\nfile"\n');
  assert.equal(await names({ kind: "revision", revision: trunk }, ["other", "f"]), "M\tf\nD\tother\n");
  assert.equal(await names({ kind: "head" }, ["*", ":/", "--cached"]), "");
  assert.deepEqual(readFileSync(join(there.path, ".git/index")), untouched);
  assert.deepEqual(
    readdirSync(join(there.path, ".git")).filter((name) => name.startsWith("berth")),
    [],
  );

  const patch = await diff(there, { base: { kind: "left", trunks: [trunk] }, format: "patch" });
  const again = there.worktree(join(scratch.path, "again"), "--detach", left);
  again.write({ "../patch": patch });
  again.git("apply", "../patch");
  assert.equal(readFileSync(join(again.path, "f"), "utf8"), lines({ 1: "one\n" }));
  assert.match(await diff(there, { base: { kind: "head" }, format: "stat" }), /2 files changed/);

  for (const revision of ["nonsense", "--output=x", "HEAD:f"]) {
    await assert.rejects(diff(there, { base: { kind: "revision", revision }, format: "patch" }), (error) =>
      isBerthError(error, "workspace.start_unknown"),
    );
  }
  rmSync(join(again.path, ".git"));
  await assert.rejects(diff(again, { base: { kind: "head" }, format: "patch" }), (error) =>
    isBerthError(error, "workspace.missing"),
  );
});

test("a diff of a checkout without a commit", async () => {
  using scratch = new Scratch();
  const empty = scratch.repository("empty", { empty: true });
  empty.write({ new: "1\n" });
  for (const base of [{ kind: "head" }, { kind: "left", trunks: [] }] as const) {
    assert.equal(await diff(empty, { base, format: "name-status" }), "A\tnew\n");
  }
});

test("uncommitted work is applied here, all kinds of it", async () => {
  using scratch = new Scratch();
  const { here, there } = checkouts(scratch);
  there.write({ f: lines({ 3: "three\n" }), "new/-file\n": "new\n", bin: Buffer.from([0, 1, 2, 255]) });
  there.git("add", "f");
  there.git("mv", "g", "moved");
  rmSync(join(there.path, "d/x"));
  symlinkSync("f", join(there.path, "d/x"));
  chmodSync(join(there.path, "README.md"), 0o755);
  const dry = await applyUncommitted({
    from: { git, path: there.path },
    root: here.path,
    name: "w",
    dryRun: true,
  });
  assert.equal(here.status(), "");
  const { files } = await applyUncommitted({ from: { git, path: there.path }, root: here.path, name: "w" });
  assert.deepEqual(files, dry.files);
  assert.deepEqual(files.toSorted(), ["README.md", "bin", "d/x", "f", "g", "moved", "new/-file\n"]);
  assert.deepEqual(picture(here), picture(there));
  assert.equal(here.git("diff", "--cached"), "");
  assert.equal(readlinkSync(join(here.path, "d/x")), "f");
});

test("changes here stay: in other files, in other lines, near by", async () => {
  using scratch = new Scratch();
  const { here, there } = checkouts(scratch);
  there.write({ f: lines({ 10: "there\n" }) });
  here.write({ f: lines({ 12: "here\n", 25: "here too\n" }), g: "mine\n", untracked: "mine\n" });
  here.git("add", "g");
  await applyUncommitted({ from: { git, path: there.path }, root: here.path, name: "w" });
  assert.equal(
    readFileSync(join(here.path, "f"), "utf8"),
    lines({ 10: "there\n", 12: "here\n", 25: "here too\n" }),
  );
  assert.equal(here.status(), " M f\nM  g\n?? untracked\n");
  // A second time there is nothing left to do.
  await applyUncommitted({ from: { git, path: there.path }, root: here.path, name: "w" });
  assert.equal(
    readFileSync(join(here.path, "f"), "utf8"),
    lines({ 10: "there\n", 12: "here\n", 25: "here too\n" }),
  );
});

test("what does not fit is said, and nothing is changed", async () => {
  using scratch = new Scratch();
  const { here, there } = checkouts(scratch);
  there.write({ f: lines({ 3: "there\n" }), g: "there\n", "x\ny": "there\n", fits: "new\n" });
  there.write({ "a.ignored": "there\n" });
  there.git("add", "-f", "a.ignored");
  here.write({ f: lines({ 3: "here\n" }), "x\ny": "here\n", "a.ignored": "here\n" });
  const before = picture(here);
  for (const dryRun of [true, false]) {
    await assert.rejects(
      applyUncommitted({ from: { git, path: there.path }, root: here.path, name: "w", dryRun }),
      (error) => {
        assert.ok(isBerthError(error, "workspace.apply_conflict"));
        assert.deepEqual((error.context.files as string[]).toSorted(), ["a.ignored", "f", "x\ny"]);
        return true;
      },
    );
    assert.deepEqual(picture(here), before);
    assert.equal(here.git("ls-files", "--unmerged"), "");
  }
});

test("a disk that is full half-way leaves nothing half-done", async (t) => {
  using scratch = new Scratch();
  await using disk = await requireOrSkip(t, () => smallDisk({ size: 2 * 1024 * 1024 }));
  if (disk === undefined) return;
  const { there } = checkouts(scratch);
  there.git("clone", "-q", "--no-hardlinks", ".", join(disk.path, "here"));
  const here = new TestRepository(join(disk.path, "here"));
  rmSync(join(there.path, "g"));
  there.write({ f: lines({ 3: "there\n" }), "new/file": "new\n", z: randomBytes(4 * 1024 * 1024) });
  here.write({ f: lines({ 20: "here\n" }) });
  const before = picture(here);
  await assert.rejects(
    applyUncommitted({ from: { git, path: there.path }, root: here.path, name: "w" }),
    (error) => isBerthError(error, "workspace.git_failed"),
  );
  assert.deepEqual(picture(here), before);
});

test("nothing to apply, and a merge under way", async () => {
  using scratch = new Scratch();
  const { here, there } = checkouts(scratch);
  const apply = async () =>
    await applyUncommitted({ from: { git, path: there.path }, root: here.path, name: "w" });
  assert.deepEqual(await apply(), { files: [] });
  there.git("switch", "-q", "-c", "side");
  there.commit("side", { g: "side\n" });
  there.git("switch", "-q", "main");
  there.commit("main", { g: "main\n" });
  assert.throws(() => there.git("merge", "side"));
  await assert.rejects(
    apply(),
    (error) => isBerthError(error, "workspace.under_way") && /merge/.test(error.message),
  );
});
