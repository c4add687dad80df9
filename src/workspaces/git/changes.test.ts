import assert from "node:assert/strict";
import {
  chmodSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../../contract/errors.ts";
import { captureChanges, dropChanges, restoreChanges } from "./changes.ts";
import { localGitPlace } from "./places.ts";
import { Scratch, type TestRepository } from "./repository.testing.ts";

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

for (const [name, change] of Object.entries(STATES)) {
  test(`uncommitted state travels: ${name}`, async () => {
    using scratch = new Scratch();
    const { source, target } = pair(scratch);
    change(source);
    const before = picture(source);
    const status = source.gitBytes("status", "--porcelain", "-z").toString();
    const index = readFileSync(join(source.path, ".git/index"));
    const changes = await captureChanges(git, source.path, { id: "one" });
    assert.ok(changes !== undefined);
    assert.deepEqual(changes.leftBehind, []);
    assert.deepEqual(readFileSync(join(source.path, ".git/index")), index);
    assert.deepEqual(picture(source), before);
    assert.notEqual(status, "");
    source.git("push", "-q", "../target", "refs/berth/changes/one");
    await restoreChanges(git, target.path, changes);
    assert.equal(target.gitBytes("status", "--porcelain", "-z").toString(), status);
    assert.deepEqual(picture(target), before);
    assert.equal(target.git("diff", "--cached"), source.git("diff", "--cached"));
    assert.equal(target.git("diff"), source.git("diff"));
    // The connection is cut after the last step: the next attempt finds it done.
    await restoreChanges(git, target.path, changes);
    assert.deepEqual(picture(target), before);
    source.intact();
    target.intact();
  });
}

/** Two checkouts of one commit, in repositories of their own. */
function pair(scratch: Scratch): { source: TestRepository; target: TestRepository } {
  const source = scratch.repository("source");
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
  source.git("clone", "-q", ".", "../target");
  return { source, target: new (source.constructor as typeof TestRepository)(join(scratch.path, "target")) };
}

/** Every file of a checkout, with mode and content. */
function picture(repository: TestRepository): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(repository.path, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(repository.path.length + 1);
    if (name === ".git" || name.startsWith(".git/") || entry.isDirectory()) continue;
    found[name] = entry.isSymbolicLink()
      ? `link ${readlinkSync(path)}`
      : `${(statSync(path).mode & 0o111) === 0 ? "file" : "program"} ${readFileSync(path, "base64")}`;
  }
  return found;
}
