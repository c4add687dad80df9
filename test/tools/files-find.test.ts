import assert from "node:assert/strict";
import { mkdir, symlink, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileTools } from "../fixtures/file-tools.ts";

async function tree(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), content);
  }
}

const PROJECT = {
  "README.md": "# Readme\n",
  ".env": "A=1\n",
  ".gitignore": "dist/\n",
  "dist/out.js": "const built = 1;\n",
  "src/index.ts": "export const one = 1;\nexport const two = 2;\n// end\n",
  "src/deep/a.ts": "const alpha = one;\n",
  "src/deep/b.test.ts": "const beta = 1;\n",
};

test("list: entries with types and sizes; hidden and ignored ones with depth 1 only", async () => {
  await using hands = await fileTools();
  await tree(hands.root, { ...PROJECT, "big.bin": "x".repeat(2_500) });
  await symlink("README.md", join(hands.root, "link"));
  hands.requests();
  assert.equal(
    await hands.text("list", {}),
    "./\n  .env  4\n  .gitignore  6\n  README.md  9\n  big.bin  2.4K\n  dist/\n  link@\n  src/",
  );
  assert.deepEqual(hands.requests(), ["search"]);
  assert.equal(
    await hands.text("list", { path: "src", depth: 3 }),
    "src/\n  deep/\n    a.ts  19\n    b.test.ts  16\n  index.ts  51\n[hidden and ignored entries are not listed]",
  );
  const all = await hands.text("list", { depth: 2, hidden: true, ignored: true });
  assert.match(all, / {2}dist\/\n {4}out\.js {2}17\n/);
});

test("list: many entries are counted, directory by directory", async () => {
  await using hands = await fileTools({ limits: { maxLines: 40 } });
  const names = Array.from({ length: 120 }, (_, index) => `many/${String(index).padStart(3, "0")}`);
  await tree(hands.root, {
    ...Object.fromEntries(names.map((name) => [name, ""])),
    "z.txt": "",
    "a.txt": "",
  });
  const text = await hands.text("list", { depth: 2 });
  assert.match(
    text,
    /^\.\/\n {2}a\.txt {2}0\n {2}many\/\n( {4}\d{3} {2}0\n){20} {4}… 100 more\n {2}z\.txt {2}0\n/,
  );
});

test("list: an empty directory, a file, and what is not there", async () => {
  await using hands = await fileTools();
  await tree(hands.root, { "file.txt": "12" });
  await mkdir(join(hands.root, "empty"));
  assert.equal(await hands.text("list", { path: "empty" }), "empty/\n[there is nothing in it]");
  assert.equal(await hands.text("list", { path: "file.txt" }), "  file.txt  2");
  assert.match(await hands.refused("list", { path: "emty" }, "ENOENT"), /There is: empty/);
});

test("names with control characters do not break the lines that they are told in", async () => {
  await using hands = await fileTools();
  await tree(hands.root, { "a\nb.txt": "hit\n" });
  assert.equal(await hands.text("list", {}), "./\n  a\\x0ab.txt  4");
  assert.equal(await hands.text("glob", { pattern: "*" }), "a\\x0ab.txt");
  assert.equal(await hands.text("grep", { pattern: "hit" }), "a\\x0ab.txt:1:hit");
});

test("glob: by name anywhere, by path, newest first", async () => {
  await using hands = await fileTools();
  await tree(hands.root, PROJECT);
  for (const [index, name] of ["src/index.ts", "src/deep/b.test.ts", "src/deep/a.ts"].entries()) {
    await utimes(join(hands.root, name), 1_000 + index, 1_000 + index);
  }
  hands.requests();
  assert.equal(
    await hands.text("glob", { pattern: "*.ts" }),
    "src/deep/a.ts\nsrc/deep/b.test.ts\nsrc/index.ts",
  );
  assert.deepEqual(hands.requests(), ["search"]);
  const byPath = (input: object) => hands.text("glob", { sort: "path", ...input });
  assert.equal(await byPath({ pattern: "src/*.ts" }), "src/index.ts");
  assert.equal(
    await byPath({ pattern: "./src/**/*.{ts,js}" }),
    "src/deep/a.ts\nsrc/deep/b.test.ts\nsrc/index.ts",
  );
  assert.equal(await byPath({ pattern: "*.ts", path: "src/deep" }), "src/deep/a.ts\nsrc/deep/b.test.ts");
  assert.equal(await byPath({ pattern: `${hands.root}/src/*.ts` }), "src/index.ts");
  assert.equal(await byPath({ pattern: `${hands.root}/README.md` }), "README.md");
  assert.equal(await byPath({ pattern: "../*.ts", path: "src/deep" }), "src/index.ts");
  assert.equal(await byPath({ pattern: ".env" }), ".env");
  assert.equal(await byPath({ pattern: "deep", type: "directory" }), "src/deep/");
  assert.match(await byPath({ pattern: "*.js" }), /^\[nothing matches \*\.js/);
  assert.equal(await byPath({ pattern: "*.js", ignored: true }), "dist/out.js");
  assert.match(await byPath({ pattern: "*.ts", limit: 2 }), /^.*\n.*\n\[the first 2; there are more/);
  await hands.refused("glob", { pattern: "[" }, "search.pattern_invalid");
  await hands.refused("glob", { pattern: "*", path: "nowhere" }, "ENOENT");
});

test("grep: lines, with context, of some files, only the files, and their number", async () => {
  await using hands = await fileTools();
  await tree(hands.root, PROJECT);
  hands.requests();
  assert.equal(
    await hands.text("grep", { pattern: "const \\w+ = 1" }),
    "src/deep/b.test.ts:1:const beta = 1;\nsrc/index.ts:1:export const one = 1;",
  );
  assert.deepEqual(hands.requests(), ["search"]);
  const grep = (input: object) => hands.text("grep", input);
  assert.equal(
    await grep({ pattern: "TWO", ignore_case: true, context: 1 }),
    "src/index.ts-1-export const one = 1;\nsrc/index.ts:2:export const two = 2;\nsrc/index.ts-3-// end",
  );
  assert.equal(
    await grep({ pattern: "const", globs: ["*.ts", "!*.test.ts"], show: "files" }),
    "src/deep/a.ts\nsrc/index.ts",
  );
  assert.equal(
    await grep({ pattern: "const", show: "count", path: "src" }),
    "src/deep/a.ts:1\nsrc/deep/b.test.ts:1\nsrc/index.ts:2",
  );
  assert.equal(
    await grep({ pattern: "= one;", literal: true, path: "src/deep/a.ts" }),
    "src/deep/a.ts:1:const alpha = one;",
  );
  assert.equal(await grep({ pattern: "built" }), "[no match; hidden and ignored files were not looked at]");
  assert.equal(await grep({ pattern: "built", ignored: true }), "dist/out.js:1:const built = 1;");
  assert.equal(await grep({ pattern: "no such", ignored: true, hidden: true }), "[no match]");
  assert.match(
    await grep({ pattern: "const", limit: 2 }),
    /^.*\n.*\n\[the first 2 matching lines; there are more/,
  );
  assert.match(
    await grep({ pattern: "one = 1;\\nexport", multiline: true }),
    /index\.ts:1:.*\n.*index\.ts:2:/,
  );
  await hands.refused("grep", { pattern: "(" }, "search.pattern_invalid");
  await hands.refused("grep", { pattern: "x", path: "nowhere" }, "ENOENT");
});

test("grep: separate places are parted, long lines cut, and the limits hold", async () => {
  await using hands = await fileTools({ limits: { maxBytes: 2_000 } });
  const lines = Array.from({ length: 20 }, (_, index) => (index % 8 === 0 ? "hit" : "-"));
  await tree(hands.root, {
    "a.txt": `${lines.join("\n")}\n`,
    "min.js": `${"x".repeat(3_000)}needle${"y".repeat(3_000)}\n`,
    "z.txt": "word word\n".repeat(500),
  });
  const text = await hands.text("grep", { pattern: "hit", after: 1 });
  assert.equal(text, "a.txt:1:hit\na.txt-2--\n--\na.txt:9:hit\na.txt-10--\n--\na.txt:17:hit\na.txt-18--");
  const cut = await hands.text("grep", { pattern: "needle" });
  assert.match(cut, /^min\.js:1:… x+needley+ …$/);
  assert.ok(cut.length < 600);
  const many = await hands.text("grep", { pattern: "word", limit: 1_000 });
  assert.ok(Buffer.byteLength(many) < 2_200, String(many.length));
  assert.match(many, /there are more: narrow the search/);
});
