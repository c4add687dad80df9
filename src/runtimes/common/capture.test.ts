import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { endOfWholeCharacters, startOfWholeCharacters } from "../../contract/utf8.ts";
import { Capture } from "./capture.ts";
import { LineSplitter } from "./lines.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text));

test("property: what is kept is the head and the tail, whatever the chunks", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.array(fc.integer({ min: 1, max: 40 })),
      fc.integer({ min: 0, max: 200 }),
      (all, sizes, limit) => {
        const capture = new Capture(limit);
        let at = 0;
        for (const size of sizes) {
          capture.push("stdout", all.subarray(at, at + size));
          at = Math.min(all.length, at + size);
        }
        capture.push("stdout", all.subarray(at));
        const taken = capture.take(all.length);
        const head = Math.ceil(limit / 2);
        const expected =
          all.length <= limit
            ? Buffer.from(all)
            : Buffer.concat([all.subarray(0, head), all.subarray(all.length - (limit - head))]);
        assert.ok(Buffer.from(taken.stdoutBytes).equals(expected));
        assert.equal(taken.truncated, all.length > limit);
        if (!taken.truncated) assert.equal(taken.stdout, Buffer.from(all).toString("utf8"));
      },
    ),
  );
});

test("streams are bounded each by itself, a terminal counts as stdout", () => {
  const capture = new Capture(4);
  capture.push("stderr", bytes("abcdef"));
  capture.push("tty", bytes("xy"));
  const { stdout, stderr, truncated } = capture.take(8);
  assert.deepEqual([stdout, stderr, truncated], ["xy", "abef", true]);
});

test("a middle that the daemon left out is known by the number of bytes", () => {
  const capture = new Capture(8);
  capture.push("stdout", bytes("ä€"));
  capture.push("stdout", bytes("€€"));
  const { stdout, truncated } = capture.take(1000);
  assert.equal(truncated, true);
  // The head is cut in its second character, and the tail begins in the middle of one.
  assert.equal(stdout, "ä€");
});

test("many tiny chunks stay within the limit", () => {
  const capture = new Capture(1000);
  for (let index = 0; index < 100_000; index++) capture.push("stdout", Uint8Array.of(index));
  assert.equal(capture.take(100_000).stdoutBytes.length, 1000);
});

test("property: cut characters are found", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 40 }), fc.nat(), (text, position) => {
      const all = Buffer.from(text, "utf8");
      const cut = position % (all.length + 1);
      const head = all.subarray(0, cut);
      const tail = all.subarray(cut);
      const before = head.subarray(0, endOfWholeCharacters(head)).toString("utf8");
      const behind = tail.subarray(startOfWholeCharacters(tail)).toString("utf8");
      assert.ok(text.startsWith(before));
      assert.ok(text.endsWith(behind));
      assert.ok(before.length + behind.length >= text.length - 2);
    }),
  );
});

test("property: lines are those of the whole text", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("a", "\n", "ä", "€", "\r\n", "😀") }),
      fc.array(fc.integer({ min: 1, max: 9 })),
      (text, sizes) => {
        const splitter = new LineSplitter();
        const all = Buffer.from(text, "utf8");
        const lines: string[] = [];
        let at = 0;
        for (const size of sizes) {
          lines.push(...splitter.push(all.subarray(at, at + size)));
          at += size;
        }
        lines.push(...splitter.push(all.subarray(at)), ...splitter.finish());
        const expected = text.split("\n");
        if (expected.at(-1) === "") expected.pop();
        assert.deepEqual(
          lines,
          expected.map((line) => line.replace(/\r$/, "")),
        );
      },
    ),
  );
});

test("a line without end comes in pieces of bounded size, at characters", () => {
  const splitter = new LineSplitter();
  const pieces: string[] = [];
  for (let index = 0; index < 30; index++) pieces.push(...splitter.push(bytes("€".repeat(33_333))));
  pieces.push(...splitter.finish());
  assert.ok(pieces.length > 1);
  assert.equal(pieces.join(""), "€".repeat(999_990));
});
