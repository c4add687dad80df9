import assert from "node:assert/strict";
import { test } from "node:test";
import { differenceOf, type NumberedLine } from "./difference.ts";

function lines(from: number, ...texts: string[]): NumberedLine[] {
  return texts.map((text, index) => ({ number: from + index, text }));
}

/** "-2 b" is gone, "+2 B" is new. */
function drawn(seen: readonly NumberedLine[], now: readonly NumberedLine[]): string[] {
  return differenceOf(seen, now).changed.map(
    ({ kind, number, text }) => `${kind === "gone" ? "-" : "+"}${number} ${text}`,
  );
}

test("lines that were seen and are the same are no difference, wherever they are now", () => {
  assert.deepEqual(drawn(lines(1, "a", "b"), lines(1, "a", "b")), []);
  assert.deepEqual(drawn(lines(2, "b", "c"), lines(1, "x", "y", "a", "b", "c", "d")), []);
  assert.deepEqual(drawn([], lines(1, "a")), []);
});

test("what was changed, put between and taken away among lines that were seen is told", () => {
  assert.deepEqual(drawn(lines(1, "a", "b", "c"), lines(1, "a", "B", "c")), ["-2 b", "+2 B"]);
  assert.deepEqual(drawn(lines(1, "a", "b"), lines(1, "a", "x", "y", "b")), ["+2 x", "+3 y"]);
  assert.deepEqual(drawn(lines(1, "a", "b", "c"), lines(1, "a", "c")), ["-2 b"]);
  assert.deepEqual(drawn(lines(1, "a", "b"), lines(1, "new", "a", "b")), ["+1 new"]);
});

test("of lines that were never seen only those that stand for others are told", () => {
  const now = lines(1, "1", "2", "3", "four", "5", "6", "7");
  assert.deepEqual(drawn(lines(4, "4", "5"), now), ["-4 4", "+4 four"]);
  assert.deepEqual(drawn(lines(3, "3", "4"), now), ["-4 4", "+4 four"]);
  assert.deepEqual(drawn([...lines(1, "1"), ...lines(5, "5")], now), []);
});

test("what is known afterwards are the lines that were seen, where they are now, and what was told", () => {
  const { known } = differenceOf(lines(2, "b", "c", "d"), lines(1, "0", "a", "b", "C", "d", "e"));
  assert.deepEqual(
    [...known],
    [
      [3, "b"],
      [4, "C"],
      [5, "d"],
    ],
  );
});
