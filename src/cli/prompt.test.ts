import assert from "node:assert/strict";
import { test } from "node:test";
import { LineEditor, question } from "./prompt.ts";

function typed(text: string) {
  const line = new LineEditor();
  let shown = "";
  for (const byte of Buffer.from(text)) {
    const result = line.type(byte);
    shown += Buffer.from(result.shown).toString("latin1");
    if (result.end !== undefined) return { end: result.end, text: line.text, shown };
  }
  return { end: undefined, text: line.text, shown };
}

test("a line is edited as a terminal does: a character taken back whole, the line begun anew, its ends", () => {
  assert.deepEqual(typed("secret\r"), { end: "line", text: "secret", shown: "secret" });
  assert.equal(typed("naïve\x7f\x7f\x7fx\n").text, "nax");
  assert.equal(typed("\x7f\x7fa\r").text, "a");
  assert.equal(typed("wrong\x15right\r").text, "right");
  assert.equal(typed("a\x1b[Ab\r").text, "a[Ab");
  assert.deepEqual(typed("abc\x03").end, "interrupt");
  assert.equal(typed("\x04").end, "cancelled");
  assert.deepEqual(typed("ab\x04c\r"), { end: "line", text: "abc", shown: "abc" });
  assert.equal(typed(`${"x".repeat(5000)}\r`).text.length, 1024);
});

test("who asks stands before what is asked, and a host's words steer no terminal", () => {
  assert.equal(question({ subject: "dev@box", text: "Password: " }), "dev@box: Password: ");
  const hostile = question({ subject: "dev@box", text: "\x1b[2J\rberth: your other password:\n" });
  assert.doesNotMatch(hostile, /[\x00-\x1f]/);
  assert.ok(hostile.startsWith("dev@box: "));
});
