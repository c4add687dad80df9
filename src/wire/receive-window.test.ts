import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { INITIAL_WINDOW_BYTES, MAX_WINDOW_BYTES } from "./frame.ts";
import { MAX_DATA_PAYLOAD_BYTES } from "./frame-codec.ts";
import { MAX_GROWTH_BYTES, ReceiveWindow } from "./receive-window.ts";

const QUICK = { ms: 50, idleMs: 50, now: 0 };
const QUEUED = { ms: 120, idleMs: 50, now: 0 };

/** Receives and uses a full window within one measured round trip. */
function fullRoundTrip(window: ReceiveWindow, trip: { ms: number; idleMs: number; now: number }): number {
  let granted = 0;
  const bytes = window.sizeBytes;
  const quarter = bytes / 4;
  const take = (): void => {
    assert.ok(window.receive(quarter));
    granted += window.consumed(quarter);
  };
  take();
  take();
  assert.ok(window.wantsProbe);
  window.probeStarted();
  for (let index = 0; index < 4; index += 1) take();
  return granted + window.measured(trip);
}

test("credit: what was received may be used once, and no more comes than was granted", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100_000), { maxLength: 200 }), (sizes) => {
      const window = new ReceiveWindow({ growthBytes: 0 });
      let credit = INITIAL_WINDOW_BYTES;
      for (const size of sizes) {
        const accepted = window.receive(size);
        assert.equal(accepted, size <= credit);
        if (!accepted) continue;
        credit -= size;
        credit += window.consumed(size);
        assert.equal(window.heldBytes, 0);
        assert.ok(
          credit >= (INITIAL_WINDOW_BYTES * 3) / 4,
          "a receiver that keeps up never closes the window",
        );
      }
    }),
  );
});

test("bytes that were never received cannot be given back", () => {
  const window = new ReceiveWindow({ growthBytes: 0 });
  assert.equal(window.consumed(10_000_000), 0);
});

test("a window that is the bottleneck doubles up to 8 MiB", () => {
  const window = new ReceiveWindow({ growthBytes: 0 });
  const sizes: number[] = [];
  for (let index = 0; index < 7; index += 1) {
    fullRoundTrip(window, QUICK);
    sizes.push(window.sizeBytes / 1024);
  }
  assert.deepEqual(sizes, [512, 1024, 2048, 4096, 8192, 8192, 8192]);
  assert.equal(window.sizeBytes, MAX_WINDOW_BYTES);
});

test("on a short way it grows to 1 MiB only", () => {
  const window = new ReceiveWindow({ growthBytes: 0 });
  for (let index = 0; index < 7; index += 1) fullRoundTrip(window, { ms: 0.5, idleMs: 0.1, now: 0 });
  assert.equal(window.sizeBytes, 4 * INITIAL_WINDOW_BYTES);
});

test("it does not grow while the round trip shows a queue, nor when it is not the bottleneck", () => {
  const window = new ReceiveWindow({ growthBytes: 0 });
  fullRoundTrip(window, QUEUED);
  assert.equal(window.sizeBytes, INITIAL_WINDOW_BYTES);
  window.receive(INITIAL_WINDOW_BYTES / 2);
  window.consumed(INITIAL_WINDOW_BYTES / 2);
  window.probeStarted();
  window.measured(QUICK);
  assert.equal(window.sizeBytes, INITIAL_WINDOW_BYTES);
});

test("it shrinks when a queue stays, withholds the credit, and keeps that size for a while", () => {
  const window = new ReceiveWindow({ growthBytes: 0 });
  fullRoundTrip(window, QUICK);
  fullRoundTrip(window, QUICK);
  const grown = 4 * INITIAL_WINDOW_BYTES;
  const shrunk = 3 * INITIAL_WINDOW_BYTES;
  fullRoundTrip(window, QUEUED);
  fullRoundTrip(window, QUEUED);
  assert.equal(window.sizeBytes, grown, "two slow answers are no queue");
  fullRoundTrip(window, QUEUED);
  assert.equal(window.sizeBytes, shrunk);
  // What the peer may send comes down to the new size.
  let credit = 0;
  while (window.receive(16 * 1024)) credit += 16 * 1024;
  const released = window.consumed(credit);
  assert.ok(released <= shrunk && released >= (shrunk * 3) / 4, `${released}`);
  fullRoundTrip(window, { ...QUICK, now: 9_000 });
  assert.equal(window.sizeBytes, shrunk);
  // Two of them measure with half of it.
  for (let turn = 0; turn < 3; turn += 1) fullRoundTrip(window, { ...QUICK, now: 40_000 });
  assert.equal(window.sizeBytes, 2 * shrunk);
});

test("on a long way half of it is kept back now and then for one measurement, and given back whole", () => {
  const window = new ReceiveWindow({ growthBytes: 0 });
  // An idle round trip that was measured too long hides the queue: nothing shrinks.
  const hidden = { ms: 120, idleMs: 100 };
  let out = INITIAL_WINDOW_BYTES;
  let least = out;
  for (let turn = 0; turn < 60; turn += 1) {
    const bytes = window.sizeBytes / 8;
    if (out < bytes) break;
    assert.ok(window.receive(bytes));
    out -= bytes;
    if (window.wantsProbe) window.probeStarted();
    out += window.consumed(bytes);
    least = Math.min(least, out);
    if (turn % 4 === 3) out += window.measured({ ...hidden, now: 1000 + turn * 400 });
  }
  assert.ok(least <= INITIAL_WINDOW_BYTES / 2, `${least} on the way at least`);
  window.consumed(INITIAL_WINDOW_BYTES);
  assert.equal(window.sizeBytes, INITIAL_WINDOW_BYTES);
  assert.ok(out >= (INITIAL_WINDOW_BYTES * 3) / 4, `${out} given back`);
  // Where there is no long way, never.
  const short = new ReceiveWindow({ growthBytes: 0 });
  for (let turn = 0; turn < 20; turn += 1) {
    const before = short.sizeBytes;
    const granted = fullRoundTrip(short, { ms: 6, idleMs: 5, now: turn * 5_000 });
    assert.ok(granted >= before);
  }
});

test("below its first size it shrinks only on a long way, and never so far that a frame does not fit", () => {
  const short = new ReceiveWindow({ growthBytes: 0 });
  const long = new ReceiveWindow({ growthBytes: 0 });
  for (let index = 0; index < 20; index += 1) {
    fullRoundTrip(short, { ms: 9, idleMs: 1, now: 0 });
    fullRoundTrip(long, QUEUED);
  }
  assert.equal(short.sizeBytes, INITIAL_WINDOW_BYTES);
  assert.equal(long.sizeBytes, INITIAL_WINDOW_BYTES / 2);
  for (let round = 0; round < 200; round += 1) {
    let credit = 0;
    while (long.receive(1024)) credit += 1024;
    long.consumed(credit);
    assert.ok(long.receive(MAX_DATA_PAYLOAD_BYTES), "a frame fits");
    long.consumed(MAX_DATA_PAYLOAD_BYTES);
  }
});

test("the windows of one connection share their growth", () => {
  const budget = { growthBytes: MAX_GROWTH_BYTES - INITIAL_WINDOW_BYTES };
  const first = new ReceiveWindow(budget);
  const second = new ReceiveWindow(budget);
  fullRoundTrip(first, QUICK);
  fullRoundTrip(second, QUICK);
  assert.equal(first.sizeBytes, 2 * INITIAL_WINDOW_BYTES);
  assert.equal(second.sizeBytes, INITIAL_WINDOW_BYTES);
  first.release();
  fullRoundTrip(second, QUICK);
  assert.equal(second.sizeBytes, 2 * INITIAL_WINDOW_BYTES);
});
