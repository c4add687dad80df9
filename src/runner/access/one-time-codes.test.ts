import assert from "node:assert/strict";
import { test } from "node:test";
import { OneTimeCodes } from "./one-time-codes.ts";

test("a code is taken once, within a minute, and by who it fits", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_000 });
  const codes = new OneTimeCodes<string>();
  const { code, expiresAt } = codes.make("a");
  assert.equal(expiresAt, new Date(61_000).toISOString());
  assert.equal(
    codes.take(code, (meaning) => meaning === "b"),
    undefined,
  );
  assert.equal(codes.take(`${code.slice(0, -1)}!`), undefined);
  assert.equal(codes.take(""), undefined);
  assert.equal(codes.take(code), "a");
  assert.equal(codes.take(code), undefined);

  const late = codes.make("late");
  t.mock.timers.tick(60_001);
  assert.equal(codes.take(late.code), undefined);
});

test("of too many codes the oldest go", () => {
  const codes = new OneTimeCodes<number>();
  const made = Array.from({ length: 1_001 }, (_, index) => codes.make(index).code);
  assert.equal(codes.take(made[0] ?? ""), undefined);
  assert.equal(codes.take(made[1] ?? ""), 1);
  assert.equal(codes.take(made[1_000] ?? ""), 1_000);
});
