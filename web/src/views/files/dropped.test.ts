import assert from "node:assert/strict";
import { test } from "node:test";
import { type DropEntry, droppedFiles } from "./dropped.ts";

const file = (name: string): DropEntry => ({
  isFile: true,
  isDirectory: false,
  name,
  ...{ file: (take: (file: File) => void) => take(new File([name], name)) },
});

/** As browsers do, in portions. */
function directory(name: string, inside: readonly DropEntry[], portion = 2): DropEntry {
  const createReader = () => {
    const left = [...inside];
    return { readEntries: (take: (entries: DropEntry[]) => void) => take(left.splice(0, portion)) };
  };
  return { isFile: false, isDirectory: true, name, ...{ createReader } };
}

test("directories are walked through, in portions, empty ones told", async () => {
  const inside = ["a", "b", "c", "d", "e"].map(file);
  const dropped = await droppedFiles([
    file("top.txt"),
    directory("photos", [...inside, directory("empty", []), directory("more", [file("f")])]),
  ]);
  assert.deepEqual(
    dropped.files.map(({ path }) => path),
    ["top.txt", "photos/a", "photos/b", "photos/c", "photos/d", "photos/e", "photos/more/f"],
  );
  assert.deepEqual(dropped.emptyDirectories, ["photos/empty"]);
  assert.equal(dropped.isCut, false);
});

test("no more are taken than is said", async () => {
  const dropped = await droppedFiles([directory("d", ["a", "b", "c"].map(file))], 2);
  assert.equal(dropped.files.length, 2);
  assert.equal(dropped.isCut, true);
});

test("what can't be read is an error", async () => {
  const broken: DropEntry = {
    isFile: true,
    isDirectory: false,
    name: "x",
    ...{ file: (_take: unknown, fail: (error: unknown) => void) => fail(new Error("not allowed")) },
  };
  await assert.rejects(droppedFiles([broken]), /not allowed/);
});
