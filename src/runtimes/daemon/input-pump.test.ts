import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { berthError } from "../../contract/errors.ts";
import { MAX_WINDOW_BYTES } from "../../wire/frame.ts";
import type { WireStream } from "../../wire/types.ts";
import { InputPump } from "./input-pump.ts";

/** A stream whose window the test sets: what a real one shows only by chance. */
class WindowStream implements WireStream {
  readonly id = 1;
  closed = false;
  handler = {};
  room = 0;
  received: number[] = [];
  count = 0;
  ended = false;
  respond(): void {}
  event(): void {}
  data(...parts: Uint8Array[]): boolean {
    for (const part of parts) {
      this.room -= part.length;
      this.count += part.length;
      if (part.length < 1000) this.received.push(...part);
    }
    assert.ok(this.room >= 0, "sent beyond the window");
    return this.room > 0;
  }
  frame(): boolean {
    return false;
  }
  writable(): number {
    return this.room;
  }
  end(): void {
    this.ended = true;
  }
  reset(): void {
    this.closed = true;
  }
  consumed(): void {}
}

test("property: whatever is lost on the way, the daemon gets every byte once", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 20 }),
      fc.array(fc.record({ room: fc.nat(50), taken: fc.nat(100) }), { maxLength: 20 }),
      (sizes, connections) => {
        const pump = new InputPump();
        let next = 0;
        const sent: number[] = [];
        for (const size of sizes) {
          const chunk = Uint8Array.from({ length: size }, () => next++ & 0xff);
          sent.push(...chunk);
          pump.push(chunk);
        }
        pump.end();
        const taken: number[] = [];
        for (const { room, taken: share } of [...connections, { room: 10_000, taken: 10_000 }]) {
          const stream = new WindowStream();
          stream.room = room;
          pump.attach(stream, taken.length);
          // A part of what was sent arrives before the connection is lost.
          taken.push(...stream.received.slice(0, share));
          pump.detach();
          if (room === 10_000) assert.equal(stream.ended, true);
        }
        assert.deepEqual(taken, sent);
      },
    ),
  );
});

test("what is kept for a reconnect is bounded by the largest window", () => {
  const pump = new InputPump();
  const stream = new WindowStream();
  pump.attach(stream, 0);
  const chunk = new Uint8Array(64 * 1024);
  const chunks = (4 * MAX_WINDOW_BYTES) / chunk.length;
  for (let index = 0; index < chunks; index++) {
    stream.room = chunk.length;
    pump.push(chunk);
  }
  pump.detach();
  const resumed = new WindowStream();
  resumed.room = Number.MAX_SAFE_INTEGER;
  // Further back than any window reaches, nothing can be asked for.
  pump.attach(resumed, 0);
  assert.ok(resumed.count >= MAX_WINDOW_BYTES);
  assert.ok(resumed.count <= MAX_WINDOW_BYTES + 2 * 1024 * 1024);
});

test("writes wait for the window, and fail when the process takes no more", async () => {
  const pump = new InputPump();
  const stream = new WindowStream();
  stream.room = 5;
  pump.attach(stream, 0);
  await pump.write(new Uint8Array(5));
  let done = false;
  const waiting = pump.write(new Uint8Array(5)).then(() => {
    done = true;
  });
  stream.room = 3;
  pump.pump();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(done, false);
  stream.room = 2;
  pump.pump();
  await waiting;
  const failing = pump.write(new Uint8Array(5));
  pump.close(berthError("process.finished"), true);
  await assert.rejects(failing, { code: "process.finished" });
  await assert.rejects(pump.write(new Uint8Array(1)), { code: "process.finished" });
  assert.equal(stream.ended, true);
});
