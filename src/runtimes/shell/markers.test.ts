import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MarkerSplitter } from "./markers.ts";

const NONCE = "0123456789abcdef0123456789abcdef";
const marker = (payload: string) => Buffer.from(`\x01\x02${NONCE}:${payload}\x03`);

/** Everything that comes out, as text in order; markers in brackets. */
function split(chunks: readonly Uint8Array[]): { bytes: Buffer; markers: string[] } {
  const bytes: Buffer[] = [];
  const markers: string[] = [];
  const splitter = new MarkerSplitter(NONCE, {
    data: (data) => bytes.push(Buffer.from(data)),
    marker: (payload) => markers.push(`${Buffer.concat(bytes).length} ${payload}`),
  });
  for (const chunk of chunks) splitter.push(Buffer.from(chunk));
  splitter.finish();
  return { bytes: Buffer.concat(bytes), markers };
}

test("a marker is found wherever the stream is cut", () => {
  const whole = Buffer.concat([
    Buffer.from("before\x01"),
    marker("start 12"),
    Buffer.from("\x01\x02after"),
    marker("end"),
  ]);
  for (let cut = 0; cut <= whole.length; cut++) {
    const { bytes, markers } = split([whole.subarray(0, cut), whole.subarray(cut)]);
    assert.equal(bytes.toString(), "before\x01\x01\x02after");
    assert.deepEqual(markers, ["7 start 12", "14 end"]);
  }
});

test("one byte at a time is the same", () => {
  const whole = Buffer.concat([Buffer.from("\x01\x02\x01\x02"), marker("a"), marker("b"), Buffer.from("x")]);
  const { bytes, markers } = split([...whole].map((byte) => Buffer.of(byte)));
  assert.equal(bytes.toString(), "\x01\x02\x01\x02x");
  assert.deepEqual(markers, ["4 a", "4 b"]);
});

test("bytes that only begin like a marker are output, at the latest at the end", () => {
  for (const text of ["\x01", "\x01\x02", `\x01\x02${NONCE}`, `\x01\x02${NONCE}:no end`]) {
    assert.equal(split([Buffer.from(text)]).bytes.toString(), text);
  }
});

test("a marker without an end is output once it is longer than any of ours", () => {
  const { bytes, markers } = split([
    Buffer.from(`\x01\x02${NONCE}:`),
    Buffer.alloc(70_000, "x"),
    marker("end"),
  ]);
  assert.equal(bytes.length, 2 + 33 + 70_000);
  assert.deepEqual(markers, [`${2 + 33 + 70_000} end`]);
});

test("any output comes through whole, in any chunks", () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom(
      Buffer.from("\x01"),
      Buffer.from("\x01\x02"),
      Buffer.from(`\x01\x02${NONCE.slice(0, 9)}`),
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (chunks) => {
      const { bytes, markers } = split(chunks);
      assert.ok(bytes.equals(Buffer.concat(chunks)));
      assert.deepEqual(markers, []);
    }),
  );
});
