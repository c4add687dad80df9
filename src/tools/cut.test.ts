import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { firstBytes, lastBytes, shorten } from "./cut.ts";
import { type ToolLimits, toolLimits } from "./limits.ts";

const limits = (given: Partial<ToolLimits> = {}) => toolLimits({ maxBytes: 100, maxLines: 6, ...given });
const lines = (count: number) => Array.from({ length: count }, (_, index) => `line ${index + 1}\n`).join("");

test("what fits is shown as it is, without its last line end", () => {
  assert.deepEqual(shorten("a\nb\n", limits()), { text: "a\nb", cut: false });
  assert.deepEqual(shorten("", limits()), { text: "", cut: false });
  assert.deepEqual(shorten("\n", limits()), { text: "", cut: false });
  assert.deepEqual(shorten(lines(6), limits()).cut, false);
  assert.deepEqual(shorten("x".repeat(100), limits({ maxLineBytes: 100 })).cut, false);
});

test("of more lines head and tail are shown, with how much is missing and where it is", () => {
  const { text, cut } = shorten(lines(20), limits(), "the whole output is in /out");
  assert.equal(cut, true);
  assert.equal(
    text,
    "line 1\nline 2\nline 3\n… 14 lines, 106 bytes left out; the whole output is in /out …\nline 18\nline 19\nline 20",
  );
});

test("the share of the head can be chosen, also none", () => {
  assert.match(
    shorten(lines(20), limits({ headShare: 0 })).text,
    /^… 14 lines, \d+ bytes left out …\nline 15\n/,
  );
  assert.match(
    shorten(lines(20), limits({ headShare: 1 })).text,
    /line 6\n… 14 lines, 109 bytes left out …$/,
  );
  assert.match(shorten(lines(20), limits({ headShare: 0.17 })).text, /^line 1\n… 14 lines.*\nline 16\n/);
});

test("what was missing already is counted in; lines only where somebody has counted them", () => {
  const pieces = { head: lines(10), tail: "end 1\nend 2\n", lostBytes: 1_000_000 };
  assert.match(shorten(pieces, limits()).text, /line 3\n… 1,000,050 bytes left out …\nend 1\nend 2$/);
  assert.match(
    shorten({ ...pieces, lostLines: 4_000 }, limits()).text,
    /line 3\n… 4,007 lines, 1,000,050 bytes left out …\nend 1\nend 2$/,
  );
});

test("a long line keeps its beginning and end", () => {
  const { text, cut } = shorten(`a${"x".repeat(5_000_000)}z`, limits({ maxLineBytes: 20 }), "see /out");
  assert.equal(cut, true);
  assert.equal(
    text,
    `a${"x".repeat(9)} … 4,999,982 bytes of this line left out … ${"x".repeat(9)}z\n… lines were cut; see /out …`,
  );
});

test("a line that is longer than all that may be shown is cut as well", () => {
  const { text } = shorten("y".repeat(1_000), limits({ maxBytes: 10, maxLineBytes: 2_000 }));
  assert.match(text, /^y+ … 9\d\d bytes of this line left out … y+$/m);
  assert.ok(text.length < 120, text);
});

test("no limit is exceeded but for what Berth says, and no character is split", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "é", "€", "😀", "\n", "\n", " "), maxLength: 400 });
  const given = fc.record({
    maxBytes: fc.integer({ min: 1, max: 200 }),
    maxLines: fc.integer({ min: 1, max: 20 }),
    maxLineBytes: fc.integer({ min: 1, max: 50 }),
    headShare: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(text, given, (whole, some) => {
      const { text: shown, cut } = shorten(whole, toolLimits(some));
      if (!cut) {
        assert.equal(shown, whole.replace(/\n$/, ""));
        assert.ok(Buffer.byteLength(shown) <= some.maxBytes);
        assert.ok(shown.split("\n").length <= some.maxLines);
      }
      assert.ok(shown.isWellFormed());
      const own = shown
        .replaceAll(/ … [\d,]+ bytes of this line left out … /g, "")
        .replaceAll(/^… [\d,]+ lines?, [\d,]+ bytes left out …$/gm, "");
      assert.ok(Buffer.byteLength(own) <= some.maxBytes + 2, own);
      for (const line of own.split("\n")) assert.ok(Buffer.byteLength(line) <= some.maxLineBytes, line);
    }),
  );
});

test("the beginning and the end of a text are whole characters", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme", maxLength: 40 }),
      fc.integer({ min: 1, max: 50 }),
      (text, max) => {
        for (const part of [firstBytes(text, max), lastBytes(text, max)]) {
          assert.ok(Buffer.byteLength(part) <= max);
          assert.ok(Buffer.byteLength(text) <= max ? part === text : Buffer.byteLength(part) > max - 4);
          assert.ok(part.isWellFormed());
        }
        assert.ok(text.startsWith(firstBytes(text, max)));
        assert.ok(text.endsWith(lastBytes(text, max)));
      },
    ),
  );
});

test("limits that make no sense are refused", () => {
  for (const given of [{ maxBytes: 0 }, { maxLines: 1.5 }, { headShare: 2 }, { maxLineBytes: Number.NaN }]) {
    assert.throws(() => toolLimits(given), { code: "config.invalid" });
  }
});
