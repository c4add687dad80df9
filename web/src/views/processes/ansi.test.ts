import assert from "node:assert/strict";
import { test } from "node:test";
import { AnsiParser, PLAIN, styleAfter } from "./ansi.ts";

const ESC = "\x1b";

function partsOf(...texts: readonly string[]) {
  const parser = new AnsiParser();
  return texts.flatMap((text) => [...parser.parts(text)]);
}

const textOf = (...texts: readonly string[]) =>
  partsOf(...texts)
    .map((part) => (part.type === "text" ? part.text : part.type === "control" ? part.control : ""))
    .join("");

test("styles add up until they are taken back", () => {
  const red = styleAfter(PLAIN, "1;31");
  assert.deepEqual(red, { bold: true, colour: 1 });
  assert.deepEqual(styleAfter(red, "22;4"), { colour: 1, underline: true });
  assert.deepEqual(styleAfter(red, "39"), { bold: true });
  assert.deepEqual(styleAfter(red, ""), PLAIN);
  assert.deepEqual(styleAfter(red, "0;97;41"), { colour: 15, background: 1 });
  assert.deepEqual(styleAfter(PLAIN, "4:0"), {});
  assert.deepEqual(styleAfter(PLAIN, "4:3"), { underline: true });
});

test("colours come by number, from the cube, as grey and in RGB, with semicolons and with colons", () => {
  const colour = (parameters: string) => styleAfter(PLAIN, parameters).colour;
  assert.equal(colour("38;5;9"), 9);
  assert.equal(colour("38;5;16"), "#000000");
  assert.equal(colour("38;5;196"), "#ff0000");
  assert.equal(colour("38;5;255"), "#eeeeee");
  assert.equal(colour("38;2;1;2;3"), "#010203");
  assert.equal(colour("38:2::1:2:3"), "#010203");
  assert.equal(colour("38:2:1:2:3"), "#010203");
  assert.equal(colour("38:5:196"), "#ff0000");
  assert.deepEqual(styleAfter(PLAIN, "48;2;255;0;10;1"), { background: "#ff000a", bold: true });
});

test("what is no colour changes nothing", () => {
  for (const parameters of ["38;5;256", "38;2;1;2;999", "38", "38;5", "99999", "1x", "38;2;a;b;c"])
    assert.equal(styleAfter(PLAIN, parameters).colour, undefined, parameters);
  assert.equal(styleAfter(PLAIN, "300"), PLAIN);
});

test("sequences that are cut anywhere between two pieces are the same", () => {
  const text = `a${ESC}[1;38;5;196mb${ESC}]0;title${ESC}\\c\r${ESC}[Kd\n`;
  const whole = JSON.stringify(partsOf(text));
  for (let at = 1; at < text.length; at++)
    assert.equal(JSON.stringify(partsOf(text.slice(0, at), text.slice(at))), whole, `cut at ${at}`);
});

test("everything else that a terminal would obey is left out", () => {
  assert.equal(
    textOf(`${ESC}[2J${ESC}[1;1Hx${ESC}[?25ly${ESC}(Bz${ESC}7${ESC}]8;;http://a\x07link`),
    "xyzlink",
  );
  assert.equal(textOf("a\x00b\x07c\x7fd\x9be"), "abcde");
  assert.equal(textOf("tab\tstays\n"), "tab\tstays\n");
  assert.equal(textOf(`${ESC}[31\nnext`), "\nnext");
  assert.deepEqual(partsOf(`${ESC}[>4;1m`), []);
});

test("a sequence without an end holds back no more than its limit", () => {
  const text = `${ESC}]0;${"x".repeat(5000)}`;
  assert.equal(textOf(text).length > 0, true);
  assert.equal(textOf(`${ESC}]0;abc`), "");
});
