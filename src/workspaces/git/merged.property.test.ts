import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { mergedByContent } from "./merged.ts";
import { localGitPlace } from "./places.ts";
import { Scratch, type TestRepository } from "./repository.testing.ts";

/** The same each time; others in the long run, where there is time to look into what they find. */
const CASES = process.env.BERTH_LONG === "1" ? { numRuns: 150 } : { numRuns: 6, seed: 20_260 };
const LINES = 10;
const git = localGitPlace();

/** A line of a file gets other words; or one more line comes before it, or it goes. */
const edit = fc.record({
  file: fc.constantFrom("f", "g"),
  line: fc.nat({ max: LINES - 1 }),
  how: fc.constantFrom("replace", "insert", "remove", "twin"),
});
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("edit" as const),
      edits: fc.array(edit, { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("squash" as const), of: fc.nat({ max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("pick" as const), of: fc.nat({ max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("revert" as const) }) },
);
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

/** Words that nobody else has, so that it can be told where they are; but twins look all the same. */
class Writer {
  #count = 0;
  readonly files: Record<string, string[]> = { f: [], g: [] };

  constructor() {
    for (const lines of Object.values(this.files))
      for (let at = 0; at < LINES; at += 1) lines.push(`line ${at}`);
  }

  take(edits: readonly Edit[]): void {
    for (const { file, line, how } of edits) {
      const lines = this.files[file] ?? [];
      this.#count += 1;
      if (how === "replace") lines[line] = `words ${this.#count} of ${file}`;
      else if (how === "insert") lines.splice(line, 0, `words ${this.#count} of ${file}`);
      else if (how === "twin") lines.splice(line, 0, "twin");
      else lines.splice(line, 1);
    }
  }

  static text(files: Readonly<Record<string, readonly string[]>>): Record<string, string> {
    return Object.fromEntries(
      Object.entries(files).map(([name, lines]) => [name, lines.map((line) => `${line}\n`).join("")]),
    );
  }
}

function tried(repository: TestRepository, ...args: string[]): boolean {
  try {
    repository.git(...args);
    return true;
  } catch {
    return false;
  }
}

/** "" where the file is not there any more. */
function textOf(repository: TestRepository, commit: string, name: string): string {
  try {
    return repository.git("show", `${commit}:${name}`);
  } catch {
    return "";
  }
}

function wordsIn(repository: TestRepository, commit: string): Set<string> {
  const lines = ["f", "g"].flatMap((name) => textOf(repository, commit, name).split("\n"));
  return new Set(lines.filter((line) => line.startsWith("words ")));
}

test(`what counts as merged is in trunk's history, and what was squashed whole counts (${CASES.numRuns} runs)`, async () => {
  using scratch = new Scratch();
  const repository = scratch.repository("r");
  const start = repository.commit("start", Writer.text(new Writer().files));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(edit, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 }),
      fc.array(step, { maxLength: 5 }),
      async (work, trunk) => {
        repository.git("checkout", "-q", "-f", "-B", "work", start);
        const writer = new Writer();
        const commits = work.map((edits, at) => {
          writer.take(edits);
          return repository.commit(`work ${at}`, Writer.text(writer.files));
        });
        const tip = commits.at(-1) ?? "";
        repository.git("checkout", "-q", "-f", "-B", "main", start);
        let whole = false;
        for (const one of trunk) {
          if (one.kind === "edit") {
            const text = Object.fromEntries(
              ["f", "g"].map((name) => [name, textOf(repository, "HEAD", name).split("\n")]),
            );
            for (const { file, line, how } of one.edits) {
              if (how === "remove") text[file]?.splice(line, 1);
              else
                text[file]?.splice(
                  line,
                  how === "replace" ? 1 : 0,
                  how === "twin" ? "twin" : `trunk ${line}`,
                );
            }
            repository.commit("trunk", Writer.text(text));
          } else if (one.kind === "squash") {
            const of = commits[one.of] ?? tip;
            const fits = tried(repository, "merge", "-q", "--squash", of);
            if (fits && of === tip) whole = true;
            if (fits) repository.commit("squash");
          } else if (one.kind === "pick") tried(repository, "cherry-pick", commits[one.of] ?? tip);
          else tried(repository, "revert", "--no-edit", "HEAD");
          repository.git("reset", "-q", "--hard");
        }
        const main = repository.git("rev-parse", "HEAD");
        const gitDir = join(repository.path, ".git");
        const merged = new Set(await mergedByContent({ git, gitDir }, { tip, trunks: [main] }));
        // What was picked within the second in which it was made is the same commit.
        for (const commit of commits) {
          if (tried(repository, "merge-base", "--is-ancestor", commit, main)) merged.add(commit);
        }

        const history = repository.git("rev-list", main, "--not", `${start}~1`).split("\n");
        const known = new Set(history.flatMap((commit) => [...wordsIn(repository, commit)]));
        // Of commits in a row that count as merged, the last one's words are what has to be there.
        for (const [at, commit] of commits.entries()) {
          if (!merged.has(commit)) continue;
          const last = commits.slice(at).findIndex((next) => !merged.has(next));
          const end = last === -1 ? tip : (commits[at + last - 1] ?? "");
          const before = wordsIn(repository, `${commit}~1`);
          const own = [...wordsIn(repository, commit)].filter((word) => !before.has(word));
          const kept = wordsIn(repository, end);
          for (const word of own.filter((word) => kept.has(word))) assert.ok(known.has(word), word);
        }
        const changesNothing = repository.git("diff", start, tip) === "";
        if (whole && !changesNothing)
          assert.deepEqual(
            commits.filter((commit) => !merged.has(commit)),
            [],
          );
      },
    ),
    CASES,
  );
});
