import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText, newPorts, portOf } from "./port-number.ts";

test("a port is a number from 1 to 65535", () => {
  assert.deepEqual(["3000", " 80 ", "65535", "0", "65536", "-1", "3000x", "", "1e3", "3.5"].map(portOf), [
    3000,
    80,
    65_535,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test("addresses of version 6 have brackets", () => {
  assert.equal(addressText("127.0.0.1", 80), "127.0.0.1:80");
  assert.equal(addressText("::1", 80), "[::1]:80");
});

test("new is what was not there at the first look", () => {
  assert.deepEqual(newPorts(undefined, [80]), []);
  assert.deepEqual(newPorts([80, 443], [80, 3000, 3000]), [3000]);
});
