import assert from "node:assert/strict";
import { test } from "node:test";
import { TestPlace } from "./testing.ts";

test("a command's output, exit code and id come back", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  const result = await runtime.exec("echo out; echo err >&2; exit 3");
  assert.equal(result.exitCode, 3);
  assert.equal(result.signal, null);
  assert.equal(result.stdout, "out\n");
  assert.equal(result.stderr, "err\n");
  assert.equal(result.outputBytes, 8);
  assert.equal(result.truncated, false);
  assert.equal((await runtime.process(result.processId)).id, result.processId);
});
