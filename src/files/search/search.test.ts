import assert from "node:assert/strict";
import { test } from "node:test";
import { Collector } from "./collector.ts";
import { grepPattern } from "./extended.ts";
import { globFilter } from "./glob.ts";
import { type IgnoreLevel, IgnoreRules, isIgnored } from "./ignore.ts";
import { compilePattern } from "./pattern.ts";
import { Scanner } from "./scanner.ts";

const PLAIN = { literal: false, ignoreCase: false, word: false, multiline: false } as const;

test("globs: stars, braces, classes and escapes; one without a slash matches names", () => {
  const takes = (globs: readonly string[], path: string) =>
    globFilter(globs).takes(path, path.slice(path.lastIndexOf("/") + 1));
  for (const [glob, path, expected] of [
    ["*.ts", "a/b.ts", true],
    ["a/*.ts", "a/b/c.ts", false],
    ["a/**/*.ts", "a/c.ts", true],
    ["a/**/*.ts", "a/b/d/c.ts", true],
    ["**/b", "b", true],
    ["/b", "a/b", false],
    ["a/**", "a", false],
    ["*.{ts,js}", "x.js", true],
    ["[!a-c]x", "dx", true],
    ["[!a-c]x", "bx", false],
    ["[]]x", "]x", true],
    ["a?c", "a/c", false],
    ["\\*x", "*x", true],
    ["\\*x", "ax", false],
    ["?", "😀", true],
    ["./a/b", "a/b", true],
  ] as const) {
    assert.equal(takes([glob], path), expected, `${glob} ${path}`);
  }
  assert.equal(takes(["*.ts", "!x.ts"], "a/x.ts"), false);
  assert.equal(globFilter(["!node_modules"]).prunes("a/node_modules", "node_modules"), true);
  for (const glob of ["[a", "{a", "a\\", "!", "[b-a]"]) {
    assert.throws(() => globFilter([glob]), { code: "search.pattern_invalid" }, glob);
  }
});

test("ignore files: the last rule decides; anchored, for directories only, negated, escaped, with CRLF", () => {
  const rules = new IgnoreRules(
    "\ufeff*.log\r\n!keep.log\r\n/top\r\nonly/\r\n# comment\r\n\\#hash\r\n\\!bang\r\nblank\\ \r\ntrail  \r\na/**/z\r\nb/**\r\n**/any/x\r\n[ab]c\r\nbroken[\r\n",
  );
  const match = (path: string, isDirectory = false) =>
    rules.match(path, path.slice(path.lastIndexOf("/") + 1), isDirectory);
  for (const [path, expected] of [
    ["d/x.log", true],
    ["d/keep.log", false],
    ["top", true],
    ["d/top", undefined],
    ["only", undefined],
    ["#hash", true],
    ["# comment", undefined],
    ["!bang", true],
    ["blank ", true],
    ["trail", true],
    ["a/z", true],
    ["a/b/c/z", true],
    ["b/q", true],
    ["b", undefined],
    ["d/any/x", true],
    ["any/x", true],
    ["bc", true],
    ["broken[", undefined],
  ] as const) {
    assert.equal(match(path), expected, path);
  }
  assert.equal(match("d/only", true), true);
});

test("ignore files inside each other: the nearest decides, and a repository's end at its root", () => {
  const level = (
    text: string,
    above: IgnoreLevel | undefined,
    start: number,
    isRepository: boolean,
  ): IgnoreLevel => ({
    above,
    start,
    prefix: "",
    isRepository,
    rules: [undefined, undefined, new IgnoreRules(text), undefined],
  });
  const root = level("*.log\n/a/anchored\n", undefined, 0, true);
  const inner = level("!*.log\n", root, 2, false);
  assert.equal(isIgnored(root, "x.log", "x.log", false), true);
  assert.equal(isIgnored(inner, "a/x.log", "x.log", false), false);
  assert.equal(isIgnored(inner, "a/anchored", "anchored", false), true);
  const own = level("q\n", root, 2, true);
  assert.equal(isIgnored(own, "a/x.log", "x.log", false), false);
});

test("patterns: what each match has in it is known, and what ripgrep can't look for", () => {
  const compiled = (text: string, options = {}) => compilePattern(text, { ...PLAIN, ...options });
  assert.deepEqual(compiled("foo\\w+barbaz").literals, ["barbaz"]);
  assert.deepEqual(compiled("(one|two)x?").literals, ["one", "two"]);
  assert.equal(compiled("(one|)x*").literals, undefined);
  assert.equal(compiled("foo", { ignoreCase: true }).literals, undefined);
  assert.deepEqual(
    [
      compiled("foo", { ignoreCase: "smart" }).ignoreCase,
      compiled("Foo", { ignoreCase: "smart" }).ignoreCase,
    ],
    [true, false],
  );
  assert.deepEqual(
    [compiled("a(?=b)").onlyHere, compiled("(a)\\1").onlyHere, compiled("a|b").onlyHere],
    [true, true, false],
  );
  for (const text of [
    "(",
    ")",
    "[a",
    "a**",
    "*",
    "a{2",
    "\\k",
    "(?z)a",
    "a\\nb",
    "[b-a]",
    "\\p{Nope}",
    "a{1001}",
  ]) {
    assert.throws(() => compiled(text), { code: "search.pattern_invalid" }, text);
  }
});

test("patterns for grep say the same in extended expressions, or are refused", () => {
  const text = (pattern: string) => grepPattern(pattern, PLAIN).text;
  for (const [pattern, expected] of [
    ["a.*?b", "a[^\r]*b"],
    ["(?:a|b)+$", "(a|b)+\r?$"],
    ["(?<n>a){2,}", "(a){2,}"],
    ["\\d\\.", "[0123456789]\\."],
    ["[\\^]", "\\^"],
    ["[\\^-]", "[-^]"],
    ["[\\]a]", "[]a]"],
    ["é+", "(é)+"],
    ["[éa]", "([a]|é)"],
    ["\\x41\\t", "A\t"],
    ["\\bx\\b", "\\bx\\b"],
  ] as const) {
    assert.equal(text(pattern), expected, pattern);
  }
  assert.deepEqual(grepPattern("(?i)ab", PLAIN).flags, ["-E", "-i"]);
  assert.deepEqual(grepPattern("a.b", { ...PLAIN, literal: true, word: true }), {
    flags: ["-F", "-w"],
    literals: ["a.b"],
    text: "a.b",
  });
  for (const pattern of ["a(?=b)", "(a)\\1", "\\p{Lu}", "a(?i:b)", "(?x)a b", "[^é]", "[à-é]", "\\Aa"]) {
    assert.throws(() => text(pattern), { code: "search.pattern_invalid" }, pattern);
  }
  assert.throws(() => grepPattern("a", { ...PLAIN, multiline: true }), { code: "search.pattern_invalid" });
});

test("a large file is looked through in parts, with the numbers of its lines and without holding it", () => {
  const limits = {
    show: "lines",
    after: 1,
    maxResults: 1000,
    maxPerFile: 1000,
    maxBytes: 2 ** 20,
    maxLineBytes: 500,
  } as const;
  const collector = new Collector(limits);
  const pattern = compilePattern("needle", PLAIN);
  const scanner = new Scanner({ pattern, multiline: false, before: 1, after: 1 }, collector);
  const line = Buffer.from(`${"x".repeat(1023)}\n`);
  const size = 500 * 1024 * 1024;
  const needles = [0, 4 * 1024 * 1024, size - 1024];
  let at = 0;
  let largest = 0;
  const before = process.memoryUsage().arrayBuffers;
  scanner.scan("/large", size, (buffer, offset, length) => {
    largest = Math.max(largest, buffer.length);
    const bytes = Math.min(length, size - at, 1024 - (at % 1024));
    line.copy(buffer, offset, at % 1024, (at % 1024) + bytes);
    if (needles.includes(at) && bytes > 6) buffer.write("needle", offset);
    at += bytes;
    return bytes;
  });
  scanner.release();
  const { files } = collector.result("berth");
  assert.deepEqual(
    files[0]?.lines.filter(({ match }) => match).map(({ number }) => number),
    needles.map((position) => position / 1024 + 1),
  );
  assert.equal(files[0]?.lines.length, 3 + 1 + 2 + 1);
  assert.ok(largest <= 8 * 1024 * 1024, String(largest));
  assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024);
});
