import assert from "node:assert/strict";
import { test } from "node:test";
import { WholeSequences } from "./whole-sequences.ts";

function split(text: string): [given: string, held: string] {
  const sequences = new WholeSequences();
  const bytes = Buffer.from(text, "latin1");
  const given = Buffer.from(sequences.take(bytes)).toString("latin1");
  assert.equal(given.length + sequences.heldBytes, bytes.length);
  return [given, text.slice(given.length)];
}

const utf8 = (text: string): string => Buffer.from(text).toString("latin1");

test("the last character is held back, with those of no width behind it, and what has only begun", () => {
  for (const [given, held] of [
    ["a", "b"],
    ["ab\r\n", ""],
    ["ab\x1b[0m", ""],
    ["a", "b\x1b["],
    ["a", "b\x1b[12;3"],
    ["ab\x1b[12;3H", ""],
    ["ab\x1b[1m", "\x1b"],
    ["a\x1b]2;title\x07", ""],
    ["a\x1b]2;title\x1b\\", ""],
    ["", "a\x1b]2;title\x1b"],
    ["", "a\x1bP1$r"],
    ["a\x1b(0", ""],
    ["", "a\x1b("],
    ["a", utf8("é")],
    ["a", utf8("日")],
    ["", utf8("a日").slice(0, 3)],
    ["a", utf8("e\u0301")],
    ["a", utf8("e\u0301\u0302")],
  ] as const) {
    assert.deepEqual(split(given + held), [given, held], JSON.stringify(given + held));
  }
});

test("in pieces of any size the same comes out, in order", () => {
  const text = utf8("日本 e\u0301 😀\x1b[31mred\x1b]2;t\x1b\\\x1b7\x1b[1;2Hx\r\n\x1bPq#0\x1b\\end");
  const whole = split(text);
  for (let size = 1; size < 9; size++) {
    const sequences = new WholeSequences();
    let given = "";
    for (let at = 0; at < text.length; at += size) {
      given += Buffer.from(sequences.take(Buffer.from(text.slice(at, at + size), "latin1"))).toString(
        "latin1",
      );
    }
    assert.deepEqual([given, sequences.heldBytes], [whole[0], whole[1].length], `pieces of ${size}`);
  }
});

test("a sequence without an end is not held for ever, and the last character goes before another size", () => {
  const sequences = new WholeSequences();
  assert.equal(sequences.take(Buffer.from("\x1bP")).length, 0);
  const given = sequences.take(Buffer.alloc(1024 * 1024 + 1, "x"));
  assert.equal(given.length, 1024 * 1024 + 3);
  assert.equal(sequences.take(Buffer.from("ab\x1b[")).length, 1);
  assert.equal(Buffer.from(sequences.flush()).toString(), "b");
  assert.equal(sequences.heldBytes, 2);
});
