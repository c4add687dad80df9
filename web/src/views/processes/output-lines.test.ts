import assert from "node:assert/strict";
import { test } from "node:test";
import { lineText, OutputLines, textOf } from "./output-lines.ts";

const encoder = new TextEncoder();

function written(...texts: readonly string[]): OutputLines {
  const output = new OutputLines();
  for (const text of texts) output.write("stdout", encoder.encode(text));
  return output;
}

const shown = (...texts: readonly string[]) => written(...texts).lines.map(lineText);

test("lines end with a newline, and the last one may be open", () => {
  assert.deepEqual(shown("one\ntwo"), ["one", "two"]);
  assert.deepEqual(shown("one\n", "tw", "o\n"), ["one", "two"]);
  assert.deepEqual(shown("one\r\ntwo\r\n"), ["one", "two"]);
  assert.deepEqual(shown("\n\n"), ["", ""]);
});

test("a carriage return writes over the line, as progress does", () => {
  assert.deepEqual(shown("10 %\r20 %\r100 %\ndone\n"), ["100 %", "done"]);
  assert.deepEqual(shown("long words\rab\n"), ["abng words"]);
  assert.deepEqual(shown("long words\r\x1b[Kab\n"), ["ab"]);
  assert.deepEqual(shown("abc\x1b[2Kd\n"), ["   d"]);
  assert.deepEqual(shown("abcd\b\b\x1b[1Kx\n"), ["  xd"]);
  assert.deepEqual(shown("abc\b\bX\n"), ["aXc"]);
  assert.deepEqual(shown("⚓🚢a\r12\n"), ["12\x20a"]);
});

test("bytes of a character that come apart are one character", () => {
  const bytes = encoder.encode("über 港 🚢\n");
  for (let at = 1; at < bytes.length; at++) {
    const output = new OutputLines();
    output.write("stdout", bytes.slice(0, at));
    output.write("stdout", bytes.slice(at));
    assert.deepEqual(output.lines.map(lineText), ["über 港 🚢"]);
  }
});

test("styles become spans, and go on over lines", () => {
  const { lines } = written("plain \x1b[1;32mgreen", " too\nstill\x1b[0m not\n");
  assert.deepEqual(lines[0]?.spans, [
    { text: "plain ", style: {} },
    { text: "green too", style: { bold: true, colour: 2 } },
  ]);
  assert.deepEqual(
    lines[1]?.spans.map(({ text, style }) => [text, style.colour]),
    [
      ["still", 2],
      [" not", undefined],
    ],
  );
});

test("each stream writes on a line of its own", () => {
  const output = new OutputLines();
  output.write("stdout", encoder.encode("out "));
  output.write("stderr", encoder.encode("\x1b[31merr\n"));
  output.write("stdout", encoder.encode("more\nnext\n"));
  assert.deepEqual(
    output.lines.map((line) => [line.source, lineText(line)]),
    [
      ["stdout", "out more"],
      ["stderr", "err"],
      ["stdout", "next"],
    ],
  );
  assert.equal(output.lines[0]?.spans[0]?.style.colour, undefined);
});

test("the oldest lines go: by their number and by their size", () => {
  const output = new OutputLines({ lines: 10, characters: 1000 });
  for (let n = 0; n < 35; n++) output.write("stdout", encoder.encode(`line ${n}\n`));
  assert.deepEqual(
    [output.lines.length, output.dropped, lineText(output.lines[0] ?? { spans: [] })],
    [10, 25, "line 25"],
  );
  output.write("stdout", encoder.encode(`${"x".repeat(990)}\n`));
  assert.deepEqual([output.lines.length, output.dropped], [2, 34]);
});

test("an open line that was dropped goes on as a new one", () => {
  const output = new OutputLines({ lines: 3, characters: 1000 });
  output.write("stdout", encoder.encode("waiting"));
  output.write("stderr", encoder.encode("1\n2\n3\n4\n"));
  output.write("stdout", encoder.encode("done\n"));
  assert.deepEqual(output.lines.map(lineText), ["3", "4", "done"]);
});

test("20 MB are held within the limits", () => {
  const output = new OutputLines();
  const piece = encoder.encode(`${"\x1b[32mpassed\x1b[0m some words of a log\n".repeat(1000)}`);
  for (let bytes = 0; bytes < 20e6; bytes += piece.length) output.write("stdout", piece);
  assert.equal(output.lines.length, 5000);
  output.write("stdout", new Uint8Array(8 * 1024 * 1024).fill(65));
  const held = output.lines.reduce((sum, line) => sum + lineText(line).length, 0);
  assert.ok(held <= 2 * 1024 * 1024, String(held));
});

test("a line without an end is cut, and whole again when it is copied", () => {
  const text = "🚢".repeat(5000);
  const { lines } = written(text, "\nnext\n");
  assert.ok(lines.length > 2);
  assert.ok(lines.every((line) => lineText(line).isWellFormed()));
  assert.equal(textOf(lines), `${text}\nnext\n`);
});

test("lines that do not change are the same objects", () => {
  const output = written("one\ntwo");
  const [first, second] = output.lines;
  output.write("stdout", encoder.encode("!\n"));
  assert.equal(output.lines[0], first);
  assert.notEqual(output.lines[1], second);
});
