import assert from "node:assert/strict";
import { test } from "node:test";
import { linesAfter } from "./known-lines.ts";
import { fairShares, fitting } from "./room.ts";
import { patternWithin } from "./search.ts";
import { createSeenFiles } from "./seen.ts";

test("lines of the same version are put together, those of another one replace them", () => {
  const seen = createSeenFiles();
  assert.equal(seen.version("/a"), undefined);
  seen.saw("/a", "1", new Map([[1, "one"]]));
  seen.saw("/a", "1", new Map([[2, "two"]]));
  assert.deepEqual(
    [...(seen.lines("/a") ?? [])],
    [
      [1, "one"],
      [2, "two"],
    ],
  );
  seen.saw("/a", "2", new Map([[2, "zwei"]]));
  assert.equal(seen.version("/a"), "2");
  assert.deepEqual([...(seen.lines("/a") ?? [])], [[2, "zwei"]]);
  seen.forget("/a");
  assert.equal(seen.version("/a"), undefined);
});

test("when there are too many lines, the files seen for longest keep their version alone", () => {
  const seen = createSeenFiles();
  const large = new Map([[1, "x".repeat(3 * 1024 * 1024)]]);
  for (const name of ["/a", "/b", "/c"]) seen.saw(name, "1", large);
  assert.equal(seen.version("/a"), "1");
  assert.deepEqual([seen.lines("/a")?.size, seen.lines("/b")?.size, seen.lines("/c")?.size], [0, 1, 1]);
  seen.saw("/b", "1");
  seen.saw("/d", "1", large);
  assert.deepEqual([seen.lines("/b")?.size, seen.lines("/c")?.size], [1, 0]);
});

test("what is done to a file is done in turn, whatever becomes of the one before; other files do not wait", async () => {
  const seen = createSeenFiles();
  const told: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = seen.inTurn(["/a", "/b", "/a"], async () => {
    await gate.promise;
    told.push("first");
    throw new Error("failed");
  });
  const second = seen.inTurn(["/b"], async () => void told.push("second"));
  await seen.inTurn(["/c"], async () => void told.push("other"));
  gate.resolve();
  await assert.rejects(first, /failed/);
  await second;
  assert.deepEqual(told, ["other", "first", "second"]);
});

test("after a change the known lines are where they are now, with those of the difference", () => {
  const before = new Map([
    [1, "a"],
    [2, "b"],
    [5, "e"],
    [9, "i"],
    [10, "j"],
  ]);
  const diff = "--- x\n+++ x\n@@ -2,1 +2,3 @@\n-b\n+B\n+new\n+newer\r\n@@ -9,2 +11,0 @@\n-i\n-j\n";
  assert.deepEqual(
    [...linesAfter(before, diff, 100)],
    [
      [1, "a"],
      [7, "e"],
      [2, "B"],
      [3, "new"],
      [4, "newer"],
    ],
  );
  assert.deepEqual(
    [
      ...linesAfter(
        new Map([
          [5, "e"],
          [6, "f"],
        ]),
        "@@ -5,0 +6 @@\n+x\n",
        100,
      ),
    ],
    [
      [5, "e"],
      [7, "f"],
      [6, "x"],
    ],
  );
  assert.equal(linesAfter(new Map(), `@@ -1 +1 @@\n+${"x".repeat(101)}\n`, 100).size, 0);
});

test("room is shared so that who needs little leaves the rest to the others", () => {
  assert.deepEqual(fairShares([10, 100, 1], 61), [10, 50, 1]);
  assert.deepEqual(fairShares([50, 50], 60), [30, 30]);
  assert.deepEqual(fairShares([], 5), []);
  assert.equal(fitting(["a", "b", "c"], { lines: 2, bytes: 100 }), 2);
  assert.equal(fitting(["aaa", "é", "c"], { lines: 9, bytes: 7 }), 2);
  assert.equal(fitting(["much too long"], { lines: 1, bytes: 2 }), 1, "one is always shown");
});

test("a pattern that begins elsewhere is looked for there", () => {
  assert.deepEqual(patternWithin("src", "**/*.ts"), { directory: "src", rest: "**/*.ts" });
  assert.deepEqual(patternWithin(".", "./*.ts"), { directory: ".", rest: "*.ts" });
  assert.deepEqual(patternWithin(".", "/w/src/**/*.ts"), { directory: "/w/src", rest: "/**/*.ts" });
  assert.deepEqual(patternWithin(".", "/w/a.ts"), { directory: "/w", rest: "/a.ts" });
  assert.deepEqual(patternWithin(".", "/*"), { directory: "/", rest: "/*" });
  assert.deepEqual(patternWithin("src/deep", "../*.ts"), { directory: "src", rest: "/*.ts" });
});
