import assert from "node:assert/strict";
import { test } from "node:test";
import { hexLines } from "./hex.ts";

test("bytes as hexdump writes them", () => {
  const bytes = new Uint8Array([...new TextEncoder().encode("Hafen\n"), 0, 255, ...new Array(10).fill(65)]);
  assert.deepEqual(hexLines(bytes), [
    "00000000  48 61 66 65 6e 0a 00 ff  41 41 41 41 41 41 41 41  Hafen...AAAAAAAA",
    "00000010  41 41                                             AA",
  ]);
  assert.deepEqual(hexLines(new Uint8Array()), []);
});
