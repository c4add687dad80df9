import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { mergedByContent } from "./merged.ts";
import { localGitPlace } from "./places.ts";
import { Scratch, type TestRepository } from "./repository.testing.ts";

const git = localGitPlace();

const LINES = Array.from({ length: 40 }, (_, at) => `line ${at}\n`);

/** A file of 40 lines, of which some are others. */
function lines(changes: Readonly<Record<number, string>> = {}): string {
  return LINES.map((line, at) => changes[at] ?? line).join("");
}

/** Subjects of the branch's commits that trunk does not have, in any form; oldest first. */
async function left(repository: TestRepository, tip = "work", trunks = ["main"]): Promise<string[]> {
  const merged = await mergedByContent(
    { git, gitDir: join(repository.path, ".git") },
    {
      tip: repository.git("rev-parse", tip),
      trunks: trunks.map((trunk) => repository.git("rev-parse", trunk)),
    },
  );
  const all = repository.git("log", "--reverse", "--topo-order", "--format=%H %s", tip, "--not", ...trunks);
  return all
    .split("\n")
    .filter((line) => line !== "" && !merged.has(line.slice(0, 40)))
    .map((line) => line.slice(41));
}

interface Case {
  /** On `work`, which has just left main; then main is checked out. */
  readonly work: (r: TestRepository) => void;
  readonly main: (r: TestRepository) => void;
  readonly left: readonly string[];
}

const two = (r: TestRepository) => {
  r.commit("one", { f: lines({ 3: "one\n" }) });
  r.commit("two", { f: lines({ 3: "one\n", 30: "two\n" }), new: "file\n" });
};
const squash = (r: TestRepository, what = "work") => {
  r.git("merge", "-q", "--squash", what);
  r.git("commit", "-q", "-m", "squashed");
};

const CASES: Record<string, Case> = {
  "nothing of it": { work: two, main: () => {}, left: ["one", "two"] },
  "trunk went elsewhere": {
    work: two,
    main: (r) => r.commit("other", { g: "1", f: lines({ 20: "other\n" }) }),
    left: ["one", "two"],
  },
  "a merge": { work: two, main: (r) => r.git("merge", "-q", "--no-ff", "work"), left: [] },
  "a squash": { work: two, main: squash, left: [] },
  "a squash, after trunk had moved on in the same file": {
    work: two,
    main: (r) => {
      r.commit("other", { f: lines({ 15: "other\n" }) });
      squash(r);
    },
    left: [],
  },
  "a squash, and trunk moved on in the same lines": {
    work: two,
    main: (r) => {
      squash(r);
      r.commit("other", { f: lines({ 3: "three\n", 30: "thirty\n" }), new: "changed\n" });
      r.git("rm", "-q", "new");
      r.commit("gone");
    },
    left: [],
  },
  "a squash that was reverted: it is in trunk's history": {
    work: two,
    main: (r) => {
      squash(r);
      r.git("revert", "--no-edit", "HEAD");
    },
    left: [],
  },
  "a squash with a change of its own in the same lines": {
    work: two,
    main: (r) => {
      r.commit("like it", { f: lines({ 3: "uno\n", 30: "two\n" }), new: "file\n" });
    },
    left: ["one"],
  },
  "a squash that left a file out": {
    work: two,
    main: (r) => r.commit("part", { f: lines({ 3: "one\n", 30: "two\n" }) }),
    left: ["two"],
  },
  "white space alone is a difference": {
    work: (r) => r.commit("indent", { f: lines({ 3: "    line 3\n" }) }),
    main: (r) => r.commit("other", { f: lines({ 3: "  line 3\n" }) }),
    left: ["indent"],
  },
  "a squash of the first of two": {
    work: two,
    main: (r) => squash(r, "work~1"),
    left: ["two"],
  },
  "a squash of two of three": {
    work: (r) => {
      two(r);
      r.commit("three", { f: lines({ 3: "more\n", 30: "two\n" }) });
    },
    main: (r) => squash(r, "work~1"),
    left: ["three"],
  },
  "two squashes, one after the other": {
    work: two,
    main: (r) => {
      squash(r, "work~1");
      r.commit("one", { f: lines({ 3: "one\n" }) });
      r.commit("two", { f: lines({ 3: "one\n", 30: "two\n" }), new: "file\n" });
    },
    left: [],
  },
  "a rebase": {
    work: two,
    main: (r) => {
      r.commit("other", { f: lines({ 20: "other\n" }) });
      r.git("cherry-pick", "work~1", "work");
    },
    left: [],
  },
  "the second one picked": {
    work: two,
    main: (r) => r.git("cherry-pick", "work"),
    left: ["one"],
  },
  "a squash, and trunk merged back": {
    work: two,
    main: (r) => {
      squash(r);
      r.commit("other", { g: "1" });
      r.git("switch", "-q", "work");
      r.git("merge", "-q", "--no-edit", "main");
    },
    left: [],
  },
  "trunk merged in, and a squash": {
    work: two,
    main: (r) => {
      r.commit("other", { g: "1" });
      r.git("switch", "-q", "work");
      r.git("merge", "-q", "--no-edit", "main");
      r.commit("three", { h: "3" });
      r.git("switch", "-q", "main");
      squash(r);
    },
    left: [],
  },
  "trunk merged in, with a change that only the merge has": {
    work: two,
    main: (r) => {
      r.commit("other", { f: lines({ 20: "other\n" }) });
      r.git("switch", "-q", "work");
      r.git("merge", "-q", "--no-commit", "main");
      r.write({ f: lines({ 3: "one\n", 30: "two\n", 20: "only here\n" }) });
      r.git("commit", "-q", "-a", "-m", "evil");
      r.git("switch", "-q", "main");
      r.git("cherry-pick", "work~2", "work~1");
    },
    left: ["evil"],
  },
  "made and undone again": {
    work: (r) => {
      two(r);
      r.git("revert", "--no-edit", "HEAD", "HEAD~1");
    },
    main: (r) => r.commit("other", { g: "1" }),
    left: ["one", "two", 'Revert "two"', 'Revert "one"'],
  },
  "a mode, a removal, a binary file": {
    work: (r) => {
      r.git("update-index", "--chmod=+x", "f");
      r.git("commit", "-q", "-m", "mode");
      r.git("reset", "-q", "--hard");
      r.git("rm", "-q", "README.md");
      r.commit("gone", { bin: Buffer.from([0, 1, 2, 255]) });
    },
    main: squash,
    left: [],
  },
  "the same content without the mode": {
    work: (r) => {
      r.git("update-index", "--chmod=+x", "f");
      r.git("commit", "-q", "-m", "mode");
      r.git("reset", "-q", "--hard");
    },
    main: (r) => r.commit("other", { f: lines({ 3: "other\n" }) }),
    left: ["mode"],
  },
  "what trunk was before the branch left it": {
    work: (r) => r.commit("back", { f: "before\n" }),
    main: (r) => r.commit("other", { g: "1" }),
    left: ["back"],
  },
  "names that need care": {
    work: (r) => r.commit("names", { "-x\n": "1", ":(glob)*": "2", "ü 'ï\"": "3" }),
    main: squash,
    left: [],
  },
  "a merge driver that keeps ours": {
    work: (r) => r.commit("lock", { "a.lock": "work\n" }),
    main: (r) => {
      r.commit("attributes", { ".gitattributes": "*.lock merge=ours\n", "a.lock": "main\n" });
      r.git("config", "merge.ours.driver", "true");
    },
    left: ["lock"],
  },
  "the same lines in another place": {
    work: (r) => r.commit("more", { twins: "a\nb\na\nb\na\nb\na\nb\n" }),
    main: (r) => r.commit("other", { twins: "a\nb\na\nb\na\nb\nx\n" }),
    left: ["more"],
  },
};

for (const [name, example] of Object.entries(CASES)) {
  test(`merged by content: ${name}`, async () => {
    using scratch = new Scratch();
    const repository = scratch.repository("r");
    repository.commit("before", { f: "before\n" });
    repository.commit("lines", { f: lines(), "a.lock": "1\n", twins: "a\nb\na\nb\na\nb\n" });
    repository.git("switch", "-q", "-c", "work");
    example.work(repository);
    repository.git("switch", "-q", "main");
    example.main(repository);
    assert.deepEqual(await left(repository), example.left);
  });
}

test("merged by content: histories that have nothing in common", async () => {
  using scratch = new Scratch();
  const repository = scratch.repository("r");
  repository.git("switch", "-q", "--orphan", "work");
  repository.commit("same", { "README.md": "hello\n" });
  assert.deepEqual(await left(repository), ["same"]);
});
