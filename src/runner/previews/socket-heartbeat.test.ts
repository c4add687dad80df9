import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { SocketHeartbeat } from "./socket-heartbeat.ts";

const PING = "8900";

/** A frame as servers send it, of a text. */
function frame(length: number): Buffer {
  const head =
    length < 126
      ? [0x81, length]
      : length < 65_536
        ? [0x81, 126, length >> 8, length & 255]
        : [
            0x81,
            127,
            0,
            0,
            0,
            0,
            (length >> 24) & 255,
            (length >> 16) & 255,
            (length >> 8) & 255,
            length & 255,
          ];
  return Buffer.concat([Buffer.from(head), Buffer.alloc(length, 0x61)]);
}

async function next(stream: SocketHeartbeat): Promise<Buffer> {
  const [chunk] = (await once(stream, "data")) as [Buffer];
  return chunk;
}

test("a ping comes between frames and never inside of one, however they are cut", async () => {
  const stream = new SocketHeartbeat(5);
  const seen: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => seen.push(chunk));
  const frames = [frame(0), frame(5), frame(125), frame(126), frame(65_535), frame(65_536)];
  const bytes = Buffer.concat(frames);
  const ends = new Set<number>([0]);
  for (let count = 1; count <= frames.length; count++) ends.add(Buffer.concat(frames.slice(0, count)).length);
  for (const at of [1, 4, 9, 134, 136, 263, 300, 65_000, 66_000, bytes.length]) {
    const sent = seen.reduce((sum, chunk) => sum + (chunk.toString("hex") === PING ? 0 : chunk.length), 0);
    stream.write(bytes.subarray(sent, at));
    const before = seen.length;
    // Long enough for two beats.
    await new Promise((resolve) => setTimeout(resolve, 20));
    const pings = seen.slice(before).filter((chunk) => chunk.toString("hex") === PING).length;
    if (!ends.has(at)) assert.equal(pings, 0, `inside of a frame, at ${at}`);
  }
  assert.equal((await next(stream)).toString("hex"), PING, "and behind the last one");
  const rest = Buffer.concat(seen.filter((chunk) => chunk.toString("hex") !== PING));
  assert.ok(rest.equals(bytes));
  stream.write(Buffer.from([0x88, 0]));
  await new Promise((resolve) => setTimeout(resolve, 20));
  const after = seen.length;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(seen.length, after, "nothing follows a close frame");
  stream.destroy();
});
