/**
 * What the wire costs: round trips and throughput, beside a bare socket of Node. One process serves, this one
 * asks. `node bench/micro/wire.ts [MEGABYTES]`
 */
import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import type { Duplex } from "node:stream";
import { acceptWire, connectWire, type RequestHandler } from "../../src/wire/connection.ts";
import { loopbackPair } from "../../src/wire/loopback.ts";
import { decodeOutput, encodeOutputTable } from "../../src/wire/output-frame.ts";
import type { WireClient, WireStream } from "../../src/wire/types.ts";

const TOKEN = "t";
const CHUNK = Buffer.alloc(64 * 1024, 7);
const HELLO = { protocol: [1, 1] as [number, number], version: "0" };
const SMALL = Buffer.alloc(150, 1);

/** Serves `fs.read` of `end` bytes as plain data, `process.output` as output frames, the rest as an echo. */
const serve: RequestHandler = (stream, method, params) => {
  if (method === "fs.read") send(stream, (params as { end: number }).end, false);
  else if (method === "process.output") send(stream, (params as { from: number }).from, true);
  else stream.respond({ process: { id: "p", state: "running", exit: null, cursor: 12345 } });
};

function send(stream: WireStream, bytes: number, framed: boolean): void {
  let left = bytes;
  const feed = (): void => {
    while (left > 0 && stream.writable() > 0) {
      const part = left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK;
      if (framed) stream.frame(encodeOutputTable([{ channel: 1, length: part.length }]), part);
      else stream.data(part);
      left -= part.length;
    }
    if (left === 0) stream.end();
  };
  stream.handler = { onWritable: feed };
  stream.respond({});
  feed();
}

/** The bare socket: "r" asks for one small answer, "b" + u32 for so many bytes. */
function serveRaw(socket: Socket): void {
  let left = 0;
  const feed = (): void => {
    while (left > 0) {
      left -= CHUNK.length;
      if (!socket.write(CHUNK)) return;
    }
  };
  socket.on("drain", feed);
  socket.on("data", (chunk) => {
    if (chunk[0] === 0x62) {
      left = chunk.readUInt32LE(1);
      feed();
    } else socket.write(SMALL);
  });
  socket.on("error", () => undefined);
}

function accept(duplex: Duplex): void {
  acceptWire(duplex, { hello: HELLO, token: TOKEN, onRequest: serve });
}

function dial(duplex: Duplex): Promise<WireClient> {
  return connectWire(duplex, { token: TOKEN, clientId: "bench", version: "0" });
}

async function median(times: number, once: () => Promise<unknown>): Promise<number> {
  const taken: number[] = [];
  for (let index = 0; index < times; index += 1) {
    const start = performance.now();
    await once();
    taken.push(performance.now() - start);
  }
  taken.sort((a, b) => a - b);
  return taken[taken.length >> 1]! * 1000;
}

function receive(client: WireClient, bytes: number, framed: boolean): Promise<number> {
  const start = performance.now();
  let got = 0;
  return new Promise((resolve, reject) => {
    const handler = {
      onDataParts(parts: readonly Uint8Array[], size: number): void {
        if (framed) decodeOutput(parts, (_channel, run) => (got += run.length));
        else for (const part of parts) got += part.length;
        stream.consumed(size);
      },
      onEnd(): void {
        if (got === bytes) resolve(bytes / 1e6 / ((performance.now() - start) / 1000));
        else reject(new Error(`${got} of ${bytes} bytes`));
      },
      onReset: reject,
    };
    const stream = framed
      ? client.request("process.output", { id: "p", from: bytes }, handler)
      : client.request("fs.read", { path: "/x", end: bytes }, handler);
  });
}

async function main(): Promise<void> {
  const bytes = Number(process.argv[2] ?? 400) * 1024 * 1024;
  const directory = mkdtempSync(join(tmpdir(), "berth-wire-"));
  const wirePath = join(directory, "wire");
  const rawPath = join(directory, "raw");
  const child = fork(import.meta.filename, ["serve", wirePath, rawPath]);
  try {
    await new Promise((resolve) => child.once("message", resolve));
    const raw = connect(rawPath);
    const client = await dial(connect(wirePath));
    const [near, far] = loopbackPair();
    accept(far);
    const inProcess = await dial(near);

    const rows: [string, string][] = [];
    const rawOnce = (): Promise<unknown> => {
      raw.write(SMALL);
      return new Promise((resolve) => raw.once("data", resolve));
    };
    const stat = (): Promise<unknown> => client.call("process.get", { id: "p" });
    const start = {
      requestId: "0123456789abcdef",
      command: ["sh", "-c", "true"],
      cwd: "/srv/app",
      env: [["A", "b"]] as [string, string][],
    };
    await median(5000, rawOnce);
    await median(5000, stat);
    const rawUs = await median(10_000, rawOnce);
    const callUs = await median(10_000, stat);
    const startUs = await median(10_000, () => client.call("process.start", start));
    rows.push(["bare socket round trip", `${rawUs.toFixed(0)} µs`]);
    rows.push(["process.get round trip", `${callUs.toFixed(0)} µs (+${(callUs - rawUs).toFixed(0)})`]);
    rows.push(["process.start round trip", `${startUs.toFixed(0)} µs (+${(startUs - rawUs).toFixed(0)})`]);

    const parallel = performance.now();
    const each = 2000;
    await Promise.all(
      Array.from({ length: 32 }, async () => {
        for (let index = 0; index < each; index += 1) await stat();
      }),
    );
    const perSecond = (32 * each) / ((performance.now() - parallel) / 1000);
    rows.push(["calls, 32 in flight", `${Math.round(perSecond)} /s`]);

    const bare = await receiveRaw(raw, bytes);
    rows.push(["bare socket, bulk", `${bare.toFixed(0)} MB/s`]);
    for (const framed of [false, true]) {
      const name = framed ? "output frames" : "data";
      const local = await receive(inProcess, bytes, framed);
      rows.push([`${name}, in one process`, `${local.toFixed(0)} MB/s`]);
      const remote = await receive(client, bytes, framed);
      rows.push([`${name}, unix socket`, `${remote.toFixed(0)} MB/s`]);
    }
    let running = true;
    const bulk = receive(client, bytes, true).finally(() => (running = false));
    const loaded: number[] = [];
    while (running) loaded.push(await median(1, stat));
    await bulk;
    loaded.sort((a, b) => a - b);
    rows.push(["process.get during bulk", `${loaded[loaded.length >> 1]!.toFixed(0)} µs (${loaded.length})`]);
    for (const [name, value] of rows) console.log(name.padEnd(28), value);
    raw.destroy();
    client.close();
    inProcess.close();
  } finally {
    child.disconnect();
    rmSync(directory, { recursive: true, force: true });
  }
}

function receiveRaw(raw: Socket, bytes: number): Promise<number> {
  const ask = Buffer.alloc(5);
  ask[0] = 0x62;
  ask.writeUInt32LE(bytes, 1);
  const start = performance.now();
  let got = 0;
  return new Promise((resolve) => {
    const onData = (chunk: Buffer): void => {
      got += chunk.length;
      if (got < bytes) return;
      raw.off("data", onData);
      resolve(bytes / 1e6 / ((performance.now() - start) / 1000));
    };
    raw.on("data", onData);
    raw.write(ask);
  });
}

if (process.argv[2] === "serve") {
  createServer(accept).listen(process.argv[3], () => {
    createServer(serveRaw).listen(process.argv[4], () => process.send?.("ready"));
  });
  process.on("disconnect", () => process.exit());
} else {
  await main();
}
