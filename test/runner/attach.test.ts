import assert from "node:assert/strict";
import { test } from "node:test";
import { processDesk } from "./process-desk.ts";

test("attach: every byte, then the exit, then 1000", async () => {
  await using desk = await processDesk();
  const process = await desk.start("echo out; echo err >&2; exit 3");
  const viewer = await desk.attach(process.id);
  const exit = await viewer.ended();
  assert.equal(exit.exit_code, 3);
  assert.equal(viewer.output.length, 8);
});
