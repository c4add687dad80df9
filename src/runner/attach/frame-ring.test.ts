import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameRing } from "./frame-ring.ts";
import { messageFrame, outputFrame } from "./frames.ts";

function bytes(from: number, to: number) {
  const data = new Uint8Array(to - from);
  return { from, to, frame: outputFrame("stdout", [data], data.length), stream: "stdout" } as const;
}

test("frames are found by the cursor of each of their bytes, and by number", () => {
  const ring = new FrameRing(10);
  assert.equal(ring.find(10), 0);
  assert.equal(ring.find(9), undefined);
  assert.equal(ring.find(11), undefined);
  for (const [from, to] of [
    [10, 15],
    [15, 16],
    [16, 90],
  ] as const)
    ring.push(bytes(from, to));
  ring.push({
    from: 90,
    to: 200,
    frame: messageFrame({ type: "gap", from: 90, to: 200 }),
    stream: undefined,
  });
  assert.deepEqual(
    [9, 10, 14, 15, 16, 89, 90, 199, 200, 201].map((cursor) => ring.find(cursor)),
    [undefined, 0, 0, 1, 2, 2, 3, 3, 4, undefined],
  );
  ring.dropBefore(2);
  assert.deepEqual([ring.first, ring.next, ring.start, ring.end], [2, 4, 16, 200]);
  assert.deepEqual([ring.find(15), ring.find(16), ring.at(1), ring.at(2)?.to], [undefined, 2, undefined, 90]);
  ring.dropBefore(ring.next);
  assert.deepEqual([ring.bytes, ring.start, ring.find(200), ring.find(199)], [0, 200, 4, undefined]);
});

test("numbers go on over thousands of frames, and nothing is kept of those dropped", () => {
  const ring = new FrameRing(0);
  for (let number = 0; number < 5_000; number += 1) {
    ring.push(bytes(3 * number, 3 * number + 3));
    ring.dropBefore(number - 10);
    assert.equal(ring.find(3 * number + 1), number);
  }
  assert.equal(ring.next, 5_000);
  assert.ok(ring.bytes < 12 * 10);
});

test("a frame is a whole WebSocket frame of the server, at each form of its length", () => {
  for (const [length, header] of [
    [0, [0x82, 1]],
    [124, [0x82, 125]],
    [125, [0x82, 126, 0, 126]],
    [65_534, [0x82, 126, 255, 255]],
    [65_535, [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]],
  ] as const) {
    const { bytes: frame } = outputFrame("stderr", [Buffer.alloc(length, 7)], length);
    assert.deepEqual([...frame.subarray(0, header.length)], header);
    assert.equal(frame[header.length], 2);
    assert.equal(frame.length, header.length + 1 + length);
  }
});

test("memory of a frame is used again only when nobody holds it", () => {
  const make = () => outputFrame("tty", [Buffer.alloc(50_000)], 50_000);
  const first = make();
  first.hold();
  first.release();
  const second = make();
  assert.notEqual(second.bytes.buffer, first.bytes.buffer);
  first.release();
  const third = make();
  assert.equal(third.bytes.buffer, first.bytes.buffer);
});
