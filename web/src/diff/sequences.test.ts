import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { diffSequences, type Edit } from "./sequences.ts";

function applied<T>(a: readonly T[], b: readonly T[], edits: readonly Edit[]): T[] {
  const result: T[] = [];
  let at = 0;
  for (const { aStart, aEnd, bStart, bEnd } of edits) {
    result.push(...a.slice(at, aStart), ...b.slice(bStart, bEnd));
    at = aEnd;
  }
  return [...result, ...a.slice(at)];
}

const changed = (edits: readonly Edit[]) =>
  edits.reduce((sum, { aStart, aEnd, bStart, bEnd }) => sum + aEnd - aStart + bEnd - bStart, 0);

/** By the table of the longest common subsequence. */
function fewest(a: readonly number[], b: readonly number[]): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const one of a) {
    const next = [0];
    for (let j = 0; j < b.length; j++) {
      next.push(one === b[j] ? (row[j] ?? 0) + 1 : Math.max(row[j + 1] ?? 0, next[j] ?? 0));
    }
    row = next;
  }
  return a.length + b.length - 2 * (row.at(-1) ?? 0);
}

test("edits lead from one sequence to the other, and no fewer would do", () => {
  const few = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 30 });
  fc.assert(
    fc.property(few, few, (a, b) => {
      const edits = diffSequences(a, b);
      assert.deepEqual(applied(a, b, edits), b);
      assert.equal(changed(edits), fewest(a, b));
      for (const [index, edit] of edits.entries()) {
        const next = edits[index + 1];
        if (next !== undefined) assert.ok(next.aStart > edit.aEnd && next.bStart > edit.bEnd);
      }
    }),
  );
});

test("sequences with thousands of differences are compared, too, around what each has once", () => {
  const a = Array.from({ length: 12_000 }, (_, i) => (i % 3 === 0 ? `same ${i}` : `old ${i % 7}`));
  const b = Array.from({ length: 12_000 }, (_, i) => (i % 3 === 0 ? `same ${i}` : `new ${i % 5}`));
  const edits = diffSequences(a, b);
  assert.deepEqual(applied(a, b, edits), b);
  assert.equal(edits.length, 4000);
});

test("nothing in common is one edit", () => {
  const a = Array.from({ length: 5000 }, (_, i) => `a${i}`);
  const b = Array.from({ length: 4000 }, (_, i) => `b${i}`);
  assert.deepEqual(diffSequences(a, b), [{ aStart: 0, aEnd: 5000, bStart: 0, bEnd: 4000 }]);
});
