import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import { loopbackPair } from "./loopback.ts";
import { connected, until } from "./testing.ts";
import type { WireStream } from "./types.ts";

test("bytes arrive by reference, END is half-close", async () => {
  const [left, right] = loopbackPair();
  const chunk = Buffer.from("abc");
  const got: Buffer[] = [];
  right.on("data", (data: Buffer) => got.push(data));
  left.end(chunk);
  await once(right, "end");
  assert.equal(got[0]!.buffer, chunk.buffer);
  right.end("back");
  left.setEncoding("utf8");
  assert.deepEqual(await left.toArray(), ["back"]);
  await until(() => left.destroyed && right.destroyed);
});

test("a reader that stops stops the writer", async () => {
  const [left, right] = loopbackPair();
  const total = 3_000_000;
  let written = 0;
  const fill = (): void => {
    while (written < total && left.write(Buffer.alloc(10_000))) written += 10_000;
  };
  left.on("drain", fill);
  fill();
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(written < 300_000, `${written}`);
  right.resume();
  await until(() => written >= total);
  left.destroy();
});

test("destroying one end ends the other, a waiting write included", async () => {
  const [left, right] = loopbackPair();
  left.on("error", () => undefined);
  while (left.write(Buffer.alloc(50_000)));
  right.destroy();
  await until(() => left.destroyed || left.writableFinished || left.errored !== null);
});

for (const kind of ["a unix socket", "TCP"] as const) {
  test(`a connection over ${kind}: 30 MB byte for byte, calls beside it, loss when the peer is cut`, async () => {
    const directory = await mkdtemp(join(tmpdir(), "berth-"));
    const server = createServer();
    const target = kind === "TCP" ? { port: 0, host: "127.0.0.1" } : { path: join(directory, "s") };
    server.listen(target);
    await once(server, "listening");
    const accepting = once(server, "connection") as Promise<[Duplex]>;
    const address = server.address();
    const near = connect(
      typeof address === "string" ? { path: address } : { port: address!.port, host: "127.0.0.1" },
    );
    const [far] = await accepting;
    const total = 30_000_000;
    const { client } = await connected(
      (stream, method) => {
        if (method !== "fs.read") return stream.respond("ok");
        let sent = 0;
        const feed = (): void => {
          while (sent < total && stream.writable() > 0) {
            const chunk = Buffer.alloc(Math.min(48_611, total - sent));
            for (let at = 0; at < chunk.length; at += 1) chunk[at] = (sent + at) % 251;
            stream.data(chunk);
            sent += chunk.length;
          }
          if (sent === total) stream.end();
        };
        stream.handler = { onWritable: feed };
        feed();
      },
      { pair: [near, far] },
    );
    let received = 0;
    let wrong = 0;
    const stream: WireStream = client.request(
      "fs.read",
      { path: "/x" },
      {
        onData(chunk) {
          for (const byte of chunk) if (byte !== received++ % 251) wrong += 1;
          stream.consumed(chunk.length);
        },
      },
    );
    let calls = 0;
    while (!stream.closed) {
      assert.equal(await client.call("daemon.info", {}), "ok");
      calls += 1;
    }
    assert.equal(received, total);
    assert.equal(wrong, 0);
    assert.ok(calls > 0);
    far.destroy();
    assert.equal((await client.ended).code, "transport.disconnected");
    server.close();
    await rm(directory, { recursive: true });
  });
}
