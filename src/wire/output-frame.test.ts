import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isBerthError } from "../contract/errors.ts";
import { decodeOutput, encodeOutputTable, MAX_OUTPUT_RUNS } from "./output-frame.ts";

const run = fc.record({ channel: fc.integer({ min: 1, max: 3 }), bytes: fc.uint8Array({ maxLength: 40 }) });

test("runs come back as they were sent", () => {
  fc.assert(
    fc.property(fc.array(run, { maxLength: 60 }), (runs) => {
      const table = encodeOutputTable(runs.map(({ channel, bytes }) => ({ channel, length: bytes.length })));
      const got: { channel: number; bytes: Uint8Array }[] = [];
      decodeOutput(Buffer.concat([table, ...runs.map(({ bytes }) => bytes)]), (channel, bytes) =>
        got.push({ channel, bytes: new Uint8Array(bytes) }),
      );
      const sent = runs
        .filter(({ bytes }) => bytes.length > 0)
        .map(({ channel, bytes }) => ({ channel, bytes }));
      assert.deepEqual(got, sent);
    }),
  );
});

test("a payload in parts gives the same bytes per channel", () => {
  fc.assert(
    fc.property(
      fc.array(run, { maxLength: 60 }),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
      (runs, sizes) => {
        const table = encodeOutputTable(
          runs.map(({ channel, bytes }) => ({ channel, length: bytes.length })),
        );
        const whole = Buffer.concat([table, ...runs.map(({ bytes }) => bytes)]);
        const parts: Buffer[] = [];
        for (let at = 0, turn = 0; at < whole.length; turn += 1) {
          const size = sizes[turn % sizes.length]!;
          parts.push(whole.subarray(at, at + size));
          at += size;
        }
        assert.deepEqual(bytesByRun(parts), bytesByRun(whole));
      },
    ),
  );
});

/** Each byte with its channel, in order. */
function bytesByRun(payload: Parameters<typeof decodeOutput>[0]): number[] {
  const seen: number[] = [];
  decodeOutput(payload, (channel, bytes) => {
    for (const byte of bytes) seen.push(channel * 256 + byte);
  });
  return seen;
}

test("random payloads are refused before the first run, or add up", () => {
  const payloads = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc
      .tuple(fc.integer({ min: 0, max: 4 }), fc.uint8Array({ maxLength: 60 }))
      .map(([count, rest]) => Uint8Array.from([count, 0, ...rest])),
  );
  fc.assert(
    fc.property(payloads, (payload) => {
      let total = 0;
      let runs = 0;
      try {
        decodeOutput(payload, (_channel, bytes) => {
          total += bytes.length;
          runs += 1;
        });
        assert.equal(total + 2 + payload[0]! * 5, payload.length);
      } catch (error) {
        assert.ok(isBerthError(error, "wire.protocol_error"));
        assert.equal(runs, 0);
      }
    }),
    { numRuns: 1000 },
  );
});

test("lengths that overflow 32 bits together are refused", () => {
  const table = encodeOutputTable([
    { channel: 1, length: 0xffff_ffff },
    { channel: 2, length: 1 },
  ]);
  assert.throws(
    () => decodeOutput(table, () => assert.fail()),
    (error) => isBerthError(error, "wire.protocol_error"),
  );
});

test("a table holds at most MAX_OUTPUT_RUNS", () => {
  const runs = Array.from({ length: MAX_OUTPUT_RUNS + 1 }, () => ({ channel: 1, length: 0 }));
  assert.throws(() => encodeOutputTable(runs), RangeError);
});
