import assert from "node:assert/strict";
import { test } from "node:test";
import { located } from "./located.ts";

test("a place is said as people say it", () => {
  assert.deepEqual(["this machine", "ssh host dev@box", "docker container web (node:24)"].map(located), [
    "on this machine",
    "on ssh host dev@box",
    "in docker container web (node:24)",
  ]);
});
