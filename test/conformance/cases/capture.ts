import assert from "node:assert/strict";
import type { Case } from "../case.ts";
import { numbered, printNumbered, readAll, sha256 } from "../kit.ts";

const LINES = 150_000;
const DEFAULT_LIMIT = 1024 * 1024;

/** SEMANTICS, Commands 10: what exec keeps. */
export const CAPTURE: readonly Case[] = [
  {
    id: "commands.10.bounded",
    title: "captured output is bounded: head and tail are kept, and the result says so",
    run: async ({ runtime }) => {
      const whole = numbered(LINES);
      const result = await runtime.exec(printNumbered(LINES));
      assert.equal(result.truncated, true);
      assert.equal(result.outputBytes, whole.length);
      assert.equal(result.exitCode, 0);
      const kept = Buffer.from(result.stdoutBytes);
      assert.ok(kept.length <= DEFAULT_LIMIT + 1_000, `${kept.length} bytes were kept`);
      assert.ok(kept.length > DEFAULT_LIMIT / 2, `${kept.length} bytes were kept`);
      assert.deepEqual(kept.subarray(0, 4_096), whole.subarray(0, 4_096));
      assert.deepEqual(kept.subarray(-4_096), whole.subarray(-4_096));
    },
  },
  {
    id: "commands.10.limit",
    title: "the limit can be chosen, and counts for each stream",
    run: async ({ runtime }) => {
      const result = await runtime.exec(`${printNumbered(1_000)}; echo short >&2`, { maxCaptureBytes: 640 });
      assert.equal(result.truncated, true);
      assert.match(result.stdout, /^0{15}\n/);
      assert.match(result.stdout, /0{12}999\n$/);
      assert.ok(result.stdout.length < 2_000);
      assert.equal(result.stderr, "short\n");
    },
  },
  {
    id: "commands.10.whole",
    title: "output up to the limit is whole",
    run: async ({ runtime }) => {
      const result = await runtime.exec(printNumbered(DEFAULT_LIMIT / 16));
      assert.equal(result.truncated, false);
      assert.equal(sha256(result.stdoutBytes), sha256(numbered(DEFAULT_LIMIT / 16)));
    },
  },
  {
    id: "commands.10.log-holds-more",
    title: "the log holds what the capture left out",
    needs: ["resume"],
    run: async ({ runtime }) => {
      const result = await runtime.exec(printNumbered(20_000), { maxCaptureBytes: 1_000 });
      assert.equal(result.truncated, true);
      const process = await runtime.process(result.processId);
      const seen = await readAll(process.output());
      assert.equal(sha256(seen.all), sha256(numbered(20_000)));
      assert.equal(seen.exit?.exit.exitCode, 0);
    },
  },
];
