import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PAGE_DIRECTORY } from "./page.ts";

const ASSETS = join(PAGE_DIRECTORY, "assets");
const KIB = 1024;
/** The terminal's own: its emulator, and what draws it. */
const TERMINAL = /xterm-helper-textarea|webgl2/;
/** A language: asked for, with what only languages need, with the first file of it. */
const LANGUAGE = /version:14,states:|commentTokens:\{|startState:function/;

interface Part {
  readonly file: string;
  readonly text: string;
  readonly bytes: number;
}

function readParts(): Part[] {
  return readdirSync(ASSETS)
    .filter((file) => /\.(?:js|css)$/.test(file))
    .map((file) => {
      const path = join(ASSETS, file);
      return { file, text: readFileSync(path, "utf8"), bytes: statSync(`${path}.br`).size };
    });
}

const sum = (parts: readonly Part[]) => parts.reduce((bytes, part) => bytes + part.bytes, 0);
const told = (parts: readonly Part[]) =>
  parts
    .toSorted((a, b) => b.bytes - a.bytes)
    .map(({ file, bytes }) => `${bytes} ${file}`)
    .join("\n");

/** Parts that these lead to: by what they wait for, and by what they ask for later where `follow` says so. */
function reached(
  parts: ReadonlyMap<string, Part>,
  from: Iterable<string>,
  follow: (later: Part) => boolean = () => false,
): Part[] {
  const needed = new Set(from);
  for (const file of needed) {
    const { text } = parts.get(file) ?? assert.fail(`no ${file}`);
    for (const [, at = ""] of text.matchAll(/(?:from|import)["`]\.\/([\w.-]+\.js)/g)) needed.add(at);
    for (const [, at = ""] of text.matchAll(/import\(["`]\.\/([\w.-]+\.js)/g)) {
      if (follow(parts.get(at) ?? assert.fail(`no ${at}`))) needed.add(at);
    }
  }
  return [...needed].map((file) => parts.get(file) ?? assert.fail(`no ${file}`));
}

function inDocument(): string[] {
  const html = readFileSync(join(PAGE_DIRECTORY, "index.html"), "utf8");
  return html.match(/(?<=\/assets\/)[\w.-]+\.(?:js|css)/g) ?? [];
}

test("the page without the terminal is at most 300 KiB compressed, and a language 32 KiB more", () => {
  const parts = new Map(readParts().map((part) => [part.file, part]));
  const isExtra = ({ text }: Part) => TERMINAL.test(text) || LANGUAGE.test(text);
  const styles = [...parts.values()].filter((part) => part.file.endsWith(".css") && !isExtra(part));
  const whole = reached(
    parts,
    [...inDocument(), ...styles.map(({ file }) => file)],
    (later) => !isExtra(later),
  );
  assert.ok(sum(whole) <= 300 * KIB, `${sum(whole)} bytes:\n${told(whole)}`);
  const extra = [...parts.values()].filter(isExtra);
  assert.ok(extra.length > 5, "the terminal and languages have parts of their own");
  for (const part of extra.filter(({ text }) => !TERMINAL.test(text))) {
    assert.ok(part.bytes <= 32 * KIB, `${part.file}: ${part.bytes} bytes`);
  }
});

test("the first view needs at most 120 KiB of it: neither terminal nor editor nor schemas", () => {
  const parts = new Map(readParts().map((part) => [part.file, part]));
  const list = [...parts.keys()].filter((file) => file.startsWith("workspace-list-"));
  assert.ok(list.length > 0);
  const first = reached(parts, [...inDocument(), ...list]);
  assert.ok(sum(first) <= 120 * KIB, `${sum(first)} bytes:\n${told(first)}`);
});

test("every part of the page is there as it is, by brotli and by gzip; its document asks nobody else for anything", () => {
  const files = new Set(readdirSync(ASSETS));
  for (const { file, text } of readParts()) {
    assert.ok(files.has(`${file}.gz`), file);
    assert.doesNotMatch(text, /sourceMappingURL=/, file);
  }
  const html = readFileSync(join(PAGE_DIRECTORY, "index.html"), "utf8");
  assert.doesNotMatch(html, /(?:src|href)="(?:https?:)?\/\//);
});
