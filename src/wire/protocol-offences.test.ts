import assert from "node:assert/strict";
import { test } from "node:test";
import { type BerthError, berthError, isBerthError } from "../contract/errors.ts";
import { FRAME, INITIAL_WINDOW_BYTES, MAX_FRAME_BYTES } from "./frame.ts";
import { rawClient, rawDaemon, until } from "./testing.ts";

test("an unknown method is refused by name, invalid parameters by the names of the fields only", async () => {
  const { peer, server } = await rawClient(() => assert.fail("reached the service"));
  peer.send(FRAME.REQUEST, 1, { method: "fs.teleport", params: {} });
  const unknown = (await peer.json(FRAME.RESET, 1)) as { code: string; context: { method: string } };
  assert.equal(unknown.code, "wire.method_unknown");
  assert.equal(unknown.context.method, "fs.teleport");
  peer.send(FRAME.REQUEST, 3, { method: "toString", params: {} });
  assert.equal(((await peer.json(FRAME.RESET, 3)) as { code: string }).code, "wire.method_unknown");
  peer.send(FRAME.REQUEST, 5, {
    method: "process.start",
    params: { requestId: "r", command: ["x"], cwd: 7, env: [["A", 5]], stdin: "s3cret" },
  });
  const invalid = (await peer.json(FRAME.RESET, 5)) as { code: string; context: { fields: string[] } };
  assert.equal(invalid.code, "wire.request_invalid");
  assert.deepEqual(invalid.context.fields.toSorted(), ["cwd", "env.0.1", "stdin"]);
  assert.ok(!JSON.stringify(invalid).includes("s3cret"));
  for (const [id, message] of [
    [7, "null"],
    [9, "[]"],
    [11, '{"method":5}'],
  ] as const) {
    peer.send(FRAME.REQUEST, id, message);
    assert.equal(((await peer.json(FRAME.RESET, id)) as { code: string }).code, "wire.request_invalid");
  }
  assert.equal(server.closed, false);
  assert.equal(server.openStreams, 0);
  server.close();
});

test("frames of unknown types and events of the connection are skipped", async () => {
  const { peer, client } = await rawDaemon();
  peer.send(99, 0, "whatever");
  peer.send(99, 12345, Buffer.alloc(1000));
  peer.send(FRAME.EVENT, 0, { future: true });
  const call = client.call("daemon.info", {});
  await peer.json(FRAME.REQUEST, 1);
  peer.send(FRAME.RESPONSE, 1, { result: 5, extra: 1 });
  assert.equal(await call, 5);
  client.close();
});

test("frames that cross with the end of their stream are ignored", async () => {
  const { peer, client } = await rawDaemon();
  const stream = client.request("fs.read", { path: "/x" }, {});
  stream.reset(berthError("operation.aborted"));
  peer.send(FRAME.RESPONSE, 1, { result: 1 });
  peer.send(FRAME.DATA, 1, Buffer.alloc(5000));
  peer.window(1, 1000);
  peer.send(FRAME.END, 1);
  peer.send(FRAME.RESET, 1, { code: "internal" });
  const call = client.call("daemon.info", {});
  peer.send(FRAME.RESPONSE, 3, { result: 1 });
  assert.equal(await call, 1);
  client.close();
});

const offences: [string, (peer: Awaited<ReturnType<typeof rawDaemon>>["peer"]) => void][] = [
  [
    "DATA beyond the credit",
    (peer) => {
      for (let sent = 0; sent <= INITIAL_WINDOW_BYTES; sent += 60_000)
        peer.send(FRAME.DATA, 1, Buffer.alloc(60_000));
    },
  ],
  [
    "credit that overflows",
    (peer) => {
      for (let index = 0; index < 3; index += 1) peer.window(1, 0xffff_ffff);
    },
  ],
  [
    "a frame of more than 1 MiB",
    (peer) => {
      const header = Buffer.alloc(9);
      header.writeUInt32LE(MAX_FRAME_BYTES + 1);
      header[4] = FRAME.EVENT;
      peer.duplex.write(header);
    },
  ],
  ["a stream that was never opened", (peer) => peer.send(FRAME.EVENT, 7, {})],
  ["a stream of an even number", (peer) => peer.send(FRAME.EVENT, 2, {})],
  ["a REQUEST of the daemon", (peer) => peer.send(FRAME.REQUEST, 1, { method: "daemon.info" })],
  ["a RESPONSE for the connection", (peer) => peer.send(FRAME.RESPONSE, 0, {})],
  [
    "a second RESPONSE",
    (peer) => {
      peer.send(FRAME.RESPONSE, 1, { result: 1 });
      peer.send(FRAME.RESPONSE, 1, { result: 1 });
    },
  ],
  [
    "DATA behind END",
    (peer) => {
      peer.send(FRAME.END, 1);
      peer.send(FRAME.DATA, 1, "x");
    },
  ],
  ["an EVENT that is no JSON", (peer) => peer.send(FRAME.EVENT, 1, "{")],
  ["JSON that nests too deep", (peer) => peer.send(FRAME.EVENT, 1, "[".repeat(5000))],
  ["a PING on a stream", (peer) => peer.send(FRAME.PING, 1, Buffer.alloc(8))],
];
for (const [what, offend] of offences) {
  test(`the connection ends with wire.protocol_error after ${what}`, async () => {
    const { peer, client } = await rawDaemon();
    let told: BerthError | undefined;
    // Input stays open, so that the stream is there whatever the peer ends.
    client.request(
      "port.connect",
      { port: 1 },
      { onData: () => undefined, onReset: (error) => (told = error) },
    );
    await peer.json(FRAME.REQUEST, 1);
    offend(peer);
    const reason = await client.ended;
    assert.ok(isBerthError(reason, "wire.protocol_error"), reason.code);
    assert.ok(isBerthError(told, "wire.protocol_error"));
    assert.equal(((await peer.json(FRAME.RESET, 0)) as { code: string }).code, "wire.protocol_error");
    await until(() => client.closed && peer.duplex.readableEnded);
  });
}

test("the daemon ends a connection whose REQUESTs do not count up in odd numbers", async () => {
  for (const ids of [[2], [1, 1], [3, 1], [0]]) {
    const { peer, server } = await rawClient(() => undefined);
    for (const id of ids) peer.send(FRAME.REQUEST, id, { method: "daemon.info", params: {} });
    assert.ok(isBerthError(await server.ended, "wire.protocol_error"));
  }
});

test("the daemon takes no RESPONSE from a client", async () => {
  const { peer, server } = await rawClient(() => undefined);
  peer.send(FRAME.REQUEST, 1, { method: "port.connect", params: { port: 1 } });
  peer.send(FRAME.RESPONSE, 1, { result: 1 });
  assert.ok(isBerthError(await server.ended, "wire.protocol_error"));
});
