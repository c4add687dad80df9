import assert from "node:assert/strict";
import { test } from "node:test";
import { createPathMap } from "./path-map.ts";

const map = createPathMap([
  { host: "/home/ada/app", container: "/work" },
  { host: "/home/ada/app/vendor/", container: "/vendor" },
  { host: "/data", container: "/" },
]);

test("the longest host directory wins", () => {
  assert.equal(map("/home/ada/app/src/a.ts"), "/work/src/a.ts");
  assert.equal(map("/home/ada/app/vendor/x"), "/vendor/x");
  assert.equal(map("/home/ada/app/vendor"), "/vendor");
});

test("a directory holds paths at a boundary between names only", () => {
  assert.equal(map("/home/ada/application/a"), "/home/ada/application/a");
  assert.equal(map("/home/ada/app/vendored"), "/work/vendored");
});

test("dots are resolved before the directory is looked for", () => {
  assert.equal(map("/home/ada/app/src/../vendor/x"), "/vendor/x");
  assert.equal(map("/home/ada/other/../app/./x"), "/work/x");
  assert.equal(map("/home/ada/app/../secret"), "/home/ada/app/../secret");
});

test("a path that is not mapped, and a relative one, stay as written", () => {
  assert.equal(map("/etc//passwd"), "/etc//passwd");
  assert.equal(map("src/../x"), "src/../x");
});

test("a slash at the end is kept below the directory", () => {
  assert.equal(map("/home/ada/app/"), "/work/");
  assert.equal(map("/home/ada/app/src/"), "/work/src/");
});

test("the container's root as target", () => {
  assert.equal(map("/data"), "/");
  assert.equal(map("/data/x"), "/x");
});

test("the host's root as source", () => {
  const all = createPathMap([{ host: "/", container: "/host" }]);
  assert.equal(all("/etc/passwd"), "/host/etc/passwd");
  assert.equal(all("/"), "/host/");
});

test("without mappings every path stays as it is", () => {
  assert.equal(createPathMap()("/a/../b"), "/a/../b");
});
