import assert from "node:assert/strict";
import { test } from "node:test";
import { type BerthError, berthError, isBerthError } from "../contract/errors.ts";
import { FRAME, INITIAL_WINDOW_BYTES, MAX_FRAME_BYTES, MAX_OPEN_STREAMS } from "./frame.ts";
import { encodeFrame } from "./frame-codec.ts";
import type { Method } from "./messages.ts";
import { connected, rawClient, rawDaemon, until } from "./testing.ts";
import type { StreamHandler, WireStream } from "./types.ts";

const code = (wanted: Parameters<typeof isBerthError>[1]) => (error: unknown) => isBerthError(error, wanted);

test("a call is answered, with its parameters' defaults, and leaves no stream behind", async () => {
  const { client, server } = await connected((stream, method, params, session) => {
    stream.respond({ method, params, clientId: session.clientId });
  });
  const answer = await client.call("fs.stat", { paths: ["a"] });
  assert.deepEqual(answer, {
    method: "fs.stat",
    params: { paths: ["a"], follow: true },
    clientId: "client-1",
  });
  assert.equal(server.openStreams, 0);
  client.close();
});

test("an answer may be nothing", async () => {
  const { client } = await connected((stream) => stream.respond(undefined));
  assert.equal(await client.call("process.detach", { id: "x" }), undefined);
  client.close();
});

test("errors keep code, hop, context and hint over the wire, thrown or rejected", async () => {
  for (const asynchronous of [false, true]) {
    const sent = berthError("process.unknown", { hop: "berthd", context: { id: "p" } });
    const { client, server } = await connected(() => {
      if (asynchronous) return Promise.reject(sent);
      throw sent;
    });
    await assert.rejects(client.call("process.get", { id: "p" }), (error) => {
      assert.ok(isBerthError(error, "process.unknown"));
      assert.deepEqual(error.toJSON(), sent.toJSON());
      return true;
    });
    assert.equal(server.openStreams, 0);
    client.close();
  }
});

test("a thrown value of another kind is internal, at berthd", async () => {
  const { client } = await connected(() => {
    throw new TypeError("oops");
  });
  await assert.rejects(client.call("daemon.info", {}), (error) => {
    assert.ok(isBerthError(error, "internal"));
    assert.equal(error.hop, "berthd");
    return true;
  });
  client.close();
});

test("an aborted call rejects at once and resets the stream at the daemon", async () => {
  let told: BerthError | undefined;
  const { client, server } = await connected((stream) => {
    stream.handler = { onReset: (error) => (told = error) };
  });
  const controller = new AbortController();
  const call = client.call("process.waitPort", { port: 1, timeoutMs: 1000 }, { signal: controller.signal });
  await until(() => server.openStreams === 1);
  controller.abort();
  await assert.rejects(call, code("operation.aborted"));
  await until(() => told !== undefined);
  assert.ok(isBerthError(told, "operation.aborted"));
  assert.equal(server.openStreams, 0);
  await assert.rejects(
    client.call("daemon.info", {}, { signal: AbortSignal.abort() }),
    code("operation.aborted"),
  );
  client.close();
});

test("a call of a method that goes on takes the answer and stops the rest", async () => {
  const { client, server } = await connected((stream) => {
    stream.respond({ stat: 1 });
    stream.data(Buffer.alloc(100));
  });
  assert.deepEqual(await client.call("fs.read", { path: "/x" }), { stat: 1 });
  await until(() => server.openStreams === 0);
  client.close();
});

test("events, data, gaps and exit keep their order, the exit last", async () => {
  const { client, server } = await connected((stream) => {
    stream.respond({ from: 0 });
    stream.frame(Buffer.from("one"));
    stream.event({ gap: { from: 3, to: 5 } });
    stream.data(Buffer.from("two"), Buffer.from("three"));
    stream.event({ exit: { exitCode: 0 } });
    stream.end();
  });
  const seen: unknown[] = [];
  const stream = client.request(
    "process.output",
    { id: "p" },
    {
      onResponse: (result) => seen.push(result),
      onEvent: (value) => seen.push(value),
      onData: (chunk) => seen.push(Buffer.from(chunk).toString()),
      onEnd: () => seen.push("end"),
    },
  );
  await until(() => stream.closed);
  assert.deepEqual(seen, [
    { from: 0 },
    "one",
    { gap: { from: 3, to: 5 } },
    "twothree",
    { exit: { exitCode: 0 } },
    "end",
  ]);
  assert.equal(server.openStreams, 0);
  client.close();
});

test("half-close: each side ends for itself", async () => {
  const { client, server } = await connected((stream) => {
    const got: string[] = [];
    stream.handler = {
      onData: (chunk) => got.push(Buffer.from(chunk).toString()),
      onEnd: () => {
        stream.data(Buffer.from(`got ${got.join("")}`));
        stream.end();
      },
    };
    stream.respond({});
  });
  let answer = "";
  const stream = client.request(
    "port.connect",
    { port: 1 },
    { onData: (chunk) => (answer += Buffer.from(chunk).toString()) },
  );
  stream.data(Buffer.from("hello"));
  stream.end();
  stream.end();
  assert.throws(() => stream.data(Buffer.from("x")), code("internal"));
  await until(() => stream.closed);
  assert.equal(answer, "got hello");
  assert.equal(server.openStreams, 0);
  client.close();
});

test("a reader that does not consume stops its own stream at the window, and no other", async () => {
  let source: WireStream | undefined;
  const { client } = await connected((stream, method) => {
    if (method !== "fs.read") return stream.respond("alive");
    source = stream;
    const feed = (): void => {
      while (stream.writable() > 0) stream.data(Buffer.alloc(10_000));
    };
    stream.handler = { onWritable: feed };
    feed();
  });
  let received = 0;
  const stream = client.request("fs.read", { path: "/x" }, { onData: (chunk) => (received += chunk.length) });
  await until(() => received === INITIAL_WINDOW_BYTES);
  assert.equal(await client.call("daemon.info", {}), "alive");
  assert.equal(received, INITIAL_WINDOW_BYTES);
  stream.consumed(INITIAL_WINDOW_BYTES);
  await until(() => received === 2 * INITIAL_WINDOW_BYTES);
  stream.reset(berthError("operation.aborted"));
  await until(() => source?.closed === true);
  client.close();
});

test("a small payload that is kept does not keep the chunk that it came in", async () => {
  const { peer, client } = await rawDaemon();
  const kept: Uint8Array[] = [];
  const handler: StreamHandler = { onData: (chunk) => kept.push(chunk) };
  client.request("fs.read", { path: "/x" }, handler);
  client.request("fs.read", { path: "/y" }, {});
  const small = encodeFrame(FRAME.DATA, 1, Buffer.from("0123456789"));
  peer.duplex.write(Buffer.concat([small, encodeFrame(FRAME.DATA, 3, Buffer.alloc(60_000))]));
  const half = Buffer.concat([encodeFrame(FRAME.DATA, 3, Buffer.alloc(50_000)), small.subarray(0, 12)]);
  peer.duplex.write(half);
  peer.duplex.write(Buffer.concat([small.subarray(12), encodeFrame(FRAME.DATA, 3, Buffer.alloc(50_000))]));
  await until(() => kept.length === 2);
  for (const chunk of kept) {
    assert.equal(Buffer.from(chunk).toString(), "0123456789");
    assert.ok(chunk.buffer.byteLength <= 4 * chunk.length, `${chunk.buffer.byteLength}`);
  }
  client.close();
});

test("nothing is delivered after a reset by this side", async () => {
  const { client } = await connected((stream) => {
    for (let index = 0; index < 20; index += 1) stream.data(Buffer.alloc(10_000));
    stream.end();
  });
  let calls = 0;
  const stream = client.request(
    "fs.read",
    { path: "/x" },
    {
      onData: () => {
        calls += 1;
        stream.reset(berthError("operation.aborted"));
      },
      onEnd: () => (calls += 1),
      onReset: () => (calls += 1),
    },
  );
  await until(() => stream.closed);
  await client.call("daemon.info", {}).catch(() => undefined);
  assert.equal(calls, 1);
  client.close();
});

test("a handler that throws loses its stream and nothing else", async () => {
  let atDaemon: BerthError | undefined;
  const { client } = await connected((stream, method) => {
    if (method === "daemon.info") return stream.respond(1);
    stream.handler = { onReset: (error) => (atDaemon = error) };
    stream.data(Buffer.alloc(10));
  });
  let told: BerthError | undefined;
  client.request(
    "fs.read",
    { path: "/x" },
    {
      onData: () => {
        throw new Error("reader failed");
      },
      onReset: (error) => (told = error),
    },
  );
  await until(() => told !== undefined && atDaemon !== undefined);
  assert.match(told!.message, /reader failed/);
  assert.equal(await client.call("daemon.info", {}), 1);
  client.close();
});

test("the loss of the connection reaches every open stream and call, the session, and both ends", async () => {
  const lost: string[] = [];
  const { client, server, far } = await connected((stream) => {
    stream.handler = { onReset: (error) => lost.push(`daemon ${error.code}`) };
  });
  const calls = [client.call("daemon.info", {}), client.call("daemon.info", {})];
  const handler: StreamHandler = { onReset: (error) => lost.push(`client ${error.code}`) };
  client.request("process.output", { id: "p" }, handler);
  await until(() => server.openStreams === 3);
  far.destroy();
  for (const call of calls) await assert.rejects(call, code("transport.disconnected"));
  assert.ok(isBerthError(await client.ended, "transport.disconnected"));
  assert.ok(isBerthError(await server.ended, "transport.disconnected"));
  assert.equal(server.session!.signal.aborted, true);
  assert.deepEqual(lost.toSorted(), [
    "client transport.disconnected",
    "daemon transport.disconnected",
    "daemon transport.disconnected",
    "daemon transport.disconnected",
  ]);
  assert.equal(client.closed, true);
  await assert.rejects(client.call("daemon.info", {}), code("transport.disconnected"));
});

test("close lets what was said before leave", async () => {
  let told: BerthError | undefined;
  const { client, server } = await connected((stream) => {
    stream.handler = { onReset: (error) => (told = error) };
  });
  const stream = client.request("fs.watch", { path: "/x" }, {});
  stream.reset(berthError("operation.aborted"));
  client.close();
  await server.ended;
  assert.ok(isBerthError(told, "operation.aborted"));
});

test("more than 10,000 streams are wire.limit, at the client and at the daemon", async () => {
  const { client, server } = await connected(() => undefined);
  const silent = Array.from({ length: MAX_OPEN_STREAMS }, () =>
    client.request("fs.watch", { path: "/x" }, {}),
  );
  await assert.rejects(client.call("daemon.info", {}), code("wire.limit"));
  await until(() => server.openStreams === MAX_OPEN_STREAMS);
  silent[0]!.reset(berthError("operation.aborted"));
  await until(() => server.openStreams === MAX_OPEN_STREAMS - 1);
  client.close();

  const { peer, server: other } = await rawClient(() => undefined);
  for (let index = 0; index <= MAX_OPEN_STREAMS; index += 1) {
    peer.send(FRAME.REQUEST, 2 * index + 1, { method: "daemon.info", params: {} });
  }
  const refused = (await peer.json(FRAME.RESET, 2 * MAX_OPEN_STREAMS + 1)) as { code: string };
  assert.equal(refused.code, "wire.limit");
  assert.equal(other.openStreams, MAX_OPEN_STREAMS);
  other.close();
});

test("what does not fit a frame is wire.message_too_large, and the connection goes on", async () => {
  const { client, server } = await connected((stream, method) => {
    stream.respond(method === "daemon.info" ? "x".repeat(MAX_FRAME_BYTES) : 1);
  });
  await assert.rejects(client.call("daemon.info", {}), code("wire.message_too_large"));
  const id = "é".repeat(MAX_FRAME_BYTES / 2);
  await assert.rejects(client.call("process.get", { id }), code("wire.message_too_large"));
  assert.equal(await client.call("process.list", {}), 1);
  assert.equal(server.openStreams, 0);
  client.close();
});

test("the reason that the daemon gives for the end is the client's", async () => {
  const { client, server } = await connected(() => undefined);
  server.close(berthError("runtime.closed", { hop: "berthd" }));
  const reason = await client.ended;
  assert.ok(isBerthError(reason, "runtime.closed"));
  assert.equal(reason.hop, "berthd");
});

test("a peer that asks and does not read is held back, not answered into memory", async () => {
  let answered = 0;
  const { peer, server } = await rawClient((stream) => {
    answered += 1;
    stream.respond("x".repeat(100_000));
  });
  peer.duplex.pause();
  const methods: Method[] = ["daemon.info"];
  for (let index = 0; index < 2000; index += 1) {
    peer.send(FRAME.REQUEST, 2 * index + 3, { method: methods[0], params: {} });
    if (index % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const held = answered;
  assert.ok(held < 2000, `${held} answers wait`);
  peer.duplex.resume();
  await until(() => answered === 2000, 20_000);
  assert.equal(server.closed, false);
  server.close();
});

test("PINGs are echoed", async () => {
  const { peer, client } = await rawDaemon();
  peer.send(FRAME.PING, 0, "12345678");
  await until(() => peer.frames.some(({ type }) => type === FRAME.PONG));
  assert.equal(peer.frames.find(({ type }) => type === FRAME.PONG)!.payload.toString(), "12345678");
  client.close();
});

test("a RESET overtakes the data that waited, which is never sent", async () => {
  const { peer, server } = await rawClient((stream, method) => {
    if (method === "daemon.info") return stream.respond(1);
    stream.data(Buffer.alloc(200_000));
    stream.event("behind the data");
    stream.reset(berthError("process.lost", { hop: "berthd" }));
  });
  peer.send(FRAME.REQUEST, 1, { method: "fs.read", params: { path: "/x" } });
  peer.send(FRAME.REQUEST, 3, { method: "daemon.info" });
  await peer.json(FRAME.RESPONSE, 3);
  assert.deepEqual(
    peer.frames.filter(({ stream }) => stream === 1).map(({ type }) => type),
    [FRAME.RESET],
  );
  server.close();
});

test("a peer that falls silent is lost, at either end; one that answers PINGs is not", async () => {
  const heartbeat = { idleMs: 10, deadMs: 30 };
  const { peer, server } = await rawClient(() => undefined, { heartbeat });
  assert.ok(isBerthError(await server.ended, "transport.disconnected"));
  assert.ok(peer.frames.some(({ type }) => type === FRAME.PING));
  const answering = await connected((stream) => stream.respond(1), { heartbeat });
  const silent = await rawDaemon({ heartbeat });
  assert.ok(isBerthError(await silent.client.ended, "transport.disconnected"));
  assert.equal(await answering.client.call("daemon.info", {}), 1);
  answering.client.close();
});
