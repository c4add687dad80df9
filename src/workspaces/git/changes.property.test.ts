import assert from "node:assert/strict";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { captureChanges, restoreChanges } from "./changes.ts";
import { localGitPlace } from "./places.ts";
import { picture, Scratch, TestRepository } from "./repository.testing.ts";

/** The same each time; others in the long run, where there is time to look into what they find. */
const CASES = process.env.BERTH_LONG === "1" ? { numRuns: 400 } : { numRuns: 12, seed: 20_260 };
const git = localGitPlace();

/** Files, and directories that others need as files. */
const NAMES = [
  "a",
  "b",
  "d/a",
  "d/b",
  "d",
  "d/a/x",
  "-x",
  "new\nline",
  "ü \"'$(x)",
  "a.ignored",
  "*",
  "s/.gitignore",
];
const name = fc.constantFrom(...NAMES);
const content = fc.constantFrom("", "1\n", "2\n", "1\n2\n3\n", "no end", "\r\n", "\0binary\xff");

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("write" as const), name, content }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("remove" as const), name }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("rename" as const), name, to: name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("mode" as const), name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("link" as const), name, to: name }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("stage" as const), name, force: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("announce" as const), name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("unstage" as const), name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("forget" as const), name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("stage all" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("commit" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** One step; what can't be done, such as removing what is not there, is left out. */
function take(repository: TestRepository, one: Step): void {
  try {
    STEPS[one.kind](repository, one);
  } catch {
    // As it is.
  }
}

interface Words {
  readonly kind: Step["kind"];
  readonly name?: string;
  readonly to?: string;
  readonly content?: string;
  readonly force?: boolean;
}

const STEPS: Record<Step["kind"], (repository: TestRepository, words: Words) => void> = {
  write: (r, { name = "", content = "" }) => writeFileSync(below(r, name), content, "latin1"),
  remove: (r, { name = "" }) => rmSync(join(r.path, name), { recursive: true, force: true }),
  rename: (r, { name = "", to = "" }) => renameSync(join(r.path, name), below(r, to)),
  mode: (r, { name = "" }) => {
    if (lstatSync(join(r.path, name)).isFile()) chmodSync(join(r.path, name), 0o755);
  },
  link: (r, { name = "", to = "" }) => symlinkSync(to, below(r, name)),
  stage: (r, { name = "", force }) =>
    r.git("--literal-pathspecs", "add", ...(force ? ["-f"] : []), "--", name),
  announce: (r, { name = "" }) => r.git("--literal-pathspecs", "add", "-N", "--", name),
  unstage: (r, { name = "" }) => r.git("--literal-pathspecs", "reset", "-q", "--", name),
  forget: (r, { name = "" }) => r.git("--literal-pathspecs", "rm", "-q", "-r", "--cached", "--", name),
  "stage all": (r) => r.git("add", "-A"),
  commit: (r) => r.git("commit", "-q", "-m", "more"),
};

/** A path whose directory is there. */
function below(repository: TestRepository, name: string): string {
  const path = join(repository.path, name);
  mkdirSync(dirname(path), { recursive: true });
  return path;
}

function index(repository: TestRepository): string {
  return repository.git("ls-files", "--stage");
}

test(`whatever was done in a checkout: its state is the same elsewhere, and untouched where it was taken (${CASES.numRuns} runs)`, async () => {
  using scratch = new Scratch();
  const source = scratch.repository("source");
  const start = source.commit("start", { a: "1\n", "d/a": "1\n", "d/b": "2\n", ".gitignore": "*.ignored\n" });
  source.git("clone", "-q", ".", "../target");
  const target = new TestRepository(join(scratch.path, "target"));
  const clean = (repository: TestRepository, commit: string) => {
    repository.git("reset", "-q", "--hard", commit);
    repository.git("clean", "-fdxq");
  };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      clean(source, start);
      for (const one of steps) take(source, one);
      // Announced and removed again is the one thing that does not travel: it has no content, nor a file.
      for (const gone of announcedAndGone(source)) source.git("update-index", "--force-remove", "--", gone);
      const before = { status: source.status(), files: picture(source), index: index(source) };
      const bytes = readFileSync(join(source.path, ".git/index"));
      const changes = await captureChanges(git, source.path, { id: "one" });
      assert.deepEqual(readFileSync(join(source.path, ".git/index")), bytes);
      assert.deepEqual({ status: source.status(), files: picture(source), index: index(source) }, before);
      const head = source.git("rev-parse", "HEAD");
      target.git("fetch", "-q", source.path, head, ...(changes === undefined ? [] : [changes.ref]));
      clean(target, head);
      if (changes === undefined) {
        assert.equal(before.status, "");
      } else {
        assert.deepEqual(changes.leftBehind, []);
        await restoreChanges(git, target.path, changes);
      }
      const files = Object.entries(before.files).filter(([name]) => !isIgnored(source, name));
      assert.deepEqual(
        { status: target.status(), files: picture(target), index: index(target) },
        { ...before, files: Object.fromEntries(files) },
      );
    }),
    { ...CASES, endOnFailure: false },
  );
  source.intact();
});

function announcedAndGone(repository: TestRepository): string[] {
  const inTree = new Set(
    repository.git("ls-tree", "-r", "-z", "--name-only", repository.git("write-tree")).split("\0"),
  );
  return repository
    .git("diff-files", "--name-only", "-z", "--diff-filter=D")
    .split("\0")
    .filter((name) => name !== "" && !inTree.has(name));
}

/** Ignored, and not tracked all the same. */
function isIgnored(repository: TestRepository, name: string): boolean {
  return (
    repository.git(
      "--literal-pathspecs",
      "ls-files",
      "--others",
      "--ignored",
      "--exclude-standard",
      "--",
      name,
    ) !== ""
  );
}
