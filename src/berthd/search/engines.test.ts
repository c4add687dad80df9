import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { ensurePackages, requireOrSkip } from "../../../test/fixtures/install.ts";
import type { SearchedFile, SearchResult } from "../../contract/text.ts";
import type { ParamsInput } from "../../wire/messages.ts";
import { type FileBench, fileBench } from "../files/testing.ts";

type Query = Partial<ParamsInput<"fs.search">>;

async function ask(bench: FileBench, query: Query): Promise<SearchResult> {
  const { result, events } = await bench.client.call("fs.search", { paths: [bench.directory], ...query });
  const files: SearchedFile[] = [];
  for (const part of [...events, result]) {
    for (const file of (part as SearchResult).files) {
      const last = files.at(-1);
      if (last?.path === file.path)
        files[files.length - 1] = { ...last, lines: [...last.lines, ...file.lines] };
      else files.push(file);
    }
  }
  return { ...(result as SearchResult), files };
}

/** A place without ripgrep. */
function own(): Promise<FileBench> {
  return fileBench({ searchPath: Promise.resolve("/nonexistent") });
}

async function put(bench: FileBench, files: Readonly<Record<string, string | Buffer>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(bench.path(name)), { recursive: true });
    await writeFile(bench.path(name), content);
  }
}

function names(bench: FileBench, { files }: SearchResult): string[] {
  return files.map(({ path }) => path.slice(bench.directory.length + 1));
}

const utf16 = Buffer.from("foo é\nbar 😀 foo\n", "utf16le");
const TREE: Readonly<Record<string, string | Buffer>> = {
  ".gitignore":
    "*.log\n/build/\n!keep.log\n**/deep/*.tmp\nwith blank\\ \n\\#hash\n# comment\nsub/only\n*.{x,y}\n[ab]racket\nmodules\n",
  "a.txt": "foo\nbar foo baz\n\nFOO\nfoobar\nno newline foo",
  "a/b.txt": "foo in a/b\n",
  "a.b/c.txt": "foo\n",
  "a-b": "foo dash\n",
  "x.log": "foo log\n",
  "keep.log": "foo keep\n",
  "build/o.txt": "foo\n",
  "src/build/o.txt": "foo\n",
  "deep/z.tmp": "foo\n",
  "src/deep/q.tmp": "foo\n",
  "with blank ": "foo\n",
  "#hash": "foo\n",
  "sub/only/f": "foo\n",
  "src/sub/only/f": "foo\n",
  "n.x": "foo\n",
  bracket: "foo\n",
  "modules/m/i.js": "foo\n",
  "src/modules/m.js": "foo\n",
  "src/.gitignore": "!*.log\n*.gen\n/anchored\n",
  "src/y.log": "foo y\n",
  "src/t.gen": "foo\n",
  "src/anchored": "foo\n",
  "src/in/anchored": "foo\n",
  "src/.ignore": "ign.txt\n!t.gen\n",
  "src/ign.txt": "foo\n",
  "src/.rgignore": "rgign.txt\n!ign.txt\n",
  "src/rgign.txt": "foo\n",
  "src/.hidden/h.txt": "foo hidden\n",
  ".dot": "foo dot\n",
  "src/.dot.ts": "foo\n",
  "src/x.ts": "foo\n",
  "nested/.git/info/exclude": "excluded\n",
  "nested/x.log": "foo\n",
  "nested/excluded": "foo\n",
  ".git/info/exclude": "excluded.txt\n",
  "excluded.txt": "foo\n",
  "crlf.txt": "foo\r\nbar\r\n\r\nfoo bar\r\nend foo",
  "cr.txt": "foo\rbar\rfoo\n",
  "invalid.txt": Buffer.from("a\xffb foo\nx\xe9 foo\n", "latin1"),
  "u16le.txt": Buffer.concat([Buffer.from([0xff, 0xfe]), utf16]),
  "u16be.txt": Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from(utf16).swap16()]),
  "bom.txt": "\ufefffoo bom\nbar\n",
  binary: "foo\0bar\nfoo\n",
  "long.txt": `${"x".repeat(300_000)} foo ${"y".repeat(300_000)}\nfoo\n${"é".repeat(600)}foo${"é".repeat(600)}\n`,
  "words.txt": "Straße STRASSE\nÄpfel äpfel\n日本語 foo\nfoo_bar fooÉ foo1\n  foo  \n\tfoo\t\n",
  "code.ts": "function foo(a: number) {\n  return a + 1;\n}\ninterface{}\n",
  empty: "",
  newlines: "\n\n\n",
  "many.txt": Array.from({ length: 3000 }, (_, i) => `line ${i} ${i % 7 === 0 ? "foo" : "bar"}`).join("\n"),
  "new\nline.txt": "foo\n",
  "é/ü.txt": "foo\n",
  "😀.txt": "foo\n",
  "\uffee.txt": "foo\n",
};

const PATTERNS = [
  "foo",
  "foo$",
  "^foo$",
  "^$",
  "\\bfoo\\b",
  "foo.*bar",
  "\\w+foo",
  "[[:alpha:]]+\\d",
  "foo\\s",
  "foo|bar",
  "(foo|bar) baz",
  "[^a-z]foo",
  "\\d{3,}",
  "x*",
  "^\\s*$",
  ".é",
  "\\p{Lu}",
  "(?i)äpfel",
  "(?i:f)oo1",
  "\\S+\\S",
  "[\\s\\S]foo",
  "[^\\W_]bar",
  "foo\\(",
  "interface\\{\\}",
  "b foo",
  "😀",
  "^.{3}$",
  "\\x66oo",
  "\\u{66}oo",
  "(?P<n>f)oo",
  "(?x) f o o",
  "o{2}",
  "foo_",
];
const QUERIES: readonly Query[] = [
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
  { globs: ["*.{ts,js}", "!x.ts"] },
  { globs: ["src/**/*.ts", "a/*"] },
  { globs: ["**/*.log"] },
  { globs: ["!src"] },
  { globs: ["**/deep/**"], ignored: true },
  { maxLineBytes: 20 },
  { show: "files", maxResults: 3 },
  { show: "count", maxPerFile: 2 },
];

/** Both engines over the same tree, or a skipped test where ripgrep can't be had. */
async function bothEngines(t: TestContext) {
  if ((await requireOrSkip(t, () => ensurePackages(["ripgrep"]).then(() => true))) === undefined) return;
  const stack = new AsyncDisposableStack();
  const ripgrep = stack.use(await fileBench({ searchPath: Promise.resolve("/usr/bin") }));
  const berth = stack.use(await own());
  const compare = async (query: Query) => {
    const whole = { maxResults: 100_000, maxBytes: 16_000_000, paths: [ripgrep.directory], ...query };
    const [theirs, ours] = await Promise.all([ask(ripgrep, whole), ask(berth, whole)]);
    assert.deepEqual([theirs.engine, ours.engine], ["ripgrep", "berth"]);
    // Told by what differs: a difference of all lines would take gigabytes.
    const same = isDeepStrictEqual({ ...ours, engine: "" }, { ...theirs, engine: "" });
    const lines = ({ files }: SearchResult) => files.map((file) => JSON.stringify(file));
    const without = (some: string[], others: string[]) =>
      some.find((line) => !others.includes(line))?.slice(0, 300);
    const [left, right] = [lines(theirs), lines(ours)];
    const difference = `ripgrep: ${without(left, right)}; Berth: ${without(right, left)}`;
    assert.ok(same, `${JSON.stringify(query)}: ${difference}`);
  };
  return { bench: ripgrep, compare, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test("both engines find the same lines in the same order, whatever is asked for", async (t) => {
  await using both = await bothEngines(t);
  if (both === undefined) return;
  const { bench, compare } = both;
  await put(bench, TREE);
  await symlink("a.txt", bench.path("link"));
  await symlink("src", bench.path("directory-link"));
  execFileSync("mkfifo", [bench.path("fifo")]);
  for (const pattern of PATTERNS) await compare({ pattern });
  for (const query of QUERIES) for (const pattern of ["foo", "o|r"]) await compare({ ...query, pattern });
  for (const pattern of ["foo\nbar", "foo\\s+bar", "\\{[^}]*\\}"]) {
    await compare({ pattern, multiline: true, globs: ["*.txt", "*.ts"] });
  }
  for (const paths of [["a.txt"], ["binary", "a.txt", "src"], ["src", "."], ["modules"], ["link", "x.log"]]) {
    const absolute = paths.map((path) => join(bench.directory, path));
    for (const query of [{}, { show: "files" }, { maxResults: 4 }] as const) {
      await compare({ pattern: "foo", paths: absolute, ...query });
    }
  }
});

test("an expression that ripgrep has not is looked for by Berth, where there is ripgrep, too", async (t) => {
  await using both = await bothEngines(t);
  if (both === undefined) return;
  await put(both.bench, { file: "foobar\nfoo\n" });
  const found = await ask(both.bench, { pattern: "foo(?=bar)" });
  assert.deepEqual([found.engine, found.files[0]?.lines.map(({ number }) => number)], ["berth", [1]]);
});

test("a pattern that is none is refused with the engine's words", async (t) => {
  await using both = await bothEngines(t);
  await using alone = await own();
  for (const bench of [both?.bench, alone]) {
    if (bench === undefined) continue;
    for (const pattern of ["(", "[a", "a**b{", "foo\\nbar", "\\k"]) {
      await assert.rejects(ask(bench, { pattern }), { code: "search.pattern_invalid" }, pattern);
    }
    await assert.rejects(ask(bench, { globs: ["[a"] }), { code: "search.pattern_invalid" });
    await assert.rejects(ask(bench, { pattern: "a", paths: [bench.path("gone")] }), { code: "ENOENT" });
  }
});

test("entries are found by their names, with size and time, the newest first when asked for", async () => {
  await using bench = await own();
  await put(bench, { "b/c.ts": "12345", "a.ts": "1", "a/d.js": "", ".h.ts": "" });
  await symlink("a.ts", bench.path("link"));
  const all = await ask(bench, { types: ["file", "directory", "symlink"] });
  assert.deepEqual(names(bench, all), ["a", "a/d.js", "a.ts", "b", "b/c.ts", "link"]);
  assert.deepEqual(
    all.files.map(({ type }) => type),
    ["directory", "file", "file", "directory", "file", "symlink"],
  );
  const typescript = await ask(bench, { globs: ["*.ts"] });
  assert.deepEqual(
    typescript.files.map(({ size }) => size),
    [1, 5],
  );
  assert.ok((typescript.files[0]?.mtimeMs ?? 0) > Date.now() - 3_600_000);
  execFileSync("touch", ["-d", "2001-01-01", bench.path("a.ts")]);
  assert.deepEqual(names(bench, await ask(bench, { globs: ["*.ts"], sort: "modified" })), ["b/c.ts", "a.ts"]);
  const cut = await ask(bench, { globs: ["*.ts"], maxResults: 1 });
  assert.deepEqual([names(bench, cut), cut.truncated], [["a.ts"], true]);
  assert.equal((await ask(bench, { globs: ["*.ts"], maxResults: 2 })).truncated, false);
  assert.deepEqual(names(bench, await ask(bench, { maxDepth: 1, types: ["directory"] })), ["a", "b"]);
});

test("an expression that would never end is ended at the deadline, and the next search works", async () => {
  await using bench = await own();
  await put(bench, { file: `${"a".repeat(40)}\n` });
  const endless = ask(bench, { pattern: "^(a+)+$x?b", deadlineMs: 300 });
  await assert.rejects(endless, { code: "operation.timeout" });
  assert.equal((await ask(bench, { pattern: "aa" })).results, 1);
});

test("what is contained stays inside, also when a directory on the way is a link or becomes one", async () => {
  await using bench = await own();
  await put(bench, { "in/file": "secret? no\n", "out/file": "secret\n" });
  await symlink("../out", bench.path("in/link"));
  const contained = { root: bench.path("in") };
  const inside = await ask(bench, { pattern: "secret", paths: [bench.path("in")], contained });
  assert.deepEqual(names(bench, inside), ["in/file"]);
  for (const path of ["in/link", "in/../out", "out"]) {
    const outside = ask(bench, { pattern: "secret", paths: [bench.path(path)], contained });
    await assert.rejects(outside, { code: "fs.outside_workspace" }, path);
  }
  await mkdir(bench.path("in/swapped"));
  for (let round = 0; round < 20; round++) {
    const asked = ask(bench, { pattern: "secret", paths: [bench.path("in/swapped")], contained }).then(
      ({ files }) => files,
      () => [],
    );
    await rename(bench.path("in/swapped"), bench.path("in/away"));
    await symlink("../out", bench.path("in/swapped"));
    assert.deepEqual(await asked, []);
    await rm(bench.path("in/swapped"));
    await rename(bench.path("in/away"), bench.path("in/swapped"));
  }
});
