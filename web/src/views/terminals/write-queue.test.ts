import assert from "node:assert/strict";
import { test } from "node:test";
import { WriteQueue } from "./write-queue.ts";

/** A terminal that takes in one slice when it is told to. */
function slowTerminal() {
  const waiting: { readonly bytes: Uint8Array; readonly done: () => void }[] = [];
  const taken: number[] = [];
  return {
    waiting,
    taken,
    write: (bytes: Uint8Array, done: () => void) => void waiting.push({ bytes, done }),
    take() {
      const next = waiting.shift();
      if (next === undefined) return false;
      taken.push(...next.bytes);
      next.done();
      return true;
    },
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("everything arrives in its order, in slices, with no more under way than may be", async () => {
  const terminal = slowTerminal();
  using queue = new WriteQueue({ write: terminal.write, sliceBytes: 4, maxBytes: 10 });
  const sent = Uint8Array.from({ length: 103 }, (_, index) => index);
  const pushed = (async () => {
    for (const [from, to] of [
      [0, 1],
      [1, 50],
      [50, 103],
    ] as const) {
      await queue.push(sent.subarray(from, to));
    }
    await queue.drained();
  })();
  for (;;) {
    await turn();
    assert.ok(queue.unwritten <= 10, `${queue.unwritten} bytes are under way`);
    assert.ok(terminal.waiting.every(({ bytes }) => bytes.length <= 4));
    if (!terminal.take()) break;
  }
  await pushed;
  assert.deepEqual(terminal.taken, [...sent]);
  assert.equal(queue.unwritten, 0);
});

test("who has pushed waits for room, and not for the terminal", async () => {
  const terminal = slowTerminal();
  using queue = new WriteQueue({ write: terminal.write, sliceBytes: 4, maxBytes: 8 });
  await queue.push(new Uint8Array(8));
  let more = false;
  const pushing = queue.push(new Uint8Array(1)).then(() => {
    more = true;
  });
  await turn();
  assert.equal(more, false);
  terminal.take();
  await pushing;
  assert.equal(more, true);
});

test("a slice that is larger than what may be under way is given alone", async () => {
  const terminal = slowTerminal();
  using queue = new WriteQueue({ write: terminal.write, sliceBytes: 16, maxBytes: 8 });
  await queue.push(new Uint8Array(16));
  assert.equal(terminal.waiting.length, 1);
});

test("nobody waits for a terminal that is gone", async () => {
  const terminal = slowTerminal();
  const queue = new WriteQueue({ write: terminal.write, sliceBytes: 4, maxBytes: 4 });
  const pushing = queue.push(new Uint8Array(100));
  queue[Symbol.dispose]();
  await pushing;
  await queue.drained();
  assert.equal(terminal.waiting.length, 1);
});
