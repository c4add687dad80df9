import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { isBerthError } from "../../contract/errors.ts";
import { branchProblem, isWorkspaceName, slug } from "../../contract/workspace-name.ts";
import { checkBranchName, checkWorkspaceName, defaultBranch, isProtected } from "./names.ts";

test("names of workspaces are one plain component of a path", () => {
  for (const name of ["a", "fix-login", "v1.2_x", "0", "A".repeat(60)])
    assert.equal(checkWorkspaceName(name), name);
  for (const name of [
    "",
    ".",
    "..",
    ".base.git",
    ".berth",
    "-x",
    "a/b",
    "a b",
    "ü",
    "$(id)",
    "x.git",
    "x.lock",
  ])
    assert.throws(
      () => checkWorkspaceName(name),
      (error) => isBerthError(error, "workspace.name_invalid"),
      name,
    );
  assert.equal(isWorkspaceName("A".repeat(61)), false);
  assert.equal(isWorkspaceName("a\n"), false);
  assert.equal(isWorkspaceName("a."), false);
});

test("a slug is a name, whatever the branch", () => {
  const expected: Record<string, string> = {
    "feature/login": "feature-login",
    "fix/Größe--äöü": "fix-Gro-e-aou",
    "$(touch x)": "touch-x",
    设置: "workspace",
    "": "workspace",
    "../../etc": "etc",
    ".base.git": "base",
    ".berth": "berth",
    "a.lock": "a",
    "x/.git": "x",
    "--force": "force",
    'it\'s "quoted"': "it-s-quoted",
  };
  for (const [branch, name] of Object.entries(expected)) assert.equal(slug(branch), name, branch);
  const long = slug(`${"word-".repeat(20)}end`);
  assert.equal(isWorkspaceName(long), true);
  assert.equal(long.endsWith("word"), true);
  for (const text of ["ﬁx", "👩‍💻", "a".repeat(500), "_._", "x.GIT.lock"])
    assert.equal(isWorkspaceName(slug(text)), true, text);
});

test("names of branches are what git takes", () => {
  const parts = [
    "a",
    "B",
    "ü",
    "设",
    ".",
    "..",
    "/",
    "-",
    "@",
    "@{",
    "{",
    "~",
    "^",
    ":",
    "?",
    "*",
    "[",
    "\\",
    " ",
  ];
  parts.push(
    "\t",
    "\x7f",
    ".lock",
    "lock",
    "$(touch x)",
    "'",
    '"',
    "HEAD",
    "\n",
    "@{-1}",
    "\u00a0",
    "!",
    "|",
  );
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * below);
  };
  const names = new Set<string>(parts);
  while (names.size < 600) {
    names.add(Array.from({ length: 1 + random(4) }, () => parts[random(parts.length)]).join(""));
  }
  const list = [...names];
  // One git for all of them: update-ref refuses the whole transaction at the first name that is none, so each is asked.
  const script =
    'for name do if git check-ref-format --branch "$name" >/dev/null 2>&1; then echo y; else echo n; fi; done';
  const said = execFileSync("/bin/sh", ["-c", script, "sh", ...list], { encoding: "utf8", cwd: "/" });
  const byGit = said
    .trim()
    .split("\n")
    .map((line) => line === "y");
  list.forEach((name, index) => {
    // A blank inside is what differs between "$(touch x)" and a name: git refuses it too.
    assert.equal(branchProblem(name) === undefined, byGit[index], JSON.stringify(name));
  });
  assert.equal(byGit.filter(Boolean).length > 50, true);
  assert.throws(
    () => checkBranchName("@{-1}"),
    (error) => isBerthError(error, "workspace.branch_invalid") && /holds @\{/.test(error.message),
  );
  assert.notEqual(branchProblem(`a/${"x".repeat(251)}`), undefined);
  assert.notEqual(branchProblem("\ud800"), undefined);
  assert.equal(defaultBranch("x", "agents/"), "agents/x");
});

test("protected branches", () => {
  for (const branch of ["main", "Master", "trunk", "develop"]) assert.equal(isProtected(branch), true);
  assert.equal(isProtected("feature"), false);
  const protection = { patterns: ["release/*", "keep/**", "v+"], trunk: "next", checkedOut: "mine" };
  const cases = {
    "release/1": true,
    "release/1/x": false,
    "release/": true,
    "keep/a/b": true,
    "v+": true,
    vv: false,
    next: true,
    mine: true,
    "xrelease/1": false,
  };
  for (const [branch, expected] of Object.entries(cases))
    assert.equal(isProtected(branch, protection), expected, branch);
});
