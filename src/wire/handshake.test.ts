import assert from "node:assert/strict";
import { test } from "node:test";
import { berthError, isBerthError } from "../contract/errors.ts";
import { acceptWire, connectWire } from "./connection.ts";
import { FRAME } from "./frame.ts";
import { loopbackPair } from "./loopback.ts";
import { RawPeer, TEST_HELLO, TEST_TOKEN, until } from "./testing.ts";

const CLIENT = { token: TEST_TOKEN, clientId: "client-1", version: "1.2.3" };

function daemon(): { peer: RawPeer; server: ReturnType<typeof acceptWire> } {
  const [near, far] = loopbackPair();
  const server = acceptWire(far, {
    hello: TEST_HELLO,
    token: TEST_TOKEN,
    onRequest: () => assert.fail("a request came through"),
  });
  return { peer: new RawPeer(near), server };
}

test("the client knows the daemon's HELLO, the daemon the client's id", async () => {
  const [near, far] = loopbackPair();
  const server = acceptWire(far, { hello: TEST_HELLO, token: TEST_TOKEN, onRequest: () => undefined });
  const client = await connectWire(near, CLIENT);
  assert.deepEqual(client.hello, TEST_HELLO);
  assert.equal(server.session?.clientId, "client-1");
  assert.equal(server.session?.signal.aborted, false);
  client.close();
  await server.ended;
  assert.equal(server.session?.signal.aborted, true);
});

test("a wrong token is wire.unauthorized at both ends, whatever its length", async () => {
  for (const token of ["", "9f", `${TEST_TOKEN}0`, TEST_TOKEN.replace("9", "8")]) {
    const [near, far] = loopbackPair();
    const server = acceptWire(far, { hello: TEST_HELLO, token: TEST_TOKEN, onRequest: () => undefined });
    await assert.rejects(connectWire(near, { ...CLIENT, token }), (error) =>
      isBerthError(error, "wire.unauthorized"),
    );
    assert.ok(isBerthError(await server.ended, "wire.unauthorized"));
    assert.equal(server.session, undefined);
  }
});

test("a daemon without a token admits nobody", async () => {
  const [near, far] = loopbackPair();
  acceptWire(far, { hello: TEST_HELLO, token: "", onRequest: () => undefined });
  await assert.rejects(connectWire(near, { ...CLIENT, token: "" }), (error) =>
    isBerthError(error, "wire.unauthorized"),
  );
});

test("the client sends nothing before the daemon's HELLO, and no token to one of another protocol", async () => {
  const [near, far] = loopbackPair();
  const peer = new RawPeer(far);
  let received = 0;
  far.on("data", (chunk: Buffer) => (received += chunk.length));
  const connecting = connectWire(near, CLIENT);
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(received, 0);
  peer.send(FRAME.HELLO, 0, { ...TEST_HELLO, protocol: [2, 9] });
  await assert.rejects(connecting, (error) => isBerthError(error, "wire.version_mismatch"));
  assert.ok(!peer.frames.some(({ payload }) => payload.includes(TEST_TOKEN)));
});

test("the daemon refuses a client of another protocol", async () => {
  const { peer, server } = daemon();
  peer.send(FRAME.HELLO, 0, { protocol: [7, 8], version: "9", token: TEST_TOKEN, clientId: "x" });
  assert.equal(((await peer.json(FRAME.RESET, 0)) as { code: string }).code, "wire.version_mismatch");
  assert.ok(isBerthError(await server.ended, "wire.version_mismatch"));
});

test("a daemon with a newer range that includes ours is used", async () => {
  const [near, far] = loopbackPair();
  acceptWire(far, {
    hello: { ...TEST_HELLO, protocol: [1, 4] },
    token: TEST_TOKEN,
    onRequest: () => undefined,
  });
  const client = await connectWire(near, CLIENT);
  client.close();
});

test("pipelined: the first request leaves with the token, without waiting for the welcome", async () => {
  const [near, far] = loopbackPair();
  const peer = new RawPeer(far);
  const connecting = connectWire(near, { ...CLIENT, pipelined: true });
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(peer.frames, []);
  peer.send(FRAME.HELLO, 0, TEST_HELLO);
  const client = await connecting;
  assert.deepEqual(client.hello, TEST_HELLO);
  const answer = client.call("daemon.info", {});
  await peer.json(FRAME.REQUEST, 1);
  assert.deepEqual(
    peer.frames.map(({ type }) => type),
    [FRAME.HELLO, FRAME.REQUEST],
  );
  peer.send(FRAME.EVENT, 0, { welcome: true });
  peer.send(FRAME.RESPONSE, 1, { result: { pid: 7 } });
  assert.deepEqual(await answer, { pid: 7 });
  client.close();
});

test("a request behind the client's HELLO in one write is answered", async () => {
  const [near, far] = loopbackPair();
  acceptWire(far, {
    hello: TEST_HELLO,
    token: TEST_TOKEN,
    onRequest: (stream) => {
      stream.respond({ pid: 7 });
      stream.end();
    },
  });
  const peer = new RawPeer(near);
  near.cork();
  peer.send(FRAME.HELLO, 0, { protocol: [1, 1], version: "9", token: TEST_TOKEN, clientId: "x" });
  peer.send(FRAME.REQUEST, 1, { method: "daemon.info", params: {} });
  near.uncork();
  assert.deepEqual(await peer.json(FRAME.RESPONSE, 1), { result: { pid: 7 } });
});

test("pipelined: a refusal reaches the requests and ends the connection", async () => {
  const [near, far] = loopbackPair();
  acceptWire(far, { hello: TEST_HELLO, token: TEST_TOKEN, onRequest: () => assert.fail("it came through") });
  const client = await connectWire(near, { ...CLIENT, token: "other", pipelined: true });
  assert.ok(isBerthError(await client.ended, "wire.unauthorized"));
  assert.equal(client.closed, true);
  const [nearer, farther] = loopbackPair();
  const peer = new RawPeer(farther);
  peer.send(FRAME.HELLO, 0, TEST_HELLO);
  const refused = (await connectWire(nearer, { ...CLIENT, pipelined: true })).call("daemon.info", {});
  await until(() => peer.frames.some(({ type }) => type === FRAME.REQUEST));
  peer.send(FRAME.RESET, 0, berthError("wire.unauthorized").toJSON());
  await assert.rejects(refused, (error) => isBerthError(error, "wire.unauthorized"));
});

test("pipelined: a daemon that takes the token and falls silent is transport.unavailable", async () => {
  const [near, far] = loopbackPair();
  new RawPeer(far).send(FRAME.HELLO, 0, TEST_HELLO);
  const client = await connectWire(near, { ...CLIENT, pipelined: true, handshakeTimeoutMs: 20 });
  await assert.rejects(client.call("daemon.info", {}), (error) =>
    isBerthError(error, "transport.unavailable"),
  );
});

for (const [what, type, payload] of [
  ["a REQUEST", FRAME.REQUEST, { method: "daemon.info", params: {} }],
  ["DATA", FRAME.DATA, "abc"],
  ["a HELLO that is no JSON", FRAME.HELLO, "{"],
  ["a HELLO without a protocol", FRAME.HELLO, { version: "1", token: TEST_TOKEN, clientId: "x" }],
  ["a HELLO without an id", FRAME.HELLO, { protocol: [1, 1], version: "1", token: TEST_TOKEN }],
  ["an EVENT", FRAME.EVENT, { welcome: true }],
] as const) {
  test(`${what} in place of the client's HELLO is wire.protocol_error`, async () => {
    const { peer, server } = daemon();
    peer.send(type, type === FRAME.REQUEST || type === FRAME.DATA ? 1 : 0, payload);
    const error = await server.ended;
    assert.ok(isBerthError(error, "wire.protocol_error"));
    assert.equal(error.hop, "berthd");
    assert.equal(((await peer.json(FRAME.RESET, 0)) as { code: string }).code, "wire.protocol_error");
  });
}

test("before the handshake nothing larger than a HELLO is taken", async () => {
  const { peer, server } = daemon();
  const header = Buffer.alloc(9);
  header.writeUInt32LE(500_000);
  header[4] = FRAME.REQUEST;
  peer.duplex.write(header);
  assert.ok(isBerthError(await server.ended, "wire.protocol_error"));
});

test("whatever else answers is shown in the error", async () => {
  const [near, far] = loopbackPair();
  far.write("OCI runtime exec failed: exec failed: no such file\r\n");
  await assert.rejects(connectWire(near, CLIENT), (error) => {
    assert.ok(isBerthError(error, "wire.protocol_error"));
    assert.match(String(error.context.received), /^OCI runtime exec failed/);
    return true;
  });
});

test("silence is transport.unavailable; a peer that closes is transport.disconnected; an abort ends it", async () => {
  const silent = loopbackPair()[0];
  await assert.rejects(connectWire(silent, { ...CLIENT, handshakeTimeoutMs: 5 }), (error) =>
    isBerthError(error, "transport.unavailable"),
  );
  assert.equal(silent.destroyed, true);
  const [near, far] = loopbackPair();
  far.end();
  await assert.rejects(connectWire(near, CLIENT), (error) => isBerthError(error, "transport.disconnected"));
  const gone = loopbackPair()[0];
  gone.destroy();
  await assert.rejects(connectWire(gone, CLIENT), (error) => isBerthError(error, "transport.disconnected"));
  const controller = new AbortController();
  const aborting = connectWire(loopbackPair()[0], { ...CLIENT, signal: controller.signal });
  controller.abort();
  await assert.rejects(aborting, (error) => isBerthError(error, "operation.aborted"));
  await assert.rejects(connectWire(loopbackPair()[0], { ...CLIENT, signal: AbortSignal.abort() }), (error) =>
    isBerthError(error, "operation.aborted"),
  );
});

test("a client that says nothing is dropped", async () => {
  const [near, far] = loopbackPair();
  near.resume();
  const server = acceptWire(far, {
    hello: TEST_HELLO,
    token: TEST_TOKEN,
    onRequest: () => undefined,
    handshakeTimeoutMs: 5,
  });
  assert.ok(isBerthError(await server.ended, "wire.protocol_error"));
  await until(() => far.destroyed);
});
