import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBeginning, replayPlan, replaySteps } from "./terminal-replay.ts";

const MIB = 1024 * 1024;
const otherwise = { columns: 80, rows: 24 };

test("a screen is made of the newest 8 MiB, in the size that the terminal had there", () => {
  const sizes = [
    { cursor: 0, columns: 80, rows: 24 },
    { cursor: 3 * MIB, columns: 100, rows: 30 },
    { cursor: 9 * MIB, columns: 120, rows: 40 },
  ];
  const whole = replayPlan({ outputStart: 0, outputEnd: 100, tty: null, ttySizes: sizes }, otherwise);
  assert.deepEqual([whole.from, whole.until, whole.size.columns, whole.sizes.length], [0, 100, 80, 2]);
  const cut = replayPlan({ outputStart: 0, outputEnd: 12 * MIB, tty: null, ttySizes: sizes }, otherwise);
  assert.deepEqual([cut.from, cut.size.columns, cut.sizes], [4 * MIB, 100, sizes.slice(2)]);
  const dropped = replayPlan(
    { outputStart: 5, outputEnd: 9, tty: null, ttySizes: sizes.slice(2) },
    otherwise,
  );
  assert.deepEqual([dropped.from, dropped.size.columns], [5, 120], "older sizes are not known any more");
});

test("without sizes it is the one that the terminal has, or the one that is given", () => {
  const none = { outputStart: 0, outputEnd: 1 };
  assert.equal(replayPlan({ ...none, tty: { columns: 33, rows: 9 } }, otherwise).size.columns, 33);
  assert.equal(replayPlan({ ...none, tty: null }, otherwise).size, otherwise);
});

test("output is cut at each new size, wherever the pieces of it end", () => {
  const output = Uint8Array.from({ length: 20 }, (_, index) => index);
  const sizes = [5, 5, 12, 20].map((cursor, index) => ({ cursor, columns: 10 + index, rows: 2 }));
  const expected = "0-4|10|11|5-11|12|12-19|13";
  for (const piece of [1, 3, 5, 7, 20]) {
    const steps: (number[] | string)[] = [];
    for (let at = 0; at < output.length; at += piece) {
      for (const step of replaySteps(output.subarray(at, at + piece), at, sizes)) {
        const last = steps.at(-1);
        if ("columns" in step) steps.push(String(step.columns));
        else if (Array.isArray(last)) last.push(...step);
        else steps.push([...step]);
      }
    }
    const told = steps.map((step) => (typeof step === "string" ? step : `${step[0]}-${step.at(-1)}`));
    assert.equal(told.join("|"), expected, `pieces of ${piece}`);
  }
});

test("what begins in the middle begins at its first line or sequence", () => {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const bytes = new TextEncoder().encode("31mred\x1b[0m\nnext");
  assert.equal(text(fromBeginning(bytes)), "\x1b[0m\nnext");
  assert.equal(text(fromBeginning(new TextEncoder().encode("plain"))), "plain");
});
