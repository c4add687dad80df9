import type { Duplex } from "node:stream";
import { BerthError, berthError, type ErrorHop, isBerthError } from "../contract/errors.ts";
import { decodeError, encodeError } from "./error-codec.ts";
import type { Flow } from "./flow.ts";
import { FRAME, type FrameType, MAX_FRAME_BYTES, MAX_JSON_CONTROL_BYTES } from "./frame.ts";
import { FrameParser, protocolError, readU32 } from "./frame-codec.ts";
import { Heartbeat, type HeartbeatOptions } from "./heartbeat.ts";
import { decodeJson } from "./json.ts";
import type { WindowBudget } from "./receive-window.ts";
import { SendQueue } from "./send-queue.ts";
import { Stream, type StreamHost } from "./stream.ts";
import { MAX_BACKLOG_BYTES } from "./stream-outbox.ts";
import type { StreamHandler } from "./types.ts";

/** A peer that asks and never reads its answers is cut off here. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;
/** After the last frames were written, the peer has so long to take them. */
const CLOSE_GRACE_MS = 1_000;
const MAX_SHOWN_BYTES = 200;
const MAX_STREAM_ID = 0xffff_ffff;

export interface MultiplexerRole {
  readonly hop: ErrorHop;
  /** The connection's own JSON frames: HELLO, and EVENT on stream 0. */
  control(type: FrameType, value: unknown): void;
  /** A REQUEST with a new id. Absent on the client: only clients ask. */
  readonly request?: (id: number, payload: Buffer) => void;
  /** The connection has ended; streams have been told. */
  ended(reason: BerthError): void;
}

/**
 * Frames and streams over one Duplex, the same for both roles; handshake and requests are the role's. Every end
 * of it, on whatever path, goes through `fail`: streams get onReset, the role `ended`, the Duplex is destroyed.
 */
export class Multiplexer implements StreamHost {
  readonly queue: SendQueue;
  readonly budget: WindowBudget = { growthBytes: 0 };
  readonly hop: ErrorHop;
  readonly #duplex: Duplex;
  readonly #role: MultiplexerRole;
  readonly #parser: FrameParser;
  readonly #heartbeat: Heartbeat;
  readonly #streams = new Map<number, Stream>();
  readonly #listeners = {
    data: (chunk: Uint8Array) => this.#receive(chunk),
    end: () => this.fail(disconnected("the peer closed it")),
    close: () => this.fail(disconnected("it was closed")),
    error: (cause: Error) => this.fail(disconnected(cause.message, cause)),
  };
  #lastId = -1;
  #open = false;
  #ended = false;
  #paused = false;

  constructor(duplex: Duplex, role: MultiplexerRole, heartbeat?: HeartbeatOptions) {
    this.#duplex = duplex;
    this.#role = role;
    this.hop = role.hop;
    this.queue = new SendQueue(duplex, () => this.#progress());
    // Until the peer has shown who it is, it gets to send no more than a HELLO.
    this.#parser = new FrameParser(
      (type, stream, payload) => this.#frame(type, stream, payload),
      MAX_HELLO_BYTES,
      (id, parts, bytes) => this.#streamOf(id)?.receiveData(parts, bytes),
    );
    this.#heartbeat = new Heartbeat(
      {
        ping: (payload) => this.queue.echo(FRAME.PING, payload),
        dead: (silentMs) => this.fail(disconnected(`no answer for ${Math.round(silentMs / 1000)} s`)),
        measured: (ms, idleMs, now) => {
          for (const stream of this.#streams.values()) stream.measured({ ms, idleMs, now });
        },
      },
      heartbeat,
    );
    if ("setNoDelay" in duplex && typeof duplex.setNoDelay === "function") duplex.setNoDelay(true);
    for (const [event, listener] of Object.entries(this.#listeners)) duplex.on(event, listener);
    // One that ended before it came here tells nobody any more.
    if (duplex.destroyed || duplex.readableEnded) {
      const cause = duplex.errored;
      process.nextTick(() => {
        this.fail(cause === null ? disconnected("the peer closed it") : disconnected(cause.message, cause));
      });
    }
  }

  get ended(): boolean {
    return this.#ended;
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  get roundTripMs(): number | undefined {
    return this.#heartbeat.roundTripMs;
  }

  /** The handshake is done: streams may be opened. */
  opened(): void {
    this.#open = true;
    this.#parser.limitBytes = MAX_FRAME_BYTES;
    this.#heartbeat.start();
  }

  probe(): boolean {
    this.#heartbeat.loaded();
    return this.#heartbeat.probe();
  }

  /** Sends a JSON frame of the connection itself. */
  control(type: FrameType, value: unknown): void {
    this.queue.text(type, 0, JSON.stringify(value), MAX_JSON_CONTROL_BYTES);
  }

  /** The id for the client's next stream, or undefined when none is left. */
  nextId(): number | undefined {
    const id = this.#lastId + 2;
    return id > MAX_STREAM_ID ? undefined : id;
  }

  /** A stream that was never opened: its handler gets `error` soon, what is sent on it goes nowhere. */
  stillborn(error: BerthError, handler: StreamHandler): Stream {
    const queue = new SendQueue(this.#duplex);
    queue.stop();
    const host: StreamHost = {
      queue,
      budget: { growthBytes: 0 },
      hop: this.hop,
      probe: () => false,
      forget: () => undefined,
    };
    const stream = new Stream(0, host, { input: true, lastIsResponse: false }, true, handler);
    queueMicrotask(() => stream.receiveReset(error));
    return stream;
  }

  /** Takes up a stream under a new id. */
  add(id: number, flow: Flow, opener: boolean, handler?: StreamHandler): Stream {
    const stream = new Stream(id, this, flow, opener, handler);
    this.#lastId = id;
    this.#streams.set(id, stream);
    return stream;
  }

  /** Marks the id of a request that is refused as used. */
  refuse(id: number, error: BerthError): void {
    this.#lastId = Math.max(this.#lastId, id);
    this.queue.text(FRAME.RESET, id, encodeError(error), MAX_JSON_CONTROL_BYTES);
  }

  forget(stream: Stream): void {
    this.#streams.delete(stream.id);
  }

  /**
   * Ends the connection. What is not DATA still leaves when the peer may be listening ("close"), with the reason
   * if it shall know it ("tell").
   */
  fail(reason: BerthError, manner: "drop" | "close" | "tell" = "drop"): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#parser.stop();
    this.#heartbeat.stop();
    const streams = [...this.#streams.values()];
    if (manner === "tell") this.queue.text(FRAME.RESET, 0, encodeError(reason), MAX_JSON_CONTROL_BYTES);
    if (manner === "drop") this.#duplex.destroy();
    else this.#close();
    this.queue.stop();
    for (const stream of streams) stream.receiveReset(reason);
    this.#streams.clear();
    this.#role.ended(reason);
  }

  /** Says goodbye: the last frames leave, and the peer has a moment to take them and to close its side. */
  #close(): void {
    const duplex = this.#duplex;
    this.queue.flushControl();
    const timer = setTimeout(() => duplex.destroy(), CLOSE_GRACE_MS);
    timer.unref();
    duplex.once("close", () => clearTimeout(timer));
    // Unread input at the close of a socket can cost the peer our last frames; it is read and dropped.
    duplex.once("end", () => duplex.destroy());
    duplex.resume();
    duplex.end();
  }

  /** Lets go of the byte stream between two frames, with nothing under way on it. */
  release(): Duplex {
    if (this.#ended || this.#streams.size > 0 || this.#parser.heldBytes > 0) {
      this.fail(disconnected("it is in use"));
      throw disconnected("it is in use");
    }
    this.#ended = true;
    this.#heartbeat.stop();
    this.#parser.stop();
    this.queue.flushControl();
    this.queue.stop();
    this.#duplex.pause();
    for (const [event, listener] of Object.entries(this.#listeners)) this.#duplex.off(event, listener);
    return this.#duplex;
  }

  #receive(chunk: Uint8Array): void {
    if (this.#ended) return;
    this.#heartbeat.heard();
    try {
      this.#parser.push(chunk);
    } catch (cause) {
      const error = isBerthError(cause) ? cause : protocolError("a frame could not be handled", cause);
      this.fail(this.#foundHere(error, chunk), "tell");
    }
    if (this.queue.backlogBytes > MAX_BACKLOG_BYTES) this.#overloaded();
  }

  /** Names this end as the finder, and shows what answered in place of a daemon, such as a shell's complaint. */
  #foundHere(error: BerthError, chunk: Uint8Array): BerthError {
    const text = Buffer.from(chunk.subarray(0, MAX_SHOWN_BYTES)).toString("latin1");
    const readable = !this.#open && /^[\t\r\n -~]{8,}$/.test(text);
    return new BerthError(
      {
        ...error.toJSON(),
        hop: this.hop,
        ...(readable ? { context: { ...error.context, received: text.trim() } } : {}),
      },
      { cause: error.cause },
    );
  }

  /** Answers wait unread: the daemon takes no further requests; a client only watches that it stays bounded. */
  #overloaded(): void {
    if (this.queue.backlogBytes > MAX_UNREAD_BYTES) {
      this.fail(berthError("wire.limit", { hop: this.hop, message: "the peer does not read its answers" }));
      return;
    }
    if (this.#role.request === undefined || this.#paused) return;
    this.#paused = true;
    this.#duplex.pause();
  }

  /** Bytes went to the socket. */
  #progress(): void {
    if (this.queue.backlogBytes > MAX_BACKLOG_BYTES / 2) return;
    if (this.queue.backlogged) {
      this.queue.backlogged = false;
      for (const stream of [...this.#streams.values()]) stream.wake();
    }
    if (!this.#paused) return;
    this.#paused = false;
    this.#duplex.resume();
  }

  #frame(type: FrameType, id: number, payload: Buffer): void {
    if (id === 0) {
      this.#connectionFrame(type, payload);
      return;
    }
    if (!this.#open) throw protocolError("a frame before the handshake was done");
    if (type === FRAME.REQUEST && this.#role.request !== undefined) {
      if (id % 2 === 0 || id <= this.#lastId) throw protocolError(`REQUEST opens stream ${id} out of order`);
      this.#role.request(id, payload);
      return;
    }
    const stream = this.#streamOf(id);
    if (stream !== undefined) this.#streamFrame(type, stream, payload);
  }

  /** The open stream of an id. Frames may cross with the end of theirs; one that never was is a fault. */
  #streamOf(id: number): Stream | undefined {
    if (!this.#open) throw protocolError("a frame before the handshake was done");
    const stream = this.#streams.get(id);
    if (stream === undefined && (id > this.#lastId || id % 2 === 0)) {
      throw protocolError(`a frame on stream ${id}, which is not open`);
    }
    return stream;
  }

  #streamFrame(type: FrameType, stream: Stream, payload: Buffer): void {
    switch (type) {
      case FRAME.DATA:
        stream.receiveData([payload], payload.length);
        return;
      case FRAME.WINDOW:
        stream.receiveWindow(readU32(payload, 0));
        return;
      case FRAME.RESPONSE:
        if (this.#role.request !== undefined) break;
        stream.receiveResponse((decodeJson(payload) as { result?: unknown } | null)?.result);
        return;
      case FRAME.EVENT:
        stream.receiveEvent(decodeJson(payload));
        return;
      case FRAME.END:
        stream.receiveEnd();
        return;
      case FRAME.RESET:
        stream.receiveReset(decodeError(decodeJson(payload)));
        return;
    }
    throw protocolError(`a frame of type ${type} on stream ${stream.id}`);
  }

  #connectionFrame(type: FrameType, payload: Buffer): void {
    switch (type) {
      case FRAME.PING:
        // A peer that asks without reading gets no queue of answers.
        if (this.queue.backlogBytes < MAX_BACKLOG_BYTES) this.queue.echo(FRAME.PONG, payload);
        return;
      case FRAME.PONG:
        this.#heartbeat.pong(payload);
        return;
      case FRAME.HELLO:
      case FRAME.EVENT:
        this.#role.control(type, decodeJson(payload));
        return;
      case FRAME.RESET:
        this.fail(decodeError(decodeJson(payload)));
        return;
    }
    throw protocolError(`a frame of type ${type} on stream 0`);
  }
}

const MAX_HELLO_BYTES = MAX_JSON_CONTROL_BYTES + 5;

function disconnected(why: string, cause?: unknown): BerthError {
  return berthError("transport.disconnected", {
    hop: "transport",
    message: `the connection to the place was lost: ${why}`,
    ...(cause === undefined ? {} : { cause }),
  });
}
