import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isBerthError } from "../contract/errors.ts";
import { decodeJson, MAX_JSON_DEPTH } from "./json.ts";

test("what JSON.stringify made comes back, without prototype keys", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      fc.pre(!text.includes("__proto__"));
      assert.deepEqual(decodeJson(Buffer.from(text)), JSON.parse(text));
    }),
  );
});

test("random bytes are refused as wire.protocol_error or decoded", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.string().map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        try {
          decodeJson(Buffer.from(bytes));
        } catch (error) {
          assert.ok(isBerthError(error, "wire.protocol_error"));
        }
      },
    ),
  );
});

test("nesting is bounded, brackets inside strings do not count", () => {
  const nested = (depth: number): Buffer => Buffer.from("[".repeat(depth) + "]".repeat(depth));
  assert.ok(Array.isArray(decodeJson(nested(MAX_JSON_DEPTH))));
  for (const depth of [MAX_JSON_DEPTH + 1, 500_000]) {
    assert.throws(
      () => decodeJson(nested(depth)),
      (error) => isBerthError(error, "wire.protocol_error"),
    );
  }
  const text = `${"[{".repeat(100)}\\"`;
  assert.deepEqual(decodeJson(Buffer.from(JSON.stringify({ text }))), { text });
});

for (const key of ["__proto__", "__pr\\u006fto__", "\\u005f_proto__"]) {
  test(`the key ${key} changes no prototype`, () => {
    const value = decodeJson(
      Buffer.from(`{"params":{"${key}":{"polluted":true},"a":[{"${key}":{"x":1},"b":2}]}}`),
    ) as { params: Record<string, unknown> };
    assert.deepEqual(Object.keys(value.params), ["a"]);
    const copy: Record<string, unknown> = Object.assign({}, value.params);
    assert.equal(copy.polluted, undefined);
    assert.deepEqual(value.params.a, [{ b: 2 }]);
  });
}
