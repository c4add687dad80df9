import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BerthError, berthError } from "../contract/errors.ts";
import { decodeError, encodeError } from "./error-codec.ts";
import { MAX_JSON_CONTROL_BYTES } from "./frame.ts";

test("an error comes back with all of its parts", () => {
  const error = berthError("process.unknown", {
    hop: "berthd",
    runtime: "docker container web-1",
    context: { id: "p1", tries: 2, ended: false, nothing: null, names: ["a", "b"] },
  });
  const again = decodeError(JSON.parse(encodeError(error)));
  assert.deepEqual(again.toJSON(), error.toJSON());
});

test("whatever a peer sends becomes a BerthError", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const error = decodeError(value);
      assert.ok(error instanceof BerthError);
      for (const field of ["code", "message", "hint", "hop"] as const)
        assert.equal(typeof error[field], "string");
      assert.equal(typeof error.retryable, "boolean");
    }),
  );
});

test("a code that is not known here keeps its words", () => {
  const error = decodeError({ code: "future.thing", message: "m", hint: "h", retryable: true, hop: "mars" });
  assert.equal(error.code, "future.thing");
  assert.equal(error.hint, "h");
  assert.equal(error.hop, "berthd");
});

test("an error too large for a frame is cut, not lost", () => {
  const error = berthError("internal", {
    message: "m".repeat(200_000),
    context: { path: "p".repeat(200_000) },
  });
  const text = encodeError(error);
  assert.ok(Buffer.byteLength(text) <= MAX_JSON_CONTROL_BYTES);
  assert.equal(decodeError(JSON.parse(text)).code, "internal");
});
