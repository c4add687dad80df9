import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { conflictsIn, mergeTexts } from "./merge.ts";

test("changes of different places are both there", () => {
  const merged = mergeTexts("a\nb\nc\nd\ne\n", "A\nb\nc\nd\ne\n", "a\nb\nc\nd\nE\nf\n");
  assert.deepEqual(merged, { text: "A\nb\nc\nd\nE\nf\n", conflicts: 0 });
});

test("changes of one place stand beside each other with what was there", () => {
  const merged = mergeTexts("a\nb\nc\n", "a\nmine\nc\n", "a\ntheirs\nc\n");
  assert.equal(
    merged.text,
    "a\n<<<<<<< yours\nmine\n||||||| before\nb\n=======\ntheirs\n>>>>>>> in the place\nc\n",
  );
  assert.equal(merged.conflicts, 1);
  assert.equal(conflictsIn(merged.text), 1);
});

test("one side has removed what the other has changed", () => {
  const merged = mergeTexts("a\nb\nc\n", "a\nc\n", "a\nB\nc\n");
  assert.equal(merged.conflicts, 1);
  assert.match(merged.text, /<<<<<<< yours\n\|\|\|\|\|\|\| before\nb\n=======\nB\n>>>>>>>/);
});

test("a side without changes gives way, and the same change is no conflict", () => {
  const text = fc
    .array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 12 })
    .map((lines) => lines.join("\n"));
  fc.assert(
    fc.property(text, text, (base, other) => {
      assert.deepEqual(mergeTexts(base, base, other), { text: other, conflicts: 0 });
      assert.deepEqual(mergeTexts(base, other, base), { text: other, conflicts: 0 });
      assert.deepEqual(mergeTexts(base, other, other), { text: other, conflicts: 0 });
    }),
  );
});

test("every line of both sides is in the merged text", () => {
  const text = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 10 });
  const added = fc.array(fc.tuple(fc.nat(10), fc.boolean()), { maxLength: 6 });
  fc.assert(
    fc.property(text, added, (base, additions) => {
      const mine: string[] = [...base];
      const theirs: string[] = [...base];
      for (const [index, [at, isMine]] of additions.entries()) {
        (isMine ? mine : theirs).splice(at, 0, `${isMine ? "mine" : "theirs"} ${index}`);
      }
      const lines = mergeTexts(base.join("\n"), mine.join("\n"), theirs.join("\n")).text.split("\n");
      for (const line of [...mine, ...theirs]) assert.ok(lines.includes(line), line);
    }),
  );
});
