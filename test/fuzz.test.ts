import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "./fixtures/process.ts";

const SECONDS = process.env.BERTH_LONG === "1" ? 600 : 5;

test(`${SECONDS} s of random frames and requests: no crash, no growth, no promise broken`, async () => {
  const script = join(import.meta.dirname, "../scripts/fuzz-wire.ts");
  const ran = await run([process.execPath, script, String(SECONDS)], { deadlineMs: (SECONDS + 60) * 1000 });
  assert.equal(ran.exitCode, 0, ran.stdout.toString() + ran.stderr.toString());
});
