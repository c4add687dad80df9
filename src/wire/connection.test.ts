import assert from "node:assert/strict";
import { test } from "node:test";
import { berthError, isBerthError } from "../contract/errors.ts";
import { acceptWire, connectWire, type RequestHandler } from "./connection.ts";
import { loopbackPair } from "./loopback.ts";
import type { WireClient, WireStream } from "./types.ts";

const HELLO = { protocol: [1, 1] as [number, number], version: "1.0.0", bootId: "boot" };

async function pair(onRequest: RequestHandler): Promise<{ client: WireClient }> {
  const [near, far] = loopbackPair();
  acceptWire(far, { hello: HELLO, token: "secret", onRequest });
  const client = await connectWire(near, { token: "secret", clientId: "c1", version: "1.0.0" });
  return { client };
}

test("a call is answered", async () => {
  const { client } = await pair((stream, method, params, session) => {
    stream.respond({ method, params, clientId: session.clientId });
  });
  const answer = await client.call("process.get", { id: "x" });
  assert.deepEqual(answer, { method: "process.get", params: { id: "x" }, clientId: "c1" });
  assert.equal(client.hello.bootId, "boot");
  client.close();
  assert.ok(isBerthError(await client.ended, "transport.disconnected"));
});

test("data of both sides arrives in order, under flow control", async () => {
  const total = 20 * 1024 * 1024;
  const { client } = await pair((stream) => {
    let received = 0;
    stream.handler = {
      onData(chunk) {
        received += chunk.length;
        stream.consumed(chunk.length);
      },
      onEnd() {
        stream.respond({ bytes: received });
      },
    };
  });
  const answer = await new Promise((resolve, reject) => {
    let sent = 0;
    const stream: WireStream = client.request(
      "fs.write",
      { path: "/x" },
      {
        onResponse: resolve,
        onReset: reject,
        onWritable: () => feed(stream),
      },
    );
    function feed(to: WireStream): void {
      while (sent < total && to.writable() > 0) {
        to.data(Buffer.alloc(50_000));
        sent += 50_000;
      }
      if (sent >= total) to.end();
    }
    feed(stream);
  });
  assert.deepEqual(answer, { bytes: Math.ceil(total / 50_000) * 50_000 });
  client.close();
});

test("errors keep code, hop and context over the wire", async () => {
  const { client } = await pair(() => {
    throw berthError("process.unknown", { hop: "berthd", context: { id: "p" } });
  });
  await assert.rejects(client.call("process.get", { id: "p" }), (error) => {
    assert.ok(isBerthError(error, "process.unknown"));
    assert.equal(error.hop, "berthd");
    assert.deepEqual(error.context, { id: "p" });
    return true;
  });
  client.close();
});
