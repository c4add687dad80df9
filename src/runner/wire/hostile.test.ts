import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import { WebSocket } from "ws";
import { until } from "../../runtimes/daemon/testing.ts";
import { FRAME, type FrameType, MAX_FRAME_BYTES } from "../../wire/frame.ts";
import { encodeFrame, FrameParser } from "../../wire/frame-codec.ts";
import { methods } from "../../wire/messages.ts";
import { TestGateway } from "./testing.ts";

const ROUNDS = process.env.BERTH_LONG === "1" ? 5_000 : 200;
const HELLO = frame(FRAME.HELLO, 0, { protocol: [1, 1], version: "0", clientId: "hostile" });

function frame(type: FrameType, stream: number, value: unknown): Buffer {
  return encodeFrame(type, stream, Buffer.from(JSON.stringify(value) ?? ""));
}

interface Received {
  readonly type: FrameType;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A client that sends whatever it likes. */
class RawClient {
  readonly socket: WebSocket;
  readonly frames: Received[] = [];
  readonly closed: Promise<number>;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    const parser = new FrameParser((type, stream, payload) => this.frames.push({ type, stream, payload }));
    socket.on("message", (data: Buffer) => parser.push(data));
    socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once("close", resolve);
    });
  }

  static async open({ url }: TestGateway, hello = true): Promise<RawClient> {
    const headers = { authorization: "Bearer token", "berth-client-id": "hostile" };
    const socket = new WebSocket(`${url.replace("http", "ws")}/wire`, "berth.wire.v1", { headers });
    const client = new RawClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
    });
    if (hello) client.send(HELLO);
    return client;
  }

  send(...parts: Uint8Array[]): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(Buffer.concat(parts));
  }

  /** The error of the RESET of a stream; of stream 0 that of the connection. */
  async reset(stream: number): Promise<string> {
    const found = () => this.frames.find((one) => one.type === FRAME.RESET && one.stream === stream);
    await until(() => found() !== undefined);
    return (JSON.parse(found()?.payload.toString() ?? "{}") as { code: string }).code;
  }
}

const pick = <T>(items: readonly T[]): T => items[randomInt(items.length)] as T;
const DEEP = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;

/** A value of no particular kind. */
function anything(depth = 0): unknown {
  const kinds: (() => unknown)[] = [
    () => randomInt(-5, 100_000),
    () => randomBytes(randomInt(40)).toString("latin1"),
    () => "/etc/passwd",
    () => null,
    () => true,
    () => Number.MAX_SAFE_INTEGER,
    () => "\ud800",
    () => ["sh", "-c", "true"],
  ];
  if (depth < 3) {
    kinds.push(
      () => Array.from({ length: randomInt(5) }, () => anything(depth + 1)),
      () => Object.fromEntries(NAMES.slice(0, randomInt(6)).map((name) => [name, anything(depth + 1)])),
    );
  }
  return pick(kinds)();
}

const NAMES = ["id", "path", "workspace", "contained", "command", "__proto__", "requestId", "user"];

function anyRequest(stream: number): Buffer {
  const method = pick([...Object.keys(methods), "no.such", "__proto__", ""]);
  // What it could really do is not wanted here: nothing of this has all that a start needs.
  const params = pick([{}, anything(), Object.fromEntries(NAMES.map((name) => [name, anything()]))]);
  return frame(FRAME.REQUEST, stream, { method: method === "daemon.info" ? "no.such" : method, params });
}

const ATTACKS: readonly ((next: () => number) => Buffer)[] = [
  () => randomBytes(randomInt(1, 300)),
  () => Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
  () => Buffer.from([0xff, 0xff, 0xff, 0xff, 2, 1, 0, 0, 0]),
  () => Buffer.from([4, 0, 0, 0, 2]),
  (next) => encodeFrame(FRAME.REQUEST, next(), Buffer.from(DEEP)),
  (next) => encodeFrame(FRAME.REQUEST, next(), Buffer.from('{"method":1}')),
  (next) => encodeFrame(FRAME.REQUEST, next(), Buffer.from("null")),
  (next) => encodeFrame(FRAME.REQUEST, next(), Buffer.from([0x7b, 0xc3, 0x28, 0x7d])),
  (next) => anyRequest(next()),
  (next) => Buffer.concat(Array.from({ length: 50 }, () => anyRequest(next()))),
  () => anyRequest(2),
  () => anyRequest(1),
  () => encodeFrame(FRAME.HELLO, 0, Buffer.from("{}")),
  () => encodeFrame(FRAME.HELLO, 7, Buffer.from("{}")),
  () => encodeFrame(FRAME.RESPONSE, 1, Buffer.from("{}")),
  () => encodeFrame(FRAME.DATA, 4_000_001, randomBytes(20)),
  (next) =>
    Buffer.concat([anyRequest(next()), encodeFrame(FRAME.WINDOW, 1, Buffer.from([255, 255, 255, 255]))]),
  () => encodeFrame(FRAME.RESET, 0, Buffer.from("{}")),
  () => encodeFrame(FRAME.EVENT, 0, Buffer.from('{"welcome":true}')),
  () => encodeFrame(FRAME.PING, 0, randomBytes(64)),
  () => encodeFrame(FRAME.PING, 0, randomBytes(65)),
  () => encodeFrame(FRAME.END, 3, Buffer.from("x")),
  (next) => encodeFrame(FRAME.REQUEST, next(), Buffer.alloc(MAX_FRAME_BYTES - 5, 0x20)),
  () => Buffer.alloc(1024 * 1024 + 1),
];

test("whatever clients send, it is their own loss: another client's work goes on exactly, and nothing stays behind", async () => {
  await using gateway = await TestGateway.open();
  gateway.caller = { scope: "operate" };
  const remote = await gateway.remote();
  let work = 0;
  let done = false;
  const working = (async () => {
    while (!done) {
      const { stdout } = await remote.exec(`echo ${work}`);
      assert.equal(stdout, `${work}\n`);
      work++;
    }
  })();
  for (let round = 0; round < ROUNDS; round++) {
    const client = await RawClient.open(gateway, randomInt(10) > 0);
    let stream = -1;
    const next = () => {
      stream += 2;
      return stream;
    };
    const attacks = Array.from({ length: randomInt(1, 4) }, () => pick(ATTACKS)(next));
    const bytes = Buffer.concat(attacks);
    // Cut anywhere: messages mean nothing.
    const cut = randomInt(bytes.length + 1);
    client.send(bytes.subarray(0, cut));
    if (randomInt(20) === 0 && client.socket.readyState === WebSocket.OPEN) client.socket.send("text");
    client.send(bytes.subarray(cut));
    if (randomInt(2) === 0) client.socket.close();
    else client.socket.terminate();
    await client.closed;
  }
  done = true;
  await working;
  assert.ok(work > 0);
  await until(() => gateway.clients === 1 && gateway.leases === 1);
  await remote.close();
  await until(() => gateway.clients === 0 && gateway.sockets === 0);
  const processes = await gateway.runtime.processes();
  assert.ok(
    processes.every(({ workspace }) => workspace === gateway.runtime.workdir || workspace === "w0123456789"),
  );
});

test("a flood of refused requests whose answers nobody reads stops being read", async () => {
  await using gateway = await TestGateway.open();
  gateway.caller = { scope: "read" };
  const client = await RawClient.open(gateway);
  await until(() => client.frames.some(({ type }) => type === FRAME.EVENT));
  client.socket.pause();
  let stream = -1;
  const portion = () =>
    Buffer.concat(
      Array.from({ length: 1_000 }, () => {
        stream += 2;
        return frame(FRAME.REQUEST, stream, { method: "fs.write", params: { path: "/x".repeat(300) } });
      }),
    );
  let sent = 0;
  for (let turn = 0; turn < 200; turn++) {
    const bytes = portion();
    sent += bytes.length;
    client.send(bytes);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const taken = () => gateway.counts.get("berth_bytes_total wire in") ?? 0;
  let before = -1;
  await until(async () => {
    const now = taken();
    const still = now === before;
    before = now;
    if (!still) await new Promise((resolve) => setTimeout(resolve, 200));
    return still;
  });
  assert.ok(taken() < sent / 2, `${taken()} of ${sent} bytes were read`);
  client.socket.terminate();
  await client.closed;
  await until(() => gateway.clients === 0 && gateway.leases === 0);
  const told = gateway.events.filter(({ type }) => type === "access.refused");
  assert.deepEqual(
    told.map(({ message }) => message.replace(/\d+/, "N")),
    ["a request was refused: fs.write", "N more requests were refused: fs.write"],
  );
});

test("what a client goes on sending for a refused stream is dropped; the connection stands", async () => {
  await using gateway = await TestGateway.open();
  gateway.caller = { scope: "read" };
  const client = await RawClient.open(gateway);
  client.send(
    frame(FRAME.REQUEST, 1, { method: "fs.write", params: { path: "/tmp/x" } }),
    encodeFrame(FRAME.DATA, 1, Buffer.from("content")),
    encodeFrame(FRAME.END, 1, Buffer.alloc(0)),
    frame(FRAME.REQUEST, 3, { method: "daemon.shutdown", params: { force: true } }),
    encodeFrame(FRAME.WINDOW, 3, Buffer.from([1, 0, 0, 0])),
    frame(FRAME.REQUEST, 5, { method: "daemon.info", params: {} }),
    // Behind one that was passed on, it is the daemon that drops it.
    encodeFrame(FRAME.DATA, 1, Buffer.from("more")),
    frame(FRAME.REQUEST, 7, { method: "process.list", params: {} }),
  );
  assert.equal(await client.reset(1), "auth.forbidden");
  assert.equal(await client.reset(3), "auth.forbidden");
  await until(() => client.frames.some(({ type, stream }) => type === FRAME.RESPONSE && stream === 7));
  client.socket.close();
  await client.closed;
});

test("the end of the protocol is told: a bad frame, no HELLO in time, a version that nobody speaks", async () => {
  await using gateway = await TestGateway.open();
  const bad = await RawClient.open(gateway);
  bad.send(encodeFrame(FRAME.RESPONSE, 1, Buffer.from("{}")));
  assert.equal(await bad.reset(0), "wire.protocol_error");
  await bad.closed;
  const old = await RawClient.open(gateway, false);
  old.send(frame(FRAME.HELLO, 0, { protocol: [7, 9], version: "9" }));
  assert.equal(await old.reset(0), "wire.version_mismatch");
  await old.closed;
});

test("a place that breaks the protocol ends its own connections; the client dials again and goes on", async () => {
  await using gateway = await TestGateway.open();
  const ends: Duplex[] = [];
  gateway.place.onConnection = (near) => ends.push(near);
  const events: string[] = [];
  await using remote = await gateway.remote({ onEvent: ({ type }) => events.push(type) });
  assert.equal((await remote.exec("echo before")).stdout, "before\n");
  for (const attack of [
    Buffer.from("Segmentation fault\n"),
    Buffer.from([0xff, 0xff, 0xff, 0xff, 5, 1, 0, 0, 0]),
    encodeFrame(FRAME.WINDOW, 1, Buffer.from([1, 0, 0, 0])).subarray(0, 10),
    randomBytes(5_000),
  ]) {
    const running = remote.exec("sleep 0.2; echo during");
    await until(() => ends.length > 0);
    const near = ends.at(-1);
    near?.push(attack);
    // Half a frame says nothing by itself.
    near?.push(null);
    assert.equal((await running).stdout, "during\n");
  }
  assert.ok(events.includes("connection.restored"), events.join(" "));
});
