import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { berthError } from "../contract/errors.ts";
import { INITIAL_WINDOW_BYTES, MAX_WINDOW_BYTES } from "./frame.ts";
import type { Stream } from "./stream.ts";
import { connected, shapedPair, until } from "./testing.ts";
import type { StreamHandler, WireStream } from "./types.ts";

/** One step of a sender: bytes of a value, or an event. */
type Step = { readonly bytes: number } | { readonly event: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ bytes: fc.integer({ min: 1, max: 120_000 }) }),
  fc.record({ bytes: fc.integer({ min: 1, max: 50 }) }),
  fc.record({ event: fc.nat(1000) }),
);
const plan = fc.array(
  fc.record({ up: fc.array(step, { maxLength: 10 }), down: fc.array(step, { maxLength: 10 }) }),
  { minLength: 1, maxLength: 6 },
);

/** Sends the steps as the window allows, then END. */
function play(stream: WireStream, steps: readonly Step[], viaFrame: boolean): () => void {
  let next = 0;
  return function feed(): void {
    for (; next < steps.length; next += 1) {
      const current = steps[next]!;
      if ("event" in current) stream.event(current.event);
      else if (stream.writable() <= 0) return;
      else if (viaFrame && current.bytes < 60_000) stream.frame(Buffer.alloc(current.bytes, next + 1));
      else stream.data(Buffer.alloc(current.bytes, next + 1));
    }
    stream.end();
  };
}

/** Writes down what arrives, runs of one value joined, and uses data with a delay now and then. */
function record(stream: () => WireStream, lazy: boolean): { seen: string[]; handler: StreamHandler } {
  const seen: string[] = [];
  let last: { value: number; bytes: number } | undefined;
  const flush = (): void => {
    if (last !== undefined) seen.push(`${last.value} x ${last.bytes}`);
    last = undefined;
  };
  const handler: StreamHandler = {
    onData(chunk) {
      for (let at = 0; at < chunk.length; ) {
        let end = at;
        while (end < chunk.length && chunk[end] === chunk[at]) end += 1;
        if (last?.value !== chunk[at]) flush();
        last = { value: chunk[at]!, bytes: (last?.bytes ?? 0) + end - at };
        at = end;
      }
      const { length } = chunk;
      if (lazy) setImmediate(() => stream().consumed(length));
      else stream().consumed(length);
    },
    onEvent(value) {
      flush();
      seen.push(`event ${value}`);
    },
    onEnd() {
      flush();
      seen.push("end");
    },
    onReset: (error) => seen.push(`reset ${error.code}: ${error.message}`),
  };
  return { seen, handler };
}

function expected(steps: readonly Step[]): string[] {
  return [
    ...steps.map((current, index) =>
      "event" in current ? `event ${current.event}` : `${index + 1} x ${current.bytes}`,
    ),
    "end",
  ];
}

test("many streams both ways over any cutting of the bytes: each sees exactly what its peer sent", async () => {
  await fc.assert(
    fc.asyncProperty(
      plan,
      fc.array(fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1000, max: 100_000 })), {
        minLength: 1,
        maxLength: 5,
      }),
      fc.boolean(),
      async (streams, sizes, lazy) => {
        let turn = 0;
        const nextSize = (): number => Math.max(sizes[turn++ % sizes.length]!, turn % 7 === 0 ? 1 : 500);
        const atDaemon: string[][] = [];
        const { client, server } = await connected(
          (stream, _method, params) => {
            const index = (params as { port: number }).port - 1;
            const { seen, handler } = record(() => stream, lazy);
            atDaemon[index] = seen;
            const feed = play(stream, streams[index]!.down, index % 2 === 0);
            stream.handler = { ...handler, onWritable: feed };
            stream.respond({});
            feed();
          },
          { pair: shapedPair({ nextSize }) },
        );
        const atClient = streams.map(({ up }, index) => {
          const { seen, handler } = record(() => stream, !lazy);
          const stream: WireStream = client.request("port.connect", { port: index + 1 }, handler);
          const feed = play(stream, up, index % 2 === 1);
          stream.handler = { ...handler, onWritable: feed };
          feed();
          return { stream, seen };
        });
        await until(() => atClient.every(({ stream }) => stream.closed) && server.openStreams === 0, 20_000);
        for (const [index, { up, down }] of streams.entries()) {
          assert.deepEqual(atDaemon[index], expected(up));
          assert.deepEqual(atClient[index]!.seen, expected(down));
        }
        client.close();
        await server.ended;
      },
    ),
    { numRuns: 40 },
  );
});

test("a RESET at any moment ends its stream only", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 30 }), fc.boolean(), async (afterChunks, byClient) => {
      const { client, server } = await connected(
        (stream) => {
          const total = Buffer.alloc(700_000);
          let at = 0;
          const feed = (): void => {
            for (; at < total.length && stream.writable() > 0; at += 20_000) {
              stream.data(total.subarray(at, at + 20_000));
              if (!byClient && at / 20_000 === afterChunks) stream.reset(berthError("process.lost"));
            }
            if (at >= total.length) stream.end();
          };
          stream.handler = { onWritable: feed };
          feed();
        },
        { pair: shapedPair({ nextSize: () => 3000 }) },
      );
      let chunks = 0;
      let reset = "";
      const broken: WireStream = client.request(
        "fs.read",
        { path: "/x" },
        {
          onData(chunk) {
            chunks += 1;
            broken.consumed(chunk.length);
            if (byClient && chunks > afterChunks) broken.reset(berthError("operation.aborted"));
          },
          onReset: (error) => (reset = error.code),
        },
      );
      await until(() => broken.closed);
      if (!byClient) assert.equal(reset, "process.lost");
      if (byClient) assert.equal(reset, "");
      await until(() => server.openStreams === 0);
      assert.equal(client.closed, false);
      client.close();
    }),
    { numRuns: 30 },
  );
});

/** Reads without end until `done`; the daemon sends as much as it may. */
async function readUntil(
  shape: Parameters<typeof shapedPair>[0],
  done: (stream: Stream) => boolean,
): Promise<void> {
  const { client } = await connected(
    (stream) => {
      const feed = (): void => {
        while (stream.writable() > 0) stream.data(Buffer.alloc(32 * 1024));
      };
      stream.handler = { onWritable: feed };
      feed();
    },
    { pair: shapedPair(shape) },
  );
  try {
    // The idle round trip is measured right after the handshake.
    await until(() => client.roundTripMs !== undefined);
    const stream = client.request(
      "fs.read",
      { path: "/x" },
      {
        onData(chunk) {
          stream.consumed(chunk.length);
        },
      },
    ) as Stream;
    await until(() => done(stream), 60_000);
  } finally {
    // The daemon's end sends for ever.
    client.close();
  }
}

test("on a long wide way the window grows, never beyond 8 MiB", async () => {
  let peak = 0;
  // That is 80 MB/s: more need not come through a machine that has other work.
  await readUntil({ latencyMs: 50 }, (stream) => {
    peak = Math.max(peak, stream.windowBytes);
    return peak === MAX_WINDOW_BYTES;
  });
  assert.equal(peak, MAX_WINDOW_BYTES);
});

test("on a narrow way the window gets small, so that others wait little", async () => {
  // 2.5 MB/s and 50 ms there and back hold 125 KB: more would only wait in front of the narrow part.
  let peak = 0;
  await readUntil({ latencyMs: 25, bytesPerMs: 2500 }, (stream) => {
    peak = Math.max(peak, stream.windowBytes);
    return stream.windowBytes < INITIAL_WINDOW_BYTES;
  });
  // What a busy machine adds to a round trip may let it grow for a moment.
  assert.ok(peak < MAX_WINDOW_BYTES, `${peak} bytes`);
});
