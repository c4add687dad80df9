import assert from "node:assert/strict";
import { test } from "node:test";
import { cleanText } from "./ansi.ts";

const clean = (text: string) => cleanText(text, "strip");

test("colours, cursor movements, titles and links are left away", () => {
  assert.equal(clean("\x1b[1;31mred\x1b[0m and \x1b[38;5;12mblue\x1b[m"), "red and blue");
  assert.equal(clean("\x1b]0;title\x07text"), "text");
  assert.equal(clean("\x1b]8;;http://host/\x1b\\link\x1b]8;;\x1b\\"), "link");
  assert.equal(clean("\x1b(B\x1b[?25lhidden\x1b[?25h\x1b=\x1b7"), "hidden");
  assert.equal(clean("\x9b31mold\x9b0m"), "old");
  assert.equal(clean("cut in a sequence\x1b[38;5"), "cut in a sequence");
  assert.equal(clean("cut behind an escape\x1b"), "cut behind an escape");
});

test("they stay when they are asked for", () => {
  assert.equal(cleanText("\x1b[31mred\x1b[0m\r\n", "keep"), "\x1b[31mred\x1b[0m\n");
  assert.equal(cleanText("\x1b[31m10%\r\x1b[32m100%\x1b[0m", "keep"), "\x1b[32m100%\x1b[0m");
});

test("a line that is drawn over and over shows its last state", () => {
  assert.equal(clean("  1%\r 50%\r100%\ndone\n"), "100%\ndone\n");
  assert.equal(clean("  1%\r100%\r"), "100%");
  assert.equal(clean("\rfirst\r\x1b[K\rsecond\x1b[K"), "second");
  assert.equal(clean("old\x1b[2K\x1b[1Gnew\x1b[0Gnewest"), "newest");
  assert.equal(clean("windows\r\nline ends\r\r\n"), "windows\nline ends\n");
  assert.equal(clean("|\b/\b-\bdone"), "done");
  assert.equal(clean("N\bNA\bAM\bME\bE"), "NAME");
});

test("what can't be seen is shown as a picture, and the bell not at all", () => {
  assert.equal(clean("a\0b\x01\x7f\x07\tc\v\f"), "a␀b␁␡\tc␋␌");
  assert.equal(clean("\x1b\x01"), "␛␁");
});
