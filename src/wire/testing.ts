import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import {
  type AcceptOptions,
  acceptWire,
  connectWire,
  type RequestHandler,
  type WireServer,
} from "./connection.ts";
import { FRAME, type FrameType } from "./frame.ts";
import { encodeFrame, FrameParser, type FrameSink } from "./frame-codec.ts";
import type { HeartbeatOptions } from "./heartbeat.ts";
import { loopbackPair } from "./loopback.ts";
import type { WireClient } from "./types.ts";

export const TEST_TOKEN = "9f".repeat(32);
export const TEST_HELLO: AcceptOptions["hello"] = {
  protocol: [1, 1],
  version: "1.2.3",
  bootId: "boot-1",
  capabilities: { tty: true },
  platform: "linux-x64",
};

/** Polls until `state` is true; fails after `deadlineMs`. */
export async function until(state: () => boolean, deadlineMs = 5_000): Promise<void> {
  const end = Date.now() + deadlineMs;
  let turns = 0;
  while (!state()) {
    assert.ok(Date.now() < end, `not reached in ${deadlineMs} ms: ${state}`);
    // A turn of the loop at first, then a pause: looking must not be what keeps the state from being reached.
    await new Promise((resolve) => (turns++ < 100 ? setImmediate(resolve) : setTimeout(resolve, 1)));
  }
}

export interface Connected {
  readonly client: WireClient;
  readonly server: WireServer;
  readonly near: Duplex;
  readonly far: Duplex;
}

/** A client and a daemon's end over a pair of byte streams, after the handshake. */
export async function connected(
  onRequest: RequestHandler,
  options: { pair?: [Duplex, Duplex]; heartbeat?: HeartbeatOptions } = {},
): Promise<Connected> {
  const [near, far] = options.pair ?? loopbackPair();
  const heartbeat = options.heartbeat === undefined ? {} : { heartbeat: options.heartbeat };
  const server = acceptWire(far, { hello: TEST_HELLO, token: TEST_TOKEN, onRequest, ...heartbeat });
  const client = await connectWire(near, {
    token: TEST_TOKEN,
    clientId: "client-1",
    version: "1.2.3",
    ...heartbeat,
  });
  return { client, server, near, far };
}

/** A socket that records what is written and takes it only when told, so that a test sees who goes first. */
export class RecordingSocket extends Duplex {
  readonly batches: Buffer[][] = [];
  /** Greatest number of bytes that ever waited in it. */
  peakQueuedBytes = 0;
  #done: (() => void) | undefined;
  #blocked: boolean;

  constructor({ blocked = false } = {}) {
    super({ writableHighWaterMark: 64 * 1024 });
    this.#blocked = blocked;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#take([chunk], done);
  }

  override _writev(chunks: { chunk: Buffer; encoding: string }[], done: () => void): void {
    this.#take(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  /** Lets the pending write finish, and with `open` all later ones. */
  release(open = false): void {
    if (open) this.#blocked = false;
    const done = this.#done;
    this.#done = undefined;
    done?.();
  }

  get frames(): { type: FrameType; stream: number; payload: Buffer }[] {
    return framesOf(this.batches.flat());
  }

  #take(chunks: Buffer[], done: () => void): void {
    this.batches.push(chunks);
    this.peakQueuedBytes = Math.max(this.peakQueuedBytes, this.writableLength);
    if (this.#blocked) this.#done = done;
    else done();
  }
}

/** All frames in a list of chunks. */
export function framesOf(
  chunks: readonly Uint8Array[],
): { type: FrameType; stream: number; payload: Buffer }[] {
  const frames: { type: FrameType; stream: number; payload: Buffer }[] = [];
  const sink: FrameSink = (type, stream, payload) => frames.push({ type, stream, payload });
  const parser = new FrameParser(sink);
  for (const chunk of chunks) parser.push(chunk);
  assert.equal(parser.heldBytes, 0, "the last frame is not whole");
  return frames;
}

/**
 * A pair whose chunks are cut anew: `nextSize` says how many bytes the next chunk has. With `latencyMs` and
 * `bytesPerMs` it behaves like a long and narrow way with a queue in front of it.
 */
export function shapedPair(options: {
  nextSize?: () => number;
  latencyMs?: number;
  bytesPerMs?: number;
}): [Duplex, Duplex] {
  const left = new ShapedEnd(options);
  const right = new ShapedEnd(options);
  left.peer = right;
  right.peer = left;
  return [left, right];
}

type Shape = Parameters<typeof shapedPair>[0];

class ShapedEnd extends Duplex {
  peer!: ShapedEnd;
  readonly #shape: Shape;
  readonly #onTheWay: Buffer[][] = [];
  /** When the narrow way is free again. */
  #freeAt = 0;

  constructor(shape: Shape) {
    super();
    this.#shape = shape;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const { nextSize, latencyMs = 0, bytesPerMs } = this.#shape;
    const cut: Buffer[] = [];
    for (let at = 0; at < chunk.length; ) {
      const size = Math.max(1, nextSize?.() ?? chunk.length);
      cut.push(chunk.subarray(at, at + size));
      at += size;
    }
    this.#onTheWay.push(cut);
    const deliver = (): void => {
      // Timers of different lengths may fire out of order; what they deliver must not.
      const pieces = this.#onTheWay.shift()!;
      if (this.peer.destroyed) return;
      for (const piece of pieces) this.peer.push(piece);
    };
    if (latencyMs === 0 && bytesPerMs === undefined) {
      setImmediate(deliver);
      done();
      return;
    }
    const now = performance.now();
    this.#freeAt = Math.max(this.#freeAt, now) + (bytesPerMs === undefined ? 0 : chunk.length / bytesPerMs);
    setTimeout(deliver, this.#freeAt - now + latencyMs);
    // The socket's buffer takes it at once, as a kernel's would.
    done();
  }

  override _final(done: () => void): void {
    setTimeout(() => !this.peer.destroyed && this.peer.push(null), this.#shape.latencyMs ?? 0);
    done();
  }
}

/** Speaks frames by hand, as a peer that keeps no rule would. */
export class RawPeer {
  readonly duplex: Duplex;
  readonly frames: { type: FrameType; stream: number; payload: Buffer }[] = [];
  readonly #parser = new FrameParser((type, stream, payload) => this.frames.push({ type, stream, payload }));

  constructor(duplex: Duplex) {
    this.duplex = duplex;
    duplex.on("data", (chunk: Buffer) => this.#parser.push(chunk));
    duplex.on("error", () => undefined);
  }

  send(type: number, stream: number, payload: Uint8Array | string | object = Buffer.alloc(0)): void {
    const bytes =
      payload instanceof Uint8Array
        ? payload
        : Buffer.from(typeof payload === "string" ? payload : JSON.stringify(payload));
    this.duplex.write(encodeFrame(type as FrameType, stream, bytes));
  }

  window(stream: number, credit: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32LE(credit);
    this.send(FRAME.WINDOW, stream, payload);
  }

  /** JSON of the first frame of a type on a stream, once it is there. */
  async json(type: FrameType, stream: number): Promise<unknown> {
    const find = () => this.frames.find((frame) => frame.type === type && frame.stream === stream);
    await until(() => find() !== undefined);
    return JSON.parse(find()!.payload.toString());
  }
}

/** A daemon's end with a client that speaks by hand, after the handshake. */
export async function rawClient(
  onRequest: RequestHandler,
  options: { heartbeat?: HeartbeatOptions } = {},
): Promise<{ peer: RawPeer; server: WireServer }> {
  const [near, far] = loopbackPair();
  const server = acceptWire(far, { hello: TEST_HELLO, token: TEST_TOKEN, onRequest, ...options });
  const peer = new RawPeer(near);
  peer.send(FRAME.HELLO, 0, { protocol: [1, 1], version: "0", token: TEST_TOKEN, clientId: "raw" });
  await peer.json(FRAME.EVENT, 0);
  return { peer, server };
}

/** A client with a daemon that speaks by hand, after the handshake. */
export async function rawDaemon(
  options: { heartbeat?: HeartbeatOptions } = {},
): Promise<{ peer: RawPeer; client: WireClient }> {
  const [near, far] = loopbackPair();
  const peer = new RawPeer(far);
  peer.send(FRAME.HELLO, 0, TEST_HELLO);
  const connecting = connectWire(near, { token: TEST_TOKEN, clientId: "c", version: "1", ...options });
  await peer.json(FRAME.HELLO, 0);
  peer.send(FRAME.EVENT, 0, { welcome: true });
  return { peer, client: await connecting };
}
