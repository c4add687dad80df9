import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { after, test } from "node:test";
import { fileBench } from "../../berthd/files/testing.ts";
import type { SearchedFile, SearchOptions, SearchResult } from "../../contract/text.ts";
import type { ParamsInput } from "../../wire/messages.ts";
import { placeMissing, removeApplets, testPlace, until } from "./testing.ts";

after(removeApplets);

const TREE: Readonly<Record<string, string | Buffer>> = {
  ".git/info/exclude": "excluded\n",
  ".gitignore": "*.log\r\n/build/\n!keep.log\n**/deep/*.tmp\nsub/only\nmodules\n",
  "a.txt": "foo\nbar foo baz\n\nFOO\nfoobar\nno newline foo",
  "a/b.txt": "foo in a/b\n",
  "a-b": "foo dash\n",
  "x.log": "foo\n",
  "keep.log": "foo keep\n",
  "build/o.txt": "foo\n",
  "src/build/o.txt": "foo\n",
  "deep/z.tmp": "foo\n",
  excluded: "foo\n",
  "sub/only/f": "foo\n",
  "src/sub/only/f": "foo\n",
  "modules/m/i.js": "foo\n",
  "src/.gitignore": "!*.log\n*.gen\n/anchored\n",
  "src/y.log": "foo y\n",
  "src/t.gen": "foo\n",
  "src/anchored": "foo\n",
  "src/in/anchored": "foo\n",
  "src/.ignore": "ign.txt\n!t.gen\n",
  "src/ign.txt": "foo\n",
  "src/.hidden/h.txt": "foo hidden\n",
  "nested/.git/info/exclude": "also\n",
  "nested/x.log": "foo\n",
  "nested/also": "foo\n",
  "crlf.txt": "foo\r\nbar\r\n\r\nfoo bar\r\nend foo",
  binary: "foo\0bar\nfoo\n",
  "words.txt": "foo_bar foo1\n  foo  \n\tfoo\t\nf.o [foo] a^b a-b a]b\n",
  "code.ts": "function foo(a: number) {\n  return a + 1;\n}\ninterface{}\n",
  empty: "",
  newlines: "\n\n\n",
  "many.txt": Array.from({ length: 300 }, (_, i) => `line ${i} ${i % 7 === 0 ? "foo" : "bar"}`).join("\n"),
  "é/ü 'x' $y.txt": "foo é\n",
  ":1:foo": "foo\n",
};
const PATTERNS = [
  "foo",
  "foo$",
  "^foo$",
  "^$",
  "\\bfoo\\b",
  "foo.*?bar",
  "\\w+foo",
  "[[:alpha:]]+\\d",
  "foo\\s",
  "(?:foo|bar) baz",
  "[^a-z]foo",
  "\\d{3,}",
  "^\\s*$",
  "(?i)FOO",
  "\\S+\\S",
  "[\\s\\S]foo",
  "[^\\W_]bar",
  "foo\\(",
  "interface\\{\\}",
  "\\x66oo",
  "(?P<n>f)oo",
  "o{2}",
  "é",
  "[éx]",
  "f\\.o",
  "[\\]^-]b",
  "a[\\^]b",
  "\\[foo\\]",
];
const QUERIES: readonly SearchOptions[] = [
  { ignoreCase: true },
  { ignoreCase: "smart" },
  { word: true },
  { literal: true },
  { before: 1, after: 2 },
  { show: "files" },
  { show: "count" },
  { hidden: true },
  { ignored: true },
  { maxDepth: 2 },
  { maxPerFile: 2 },
  { maxPerFile: 2, before: 1, after: 1 },
  { maxResults: 7, before: 1, after: 1 },
  { maxBytes: 200 },
  { maxFileBytes: 100 },
  { globs: ["*.{ts,txt}", "!a.txt"] },
  { globs: ["src/**/*.txt", "a/*"] },
  { globs: ["!src"] },
  { show: "files", maxResults: 3 },
  { show: "count", maxPerFile: 2 },
];
const NAMES: readonly SearchOptions[] = [
  {},
  { hidden: true },
  { ignored: true, hidden: true },
  { types: ["directory", "symlink"] },
  { globs: ["**/*.txt"], maxResults: 2 },
  { types: ["file", "directory"], maxDepth: 1 },
];

/** The same tree by the place's own tools, and by the daemon's engine. */
async function both(name: "dash" | "bash" | "busybox") {
  const stack = new AsyncDisposableStack();
  const place = stack.use(await testPlace(name));
  const bench = stack.use(await fileBench({ searchPath: Promise.resolve("/nonexistent") }));
  for (const [path, content] of Object.entries(TREE)) {
    await mkdir(dirname(place.path(path)), { recursive: true });
    await writeFile(place.path(path), content);
  }
  await symlink("a.txt", place.path("link"));
  await symlink("src", place.path("directory-link"));
  const compare = async (query: SearchOptions, engine: SearchResult["engine"]) => {
    const paths = query.paths ?? [place.directory];
    const theirs = await place.runtime.fs.search({ ...query, paths });
    const { result, events } = await bench.client.call("fs.search", {
      ...(query as Partial<ParamsInput<"fs.search">>),
      paths: [...paths],
    });
    const files: SearchedFile[] = [...events, result].flatMap(
      (part) => (part as SearchResult).files as SearchedFile[],
    );
    const plain = (all: readonly SearchedFile[]) =>
      all.map((file) => ({ ...file, mtimeMs: file.mtimeMs && Math.floor(file.mtimeMs) }));
    const ours = { ...(result as SearchResult), files: plain(files), engine };
    const whole = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
    assert.deepEqual(whole({ ...theirs, files: plain(theirs.files) }), whole(ours), JSON.stringify(query));
  };
  return { place, compare, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

for (const [name, engine] of [
  ["busybox", "grep"],
  ["dash", "ripgrep"],
] as const) {
  test(`${name}: what is found without a daemon is what a daemon finds`, {
    skip: placeMissing(name),
  }, async () => {
    await using found = await both(name);
    const { place, compare } = found;
    // ripgrep's own are compared beside the daemon, too.
    for (const pattern of engine === "grep" ? PATTERNS : PATTERNS.slice(0, 3)) {
      await compare({ pattern, globs: ["{words,crlf,a,ü*}.txt", "code.ts"] }, engine);
    }
    for (const query of QUERIES) await compare({ ...query, pattern: "foo" }, engine);
    for (const query of NAMES) await compare(query, "grep");
    const paths = [["a.txt"], ["binary", "a.txt", "src"], ["src", "."], ["modules"], ["link", "x.log"]];
    for (const some of paths) {
      await compare({ pattern: "foo", paths: some.map((path) => place.path(path)) }, engine);
    }
  });
}

test("what is contained stays inside, also when the directory becomes a link", {
  skip: placeMissing("dash"),
}, async () => {
  await using place = await testPlace("dash");
  await mkdir(place.path("in/swapped"), { recursive: true });
  await mkdir(place.path("out"));
  await writeFile(place.path("out/file"), "secret\n");
  await symlink("../out", place.path("in/link"));
  const contained = { root: place.path("in") };
  for (const path of ["in/link", "in/link/file", "in/../out", "out/file"]) {
    const outside = place.runtime.fs.search({ pattern: "secret", paths: [place.path(path)], contained });
    await assert.rejects(outside, { code: "fs.outside_workspace" }, path);
  }
  for (let turn = 0; turn < 4; turn++) {
    const asked = place.runtime.fs
      .search({ pattern: "secret", paths: [place.path("in/swapped")], contained })
      .then(
        ({ files }) => files,
        () => [],
      );
    await rename(place.path("in/swapped"), place.path("in/away"));
    await symlink("../out", place.path("in/swapped"));
    assert.deepEqual(await asked, []);
    await rm(place.path("in/swapped"));
    await rename(place.path("in/away"), place.path("in/swapped"));
  }
});

for (const name of ["dash", "busybox"] as const) {
  test(`${name}: what can't be looked for is refused by name, before anything is looked at`, {
    skip: placeMissing(name),
  }, async () => {
    await using place = await testPlace(name);
    const { fs } = place.runtime;
    for (const pattern of ["(", "a(?=b)", "(a)\\1", "a\\nb"]) {
      await assert.rejects(fs.search({ pattern }), { code: "search.pattern_invalid" }, pattern);
    }
    await assert.rejects(fs.search({ globs: ["[a"] }), { code: "search.pattern_invalid" });
    await assert.rejects(fs.search({ pattern: "a", paths: ["gone"] }), { code: "ENOENT" });
    await assert.rejects(fs.search({ maxResults: 0 }), { code: "EINVAL" });
    await assert.rejects(fs.search({ user: "nobody" }), { code: "runtime.capability_unsupported" });
    await assert.rejects(fs.search({ pattern: "a", signal: AbortSignal.abort() }), {
      code: "operation.aborted",
    });
  });
}

test("a place without find says so", { skip: placeMissing("bare") }, async () => {
  await using place = await testPlace("bare");
  await assert.rejects(place.runtime.fs.search(), { code: "runtime.capability_unsupported" });
});

test("a search that is over leaves nothing running, at its deadline and when there is enough", {
  skip: placeMissing("dash"),
}, async () => {
  await using place = await testPlace("dash");
  // So much that it is not through when the first lines have come.
  const needle = `needle ${place.directory}`;
  const line = `${needle} ${"x".repeat(200)}\n`;
  await writeFile(place.path("large"), line.repeat(200_000));
  const search = (options: SearchOptions) =>
    place.runtime.fs.search({ paths: [place.directory], pattern: needle, ...options });
  const { results, truncated } = await search({ maxResults: 3 });
  assert.deepEqual([results, truncated], [3, true]);
  await until("ripgrep has ended", () => !isSearching(needle));
  await assert.rejects(search({ deadlineMs: 1, before: 3, maxResults: 1_000_000, maxBytes: 2 ** 30 }), {
    code: "operation.timeout",
  });
  await until("ripgrep has ended", () => !isSearching(needle));
});

function isSearching(needle: string): boolean {
  const listed = execFileSync("ps", ["-eo", "args="], { encoding: "utf8" });
  return listed.split("\n").some((line) => line.startsWith("rg ") && line.includes(needle));
}
