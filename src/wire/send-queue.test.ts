import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  FRAME,
  type FrameType,
  INITIAL_WINDOW_BYTES,
  MAX_DATA_BYTES,
  MAX_SOCKET_QUEUE_BYTES,
} from "./frame.ts";
import { SendQueue } from "./send-queue.ts";
import { MAX_BACKLOG_BYTES, MAX_STREAM_QUEUE_BYTES, StreamOutbox } from "./stream-outbox.ts";
import { RecordingSocket, until } from "./testing.ts";

const KB = 1024;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const tick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));
const outboxOn = (queue: SendQueue, id: number): StreamOutbox => new StreamOutbox(id, queue, () => undefined);

test("the first frame of an idle connection leaves with the current tick", async () => {
  const socket = new RecordingSocket();
  const queue = new SendQueue(socket);
  queue.empty(FRAME.END, 1);
  assert.equal(socket.batches.length, 0, "nothing is written during the send");
  await tick();
  assert.equal(socket.frames.length, 1);
});

test("many small frames of one turn leave as one write", async () => {
  const socket = new RecordingSocket();
  const queue = new SendQueue(socket);
  queue.empty(FRAME.END, 1);
  await tick();
  for (let index = 0; index < 50; index += 1) {
    queue.text(FRAME.EVENT, 3, `{"index":${index}}`, 1000);
    await tick();
  }
  await turn();
  await turn();
  assert.equal(socket.frames.length, 51);
  assert.ok(socket.batches.length <= 3, `${socket.batches.length} writes`);
});

test("control frames overtake the data of other streams", async () => {
  const socket = new RecordingSocket({ blocked: true });
  const queue = new SendQueue(socket);
  const bulk = outboxOn(queue, 1);
  bulk.data([Buffer.alloc(INITIAL_WINDOW_BYTES)]);
  await tick();
  const waiting = outboxOn(queue, 3);
  waiting.ordered(FRAME.RESPONSE, "{}");
  queue.window(5, 77);
  socket.release(true);
  await until(() => bulk.empty);
  const types = socket.frames.map(({ type }) => type);
  assert.deepEqual(types, [FRAME.DATA, FRAME.RESPONSE, FRAME.WINDOW, FRAME.DATA, FRAME.DATA, FRAME.DATA]);
});

test("streams with data take turns", async () => {
  const socket = new RecordingSocket({ blocked: true });
  const queue = new SendQueue(socket);
  const outboxes = [1, 3, 5].map((id) => outboxOn(queue, id));
  for (const outbox of outboxes) outbox.data([Buffer.alloc(3 * MAX_DATA_BYTES)]);
  socket.release(true);
  await until(() => outboxes.every((outbox) => outbox.empty));
  assert.deepEqual(
    socket.frames.map(({ stream }) => stream),
    [1, 3, 5, 1, 3, 5, 1, 3, 5],
  );
});

test("within a stream everything keeps its order: data, EVENT, RESPONSE, END", async () => {
  const socket = new RecordingSocket();
  const queue = new SendQueue(socket);
  const outbox = outboxOn(queue, 1);
  outbox.ordered(FRAME.EVENT, "1");
  outbox.data([Buffer.from("ab"), Buffer.from("cd")]);
  outbox.ordered(FRAME.EVENT, "2");
  outbox.frame([Buffer.from("e"), Buffer.from("f")], 2);
  outbox.ordered(FRAME.RESPONSE, "3");
  outbox.ordered(FRAME.END, "");
  await until(() => outbox.empty);
  assert.deepEqual(
    socket.frames.map(({ type, payload }) => [type, payload.toString()]),
    [
      [FRAME.EVENT, "1"],
      [FRAME.DATA, "abcd"],
      [FRAME.EVENT, "2"],
      [FRAME.DATA, "ef"],
      [FRAME.RESPONSE, "3"],
      [FRAME.END, ""],
    ],
  );
});

test("END waits behind data that has no credit", async () => {
  const socket = new RecordingSocket();
  const queue = new SendQueue(socket);
  const outbox = outboxOn(queue, 1);
  outbox.data([Buffer.alloc(INITIAL_WINDOW_BYTES + 10)]);
  outbox.ordered(FRAME.END, "");
  await turn();
  await turn();
  assert.equal(
    socket.frames.reduce((sum, { payload }) => sum + payload.length, 0),
    INITIAL_WINDOW_BYTES,
  );
  outbox.addCredit(10);
  await until(() => outbox.empty);
  assert.deepEqual(
    socket.frames.slice(-2).map(({ type, payload }) => [type, payload.length]),
    [
      [FRAME.DATA, 10],
      [FRAME.END, 0],
    ],
  );
});

test("dropped data is never sent", async () => {
  const socket = new RecordingSocket({ blocked: true });
  const queue = new SendQueue(socket);
  const first = outboxOn(queue, 1);
  const second = outboxOn(queue, 3);
  first.data([Buffer.alloc(4 * MAX_DATA_BYTES)]);
  second.data([Buffer.alloc(2 * MAX_DATA_BYTES)]);
  await tick();
  first.clear();
  socket.release(true);
  await until(() => second.empty);
  assert.equal(socket.frames.filter(({ stream }) => stream === 1).length, 1);
});

test("the socket's own queue stays under 64 KiB and a frame", async () => {
  const socket = new RecordingSocket({ blocked: true });
  const queue = new SendQueue(socket);
  const outboxes = Array.from({ length: 20 }, (_, index) => outboxOn(queue, 2 * index + 1));
  for (const outbox of outboxes) outbox.data([Buffer.alloc(100 * KB)]);
  for (let index = 0; index < 200; index += 1) queue.text(FRAME.EVENT, 99, `"${"x".repeat(3000)}"`, 10_000);
  while (outboxes.some((outbox) => !outbox.empty)) {
    await turn();
    socket.release();
  }
  assert.ok(socket.peakQueuedBytes <= MAX_SOCKET_QUEUE_BYTES + 4 * KB, `${socket.peakQueuedBytes}`);
});

test("a stream is not writable while its queue is full or answers pile up, and learns when that is over", async () => {
  const socket = new RecordingSocket({ blocked: true });
  const queue = new SendQueue(socket);
  const outbox = outboxOn(queue, 1);
  outbox.addCredit(8 * 1024 * KB);
  assert.equal(outbox.writable(), MAX_STREAM_QUEUE_BYTES);
  outbox.data([Buffer.alloc(MAX_STREAM_QUEUE_BYTES)]);
  assert.equal(outbox.writable(), 0);
  assert.equal(outbox.takeUnblocked(), false);
  socket.release(true);
  await until(() => outbox.takeUnblocked());
  assert.equal(outbox.takeUnblocked(), false, "told once");
  const other = new SendQueue(new RecordingSocket({ blocked: true }));
  const small = outboxOn(other, 1);
  const text = `"${"y".repeat(100 * KB)}"`;
  for (let sent = 0; sent <= MAX_BACKLOG_BYTES; sent += text.length)
    other.text(FRAME.EVENT, 3, text, 2 ** 20);
  assert.ok(small.writable() <= 0);
  assert.equal(other.backlogged, true);
});

test("any sequence of sends, credits and drains: order kept, credit never overrun", async () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant("data" as const), stream: fc.nat(3), bytes: fc.nat(90 * KB) }),
    fc.record({ kind: fc.constant("frame" as const), stream: fc.nat(3), bytes: fc.nat(60 * KB) }),
    fc.record({ kind: fc.constant("event" as const), stream: fc.nat(3), bytes: fc.nat(200) }),
    fc.record({
      kind: fc.constant("credit" as const),
      stream: fc.nat(3),
      bytes: fc.integer({ min: 1, max: 70 * KB }),
    }),
    fc.record({ kind: fc.constant("drain" as const), stream: fc.constant(0), bytes: fc.constant(0) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 80 }), async (actions) => {
      const socket = new RecordingSocket({ blocked: true });
      const queue = new SendQueue(socket);
      const outboxes = [1, 3, 5, 7].map((id) => outboxOn(queue, id));
      const credit = [0, 0, 0, 0].map(() => INITIAL_WINDOW_BYTES);
      const sent: string[][] = [[], [], [], []];
      let next = 0;
      for (const { kind, stream, bytes } of actions) {
        const outbox = outboxes[stream]!;
        if (kind === "credit") {
          credit[stream]! += bytes;
          outbox.addCredit(bytes);
        } else if (kind === "drain") {
          socket.release();
          await tick();
        } else if (kind === "event") {
          sent[stream]!.push(`event ${next}`);
          outbox.ordered(FRAME.EVENT, `${next++}`);
        } else if (bytes > 0) {
          const chunk = Buffer.alloc(bytes, next++ % 251);
          sent[stream]!.push(`bytes ${chunk[0]} x ${bytes}`);
          if (kind === "data") outbox.data([chunk]);
          else outbox.frame([chunk], bytes);
        }
      }
      socket.release(true);
      await turn();
      await turn();
      const byCredit = new Map([1, 3, 5, 7].map((id, index) => [id, credit[index]!]));
      check(socket.frames, byCredit);
      for (const [index, outbox] of outboxes.entries()) {
        byCredit.set(2 * index + 1, Number.POSITIVE_INFINITY);
        outbox.addCredit(2 ** 26);
      }
      await until(() => outboxes.every((outbox) => outbox.empty));
      for (const [index, expected] of sent.entries()) {
        assert.equal(replay(socket.frames, 2 * index + 1), replayOf(expected));
      }
    }),
    { numRuns: 60 },
  );
});

type Sent = { type: FrameType; stream: number; payload: Buffer };

function check(frames: Sent[], credit: Map<number, number>): void {
  const used = new Map<number, number>();
  for (const { type, stream, payload } of frames) {
    if (type !== FRAME.DATA) continue;
    used.set(stream, (used.get(stream) ?? 0) + payload.length);
    assert.ok(payload.length > 0 && payload.length <= MAX_DATA_BYTES);
  }
  for (const [stream, bytes] of used) assert.ok(bytes <= credit.get(stream)!, `stream ${stream} overran`);
}

/** What a receiver sees of a stream, with neighbouring runs of one byte value joined. */
function replay(frames: Sent[], id: number): string {
  const seen: [string, number][] = [];
  for (const { type, stream, payload } of frames) {
    if (stream !== id) continue;
    if (type === FRAME.EVENT) seen.push([`event ${payload}`, 0]);
    for (let at = 0; type === FRAME.DATA && at < payload.length; ) {
      let end = at;
      while (end < payload.length && payload[end] === payload[at]) end += 1;
      join(seen, `bytes ${payload[at]}`, end - at);
      at = end;
    }
  }
  return JSON.stringify(seen);
}

function replayOf(sent: string[]): string {
  const seen: [string, number][] = [];
  for (const entry of sent) {
    const [what, count] = entry.split(" x ");
    if (count === undefined) seen.push([what!, 0]);
    else join(seen, what!, Number(count));
  }
  return JSON.stringify(seen);
}

function join(seen: [string, number][], what: string, count: number): void {
  const last = seen.at(-1);
  if (last?.[0] === what) last[1] += count;
  else seen.push([what, count]);
}
