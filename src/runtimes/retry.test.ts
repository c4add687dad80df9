import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffMs, DEFAULT_RETRY, retry } from "./retry.ts";

test("the wait grows to its bound and never falls below its floor", () => {
  const policy = { baseMs: 100, maxMs: 1000, floor: 0.25 };
  assert.equal(
    backoffMs(0, policy, () => 0),
    25,
  );
  assert.equal(
    backoffMs(0, policy, () => 1),
    100,
  );
  assert.equal(
    backoffMs(3, policy, () => 1),
    800,
  );
  assert.equal(
    backoffMs(4, policy, () => 1),
    1000,
  );
  assert.equal(
    backoffMs(10_000, policy, () => 1),
    1000,
  );
  for (let attempt = 0; attempt < 20; attempt++) {
    const ms = backoffMs(attempt, DEFAULT_RETRY);
    assert.ok(ms > 0 && ms <= DEFAULT_RETRY.maxMs);
  }
});

test("it repeats until success, and only what may be repeated", async () => {
  const waits: number[] = [];
  const wait = async (ms: number) => {
    waits.push(ms);
  };
  const result = await retry(
    async (number) => {
      if (number < 3) throw new Error(`attempt ${number}`);
      return number;
    },
    { shouldRetry: () => true, wait },
  );
  assert.equal(result, 3);
  assert.equal(waits.length, 3);
  await assert.rejects(
    retry(() => Promise.reject(new Error("no")), { shouldRetry: (_, attempt) => attempt < 1, wait }),
    /no/,
  );
  assert.equal(waits.length, 4);
});

test("the signal ends it: before, and in the middle of a wait", async () => {
  await assert.rejects(
    retry(async () => 1, { signal: AbortSignal.abort(), shouldRetry: () => true }),
    {
      name: "AbortError",
    },
  );
  const controller = new AbortController();
  const failing = retry(() => Promise.reject(new Error("the last one")), {
    signal: controller.signal,
    policy: { baseMs: 60_000, maxMs: 60_000 },
    shouldRetry: () => true,
  });
  setImmediate(() => controller.abort());
  await assert.rejects(failing, /the last one/);
});
