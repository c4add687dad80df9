/**
 * Random runs against everything that reads what a peer sent: the frame parser, a daemon's and a client's
 * connection, the output decoder, JSON and the request schemas. Inputs that showed a new behaviour are kept and
 * mutated further. `node scripts/fuzz-wire.ts [SECONDS] [SEED]`; a failure prints seed and input, exit code 1.
 */
import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { isBerthError } from "../src/contract/errors.ts";
import { acceptWire, connectWire } from "../src/wire/connection.ts";
import { FRAME, type FrameType } from "../src/wire/frame.ts";
import { encodeFrame, FrameParser } from "../src/wire/frame-codec.ts";
import { decodeJson } from "../src/wire/json.ts";
import { helloSchema, type Method, methods } from "../src/wire/messages.ts";
import { decodeOutput } from "../src/wire/output-frame.ts";

const TOKEN = "token";
const HELLO = { protocol: [1, 1] as [number, number], version: "1" };
const MAX_RSS_BYTES = 768 * 1024 * 1024;
const METHODS = Object.keys(methods) as Method[];
const WORDS = [
  "method",
  "params",
  "path",
  "paths",
  "command",
  "cwd",
  "env",
  "id",
  "result",
  "exit",
  "gap",
  "from",
  "to",
  "requestId",
  "stdin",
  "attach",
  "tty",
  "columns",
  "rows",
  "port",
  "connection",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "pipe",
  "/etc/passwd",
  "../..",
  "\u0000",
  "\ud800",
  "",
];

let state = 0;
/** Mulberry32: small, fast, and the same run for the same seed. */
function random(): number {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
}
const below = (limit: number): number => Math.floor(random() * limit);
const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => below(256)));

function value(depth: number): unknown {
  switch (below(depth > 5 ? 6 : 9)) {
    case 0:
      return below(2) === 0;
    case 1:
      return null;
    case 2:
      return pick([0, -1, 1, 80, 65536, 2 ** 31, 2 ** 53, 1e308, 0.5]);
    case 3:
    case 4:
      return pick(WORDS);
    case 5:
      return "x".repeat(below(300));
    case 6:
      return Array.from({ length: below(4) }, () => value(depth + 1));
    default:
      return JSON.parse(
        `{${Array.from({ length: below(5) }, () => `${JSON.stringify(pick(WORDS))}:${JSON.stringify(value(depth + 1))}`).join(",")}}`,
      );
  }
}

/** Parameters that are often right, with some of them replaced. */
function params(method: Method): unknown {
  const right: Record<string, unknown> = {
    requestId: "r",
    command: ["sh"],
    cwd: "/",
    id: "p",
    path: "/x",
    paths: ["/x"],
    from: 0,
    to: "/y",
    signal: "SIGTERM",
    columns: 80,
    rows: 24,
    port: 80,
    timeoutMs: 5,
    mode: 0o644,
    target: "/t",
    connection: "c",
  };
  if (method === "fs.rename") right.from = "/x";
  if (below(3) === 0) right.stdin = "pipe";
  if (below(3) === 0) right.attach = { from: below(100) };
  for (let index = below(3); index > 0; index -= 1) right[pick(Object.keys(right))] = value(0);
  return below(10) === 0 ? value(0) : right;
}

function frame(nextId: () => number): Buffer {
  const stream = pick([0, 1, 3, 5, nextId(), below(2 ** 32)]);
  const json = (content: unknown): Buffer => Buffer.from(JSON.stringify(content) ?? "");
  switch (below(12)) {
    case 0:
    case 1:
    case 2: {
      const method = pick(METHODS);
      return encodeFrame(FRAME.REQUEST, nextId(), json({ method, params: params(method) }));
    }
    case 3:
      return encodeFrame(FRAME.RESPONSE, stream, json({ result: value(0) }));
    case 4:
      return encodeFrame(FRAME.EVENT, stream, json(value(0)));
    case 5:
      return encodeFrame(FRAME.DATA, stream, bytes(below(400)));
    case 6:
      return encodeFrame(FRAME.DATA, stream, Buffer.alloc(below(66_000)));
    case 7:
      return encodeFrame(FRAME.WINDOW, stream, Buffer.from([below(256), below(256), below(256), below(4)]));
    case 8:
      return encodeFrame(FRAME.END, stream, Buffer.alloc(0));
    case 9:
      return encodeFrame(FRAME.RESET, stream, json(value(0)));
    case 10:
      return encodeFrame(pick([FRAME.PING, FRAME.PONG, FRAME.HELLO]), 0, bytes(below(20)));
    default:
      return encodeFrame(below(256) as FrameType, stream, bytes(below(60)));
  }
}

function traffic(): Buffer {
  let id = -1;
  const nextId = (): number => (id += 2);
  return Buffer.concat(Array.from({ length: 1 + below(12) }, () => frame(nextId)));
}

function mutate(input: Buffer): Buffer {
  let output = Buffer.from(input);
  for (let times = 1 + below(4); times > 0 && output.length > 0; times -= 1) {
    const at = below(output.length);
    switch (below(6)) {
      case 0:
        output[at]! ^= 1 << below(8);
        break;
      case 1:
        output[at] = pick([0, 1, 0x7f, 0x80, 0xff, 0x22, 0x5b, 0x7b]);
        break;
      case 2:
        output = output.subarray(0, at);
        break;
      case 3:
        output = Buffer.concat([output.subarray(0, at), bytes(below(8)), output.subarray(at)]);
        break;
      case 4:
        output = Buffer.concat([output, output.subarray(at, at + below(500))]);
        break;
      default:
        output = Buffer.concat([output.subarray(0, at), traffic()]);
    }
  }
  return output.subarray(0, 300_000);
}

/** Takes what is written and says nothing; `feed` is the peer. */
class DeafSocket extends Duplex {
  override _read(): void {}
  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done();
  }
  feed(input: Buffer): void {
    for (let at = 0; at < input.length && !this.destroyed; ) {
      const size = pick([1, 7, 300, 5000, 1_000_000]);
      this.emit("data", input.subarray(at, at + size));
      at += size;
    }
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Each returns what it saw, in words: new words make an input worth keeping. */
const targets: Record<string, (input: Buffer) => Promise<string> | string> = {
  parser(input) {
    const seen: number[] = [];
    const inParts = below(2) === 0 ? () => seen.push(FRAME.DATA) : undefined;
    const parser = new FrameParser((type) => seen.push(type), 1_048_576, inParts);
    let fed = 0;
    try {
      for (let at = 0; at < input.length; ) {
        const size = pick([1, 9, 100, 70_000]);
        parser.push(input.subarray(at, at + size));
        fed += size;
        at += size;
        assert.ok(parser.heldBytes <= fed && parser.reservedBytes <= Math.max(131_072, 2 * fed));
      }
      return [...new Set(seen)].sort().join();
    } catch (error) {
      return refusal(error);
    }
  },

  async daemon(input) {
    const socket = new DeafSocket();
    const seen = new Set<string>();
    const server = acceptWire(socket, {
      hello: HELLO,
      token: TOKEN,
      onRequest(stream, method) {
        seen.add(method);
        stream.handler = {
          onData: (chunk) => stream.consumed(chunk.length),
          onEnd: () => stream.end(),
          onReset: (error) => seen.add(`reset ${error.code.slice(0, 20)}`),
        };
        const choice = below(4);
        if (choice < 2) stream.respond({ ok: true });
        if (choice === 2) throw new Error("refused");
        if (!stream.closed && stream.writable() > 0) stream.data(Buffer.alloc(below(100_000)));
      },
    });
    if (below(10) > 0) {
      socket.feed(
        encodeFrame(FRAME.HELLO, 0, Buffer.from(JSON.stringify({ ...HELLO, token: TOKEN, clientId: "c" }))),
      );
    }
    socket.feed(input);
    await settle();
    if (server.closed) seen.add(refusal(await server.ended));
    server.close();
    await server.ended;
    socket.destroy();
    return [...seen].sort().join();
  },

  async client(input) {
    const socket = new DeafSocket();
    const connecting = connectWire(socket, { token: TOKEN, clientId: "c", version: "1" });
    const seen = new Set<string>();
    if (below(10) > 0) {
      socket.feed(encodeFrame(FRAME.HELLO, 0, Buffer.from(JSON.stringify(HELLO))));
      socket.feed(encodeFrame(FRAME.EVENT, 0, Buffer.from('{"welcome":true}')));
      const client = await connecting;
      for (const method of ["process.output", "port.connect"] as const) {
        const handler = {
          onResponse: () => seen.add("response"),
          onEvent: () => seen.add("event"),
          onData: (chunk: Uint8Array) => {
            seen.add("data");
            stream.consumed(chunk.length);
          },
          onEnd: () => seen.add("end"),
          onReset: (error: Error) => assert.ok(isBerthError(error)),
        };
        const stream = client.request(method, { id: "p", port: 1 }, handler);
      }
      client.call("daemon.info", {}).catch((error: unknown) => assert.ok(isBerthError(error)));
      socket.feed(input);
      await settle();
      if (client.closed) seen.add(refusal(await client.ended));
      client.close();
    } else {
      connecting.catch((error: unknown) => seen.add(refusal(error)));
      socket.feed(input);
      socket.destroy();
      await settle();
    }
    socket.destroy();
    return [...seen].sort().join();
  },

  output(input) {
    let total = 0;
    let runs = 0;
    try {
      const payload = input.subarray(0, below(400));
      const cut = below(payload.length);
      const parts = below(2) === 0 ? payload : [payload.subarray(0, cut), payload.subarray(cut)];
      decodeOutput(parts, (_channel, run) => {
        total += run.length;
        runs += 1;
      });
      return `${Math.min(runs, 5)} runs`;
    } catch (error) {
      assert.equal(total + runs, 0);
      return refusal(error);
    }
  },

  schemas(input) {
    let decoded: unknown;
    try {
      decoded = below(2) === 0 ? decodeJson(input) : decodeJson(Buffer.from(JSON.stringify(value(0))));
    } catch (error) {
      return refusal(error);
    }
    const method = pick(METHODS);
    const content = below(3) === 0 ? decoded : params(method);
    const parsed = methods[method].safeParse(content);
    helloSchema.safeParse(decoded);
    if (!parsed.success) return `${method} ${parsed.error.issues[0]?.code}`;
    assert.equal(Object.getPrototypeOf(parsed.data), Object.prototype);
    const known = Object.keys(methods[method].shape);
    assert.ok(Object.keys(parsed.data).every((key) => known.includes(key)));
    return `${method} accepted`;
  },
};

/** A refusal must be a typed one. Numbers are left out: they make no new behaviour. */
function refusal(error: unknown): string {
  if (!isBerthError(error)) throw error;
  return `${error.code.slice(0, 30)} ${error.message.replaceAll(/\d+/g, "N").slice(0, 60)}`;
}

const seconds = Number(process.argv[2] ?? 20);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
state = seed;
const names = Object.keys(targets);
const corpus: Buffer[] = [];
const behaviours = new Set<string>();
const until = Date.now() + seconds * 1000;
let runs = 0;
let current: { name: string; input: Buffer } = { name: "", input: Buffer.alloc(0) };

function failed(error: unknown): never {
  console.error(`failed: target ${current.name}, seed ${seed}, run ${runs}`);
  console.error(current.input.subarray(0, 4000).toString("hex"));
  console.error(error);
  process.exit(1);
}
process.on("uncaughtException", failed);
process.on("unhandledRejection", failed);

console.log(`seed ${seed}, ${seconds} s`);
while (Date.now() < until) {
  const input = corpus.length > 0 && below(3) > 0 ? mutate(pick(corpus)) : traffic();
  const name = pick(names);
  current = { name, input };
  const behaviour = `${name}: ${await targets[name]!(input)}`;
  if (!behaviours.has(behaviour) && behaviours.size < 20_000) {
    behaviours.add(behaviour);
    if (corpus.length < 500) corpus.push(input);
    else corpus[below(corpus.length)] = input;
  }
  runs += 1;
  if (runs % 500 === 0) assert.ok(process.memoryUsage.rss() < MAX_RSS_BYTES, "memory grows");
}
assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
assert.deepEqual(Object.keys(Object.prototype), []);
const rss = Math.round(process.memoryUsage.rss() / 1024 / 1024);
console.log(`${runs} runs, ${behaviours.size} behaviours, ${rss} MiB at the end: nothing found`);
process.exit(0);
