import assert from "node:assert/strict";
import { createHash, randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { BYTE_SOCKET, webSocketStream } from "./websocket.ts";

interface Pair extends AsyncDisposable {
  readonly near: Duplex;
  readonly far: Duplex;
  readonly client: WebSocket;
}

async function pair(): Promise<Pair> {
  const server = new WebSocketServer({ ...BYTE_SOCKET, host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, BYTE_SOCKET);
  client.on("error", () => undefined);
  const [accepted] = (await once(server, "connection")) as [WebSocket];
  accepted.on("error", () => undefined);
  const far = webSocketStream(accepted);
  if (client.readyState !== WebSocket.OPEN) await once(client, "open");
  const near = webSocketStream(client);
  return {
    near,
    far,
    client,
    async [Symbol.asyncDispose]() {
      near.destroy();
      far.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("bytes come as they were written, in pieces of any size, both ways at once", async () => {
  await using made = await pair();
  const send = async (stream: Duplex) => {
    const hash = createHash("sha256");
    for (let i = 0; i < 300; i++) {
      const pieces = Array.from({ length: randomInt(1, 30) }, () => randomBytes(randomInt(0, 20_000)));
      stream.cork();
      for (const piece of pieces) {
        hash.update(piece);
        stream.write(piece);
      }
      stream.uncork();
      if (stream.writableNeedDrain) await once(stream, "drain");
    }
    return hash;
  };
  const received = { near: createHash("sha256"), far: createHash("sha256") };
  made.near.on("data", (chunk: Buffer) => received.near.update(chunk));
  made.far.on("data", (chunk: Buffer) => received.far.update(chunk));
  const [toFar, toNear] = await Promise.all([send(made.near), send(made.far)]);
  const ended = Promise.all([once(made.far, "end"), once(made.near, "end")]);
  made.near.end();
  await ended;
  assert.equal(received.far.digest("hex"), toFar.digest("hex"));
  assert.equal(received.near.digest("hex"), toNear.digest("hex"));
});

test("a reader that stops stops the writer: no more than sockets hold is on its way", async () => {
  await using made = await pair();
  const portion = Buffer.alloc(64 * 1024);
  let written = 0;
  made.far.pause();
  while (written < 200 * 1024 * 1024) {
    written += portion.length;
    if (made.near.write(portion)) continue;
    const drained = await Promise.race([
      once(made.near, "drain"),
      new Promise((resolve) => setTimeout(resolve, 500, undefined)),
    ]);
    if (drained === undefined) break;
  }
  assert.ok(written < 50 * 1024 * 1024, `${written} bytes were taken for a reader that reads nothing`);
  let read = 0;
  made.far.on("data", (chunk: Buffer) => {
    read += chunk.length;
  });
  made.far.resume();
  const ended = once(made.far, "end");
  made.near.end();
  await ended;
  assert.equal(read, written);
});

test("text, a message beyond the limit, and a socket that is cut end the stream", async () => {
  for (const attack of [
    (client: WebSocket) => client.send("text"),
    (client: WebSocket) => client.send(Buffer.alloc(1024 * 1024 + 1)),
    (client: WebSocket) => client.terminate(),
  ]) {
    await using made = await pair();
    // `once` of events would reject with the error that is expected.
    const closed = new Promise((resolve) => made.far.once("close", resolve));
    made.far.resume();
    attack(made.client);
    await closed;
    assert.ok(made.far.destroyed);
  }
});
