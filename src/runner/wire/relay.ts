import type { Duplex } from "node:stream";
import { type BerthError, berthError, isBerthError, toBerthError } from "../../contract/errors.ts";
import { decodeError, encodeError } from "../../wire/error-codec.ts";
import {
  FRAME,
  FRAME_HEADER_BYTES,
  type FrameType,
  HANDSHAKE_TIMEOUT_MS,
  MAX_FRAME_BYTES,
  MAX_JSON_CONTROL_BYTES,
  MAX_OPEN_STREAMS,
  PROTOCOL_MAX,
  PROTOCOL_MIN,
} from "../../wire/frame.ts";
import { encodeFrame, FrameParser, protocolError, writeFrameHeader } from "../../wire/frame-codec.ts";
import { decodeJson } from "../../wire/json.ts";
import { type Hello, helloSchema } from "../../wire/messages.ts";
import { type RequestTrace, traceOf } from "./request-events.ts";
import { checkRequest, type RequestRules } from "./request-rules.ts";

/** The runner's own frames that wait for a client; it is not listened to while it leaves more unread. */
const MAX_OWN_BYTES = 256 * 1024;

export interface RelayOptions {
  /** The client's byte stream, fresh. */
  readonly client: Duplex;
  /** The place's byte stream, behind the daemon's welcome. */
  readonly place: Duplex;
  /** What the client is told first. */
  readonly hello: Hello;
  readonly rules: RequestRules;
  readonly handshakeTimeoutMs?: number;
  /** A request that changes something has been answered; with an error when it failed or was refused. */
  readonly onDone: (trace: RequestTrace, result: unknown) => void;
  readonly onFailed: (method: string, error: BerthError) => void;
  readonly onBytes: (direction: "in" | "out", bytes: number) => void;
  /** Both streams are closed. */
  readonly onEnd: (reason: BerthError) => void;
}

/**
 * One client of the gateway and its own connection to the daemon of the place. Frames go through as they are, in both
 * directions with the backpressure of the other side; REQUESTs are checked, and refused ones answered here. Neither side
 * is trusted: what breaks the protocol ends both streams, and nothing else.
 */
export class Relay {
  readonly #options: RelayOptions;
  readonly #fromClient: FrameParser;
  readonly #fromPlace: FrameParser;
  /** Requests that change something, by stream, until they are answered. */
  readonly #traces = new Map<number, RequestTrace>();
  /** The runner's own frames to the client, until the place is between two of its frames. */
  #own: Buffer[] = [];
  #ownBytes = 0;
  #open = false;
  #ended = false;
  /** Of the newest REQUEST, and of the newest that was passed on: frames of streams beyond it are nobody's. */
  #lastId = -1;
  #lastPassed = -1;
  readonly #timer: NodeJS.Timeout;

  constructor(options: RelayOptions) {
    this.#options = options;
    const { client, place } = options;
    this.#fromClient = new FrameParser(
      (type, stream, payload) => this.#clientFrame(type, stream, payload),
      MAX_JSON_CONTROL_BYTES + 5,
      (stream, parts, bytes) => this.#passData(stream, parts, bytes),
    );
    this.#fromPlace = new FrameParser(
      (type, stream, payload) => this.#placeFrame(type, stream, payload),
      MAX_FRAME_BYTES,
      () => undefined,
    );
    client.on("data", (chunk: Buffer) => this.#receive(chunk));
    client.on("drain", () => place.resume());
    place.on("drain", () => this.#listen());
    for (const [side, name] of [
      [client, "the client"],
      [place, "the place"],
    ] as const) {
      side.on("error", (cause) => this.end(disconnected(`${name}: ${cause.message}`)));
      side.on("end", () => this.end(disconnected(`${name} closed it`)));
      side.on("close", () => this.end(disconnected(`${name} closed it`)));
    }
    this.#timer = setTimeout(
      () => this.end(protocolError("no HELLO in time")),
      options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
    );
    if (place.destroyed || place.readableEnded) this.end(disconnected("the place closed it"));
    else this.#send(FRAME.HELLO, 0, JSON.stringify(options.hello));
  }

  /** Ends both sides; the client is told why first. */
  end(reason: BerthError): void {
    if (this.#ended) return;
    const { client, place, onEnd } = this.#options;
    const tell = !client.destroyed && !isBerthError(reason, "transport.disconnected");
    if (tell && this.#fromPlace.betweenFrames) this.#send(FRAME.RESET, 0, encodeError(reason));
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#fromClient.stop();
    this.#fromPlace.stop();
    this.#traces.clear();
    place.destroy();
    client.removeAllListeners("data").resume();
    client.end();
    onEnd(reason);
  }

  // --- from the client ---

  #receive(chunk: Buffer): void {
    if (this.#ended) return;
    const { place, onBytes } = this.#options;
    onBytes("in", chunk.length);
    place.cork();
    try {
      this.#fromClient.push(chunk);
    } catch (cause) {
      this.end(toBerthError(cause, "runner"));
    } finally {
      place.uncork();
    }
    this.#listen();
  }

  /** Goes on reading the client, unless the place is behind, or the client with what it was answered. */
  #listen(): void {
    const { client, place } = this.#options;
    if (this.#ended) return;
    if (place.writableNeedDrain || this.#ownBytes > MAX_OWN_BYTES) client.pause();
    else client.resume();
  }

  #clientFrame(type: FrameType, id: number, payload: Buffer): void {
    if (!this.#open) {
      if (type !== FRAME.HELLO || id !== 0) throw protocolError("a frame before the HELLO");
      this.#greet(payload);
      return;
    }
    if (id === 0) {
      if (type === FRAME.PING || type === FRAME.PONG) this.#pass(type, 0, payload);
      else if (type === FRAME.RESET) this.end(disconnected("the client closed it"));
      else if (type !== FRAME.EVENT) throw protocolError(`a frame of type ${type} on stream 0`);
      return;
    }
    if (type === FRAME.REQUEST) {
      this.#request(id, payload);
      return;
    }
    if (type === FRAME.HELLO || type === FRAME.PING || type === FRAME.PONG || type === FRAME.RESPONSE) {
      throw protocolError(`a frame of type ${type} on stream ${id}`);
    }
    if (!this.#isPassed(id)) return;
    if (type === FRAME.RESET) this.#traces.delete(id);
    this.#pass(type, id, payload);
  }

  /** The token of the upgrade has said who it is: nothing of the HELLO is needed but that both speak the same. */
  #greet(payload: Buffer): void {
    const hello = helloSchema.safeParse(decodeJson(payload));
    if (!hello.success) throw protocolError("the client's HELLO is malformed");
    const [lowest, highest] = hello.data.protocol;
    const [least, most] = this.#options.hello.protocol;
    if (lowest > Math.min(most, PROTOCOL_MAX) || highest < Math.max(least, PROTOCOL_MIN)) {
      throw berthError("wire.version_mismatch", {
        hop: "runner",
        context: { peer: `${lowest} to ${highest}`, own: `${least} to ${most}` },
      });
    }
    this.#open = true;
    clearTimeout(this.#timer);
    this.#fromClient.limitBytes = MAX_FRAME_BYTES;
    this.#send(FRAME.EVENT, 0, '{"welcome":true}');
    this.#options.place.on("data", (chunk: Buffer) => this.#deliver(chunk)).resume();
  }

  #request(id: number, payload: Buffer): void {
    if (id % 2 === 0 || id <= this.#lastId) throw protocolError(`REQUEST opens stream ${id} out of order`);
    this.#lastId = id;
    const message = decodeJson(payload);
    try {
      const request = checkRequest(message, this.#options.rules);
      const bytes = Buffer.from(JSON.stringify(request), "utf8");
      if (bytes.length > MAX_FRAME_BYTES - 5) {
        throw berthError("wire.message_too_large", { hop: "runner", context: { bytes: bytes.length } });
      }
      const trace = traceOf(request);
      if (trace !== undefined) {
        if (this.#traces.size >= MAX_OPEN_STREAMS) throw berthError("wire.limit", { hop: "runner" });
        this.#traces.set(id, trace);
      }
      this.#lastPassed = id;
      this.#pass(FRAME.REQUEST, id, bytes);
    } catch (cause) {
      if (isBerthError(cause, "wire.protocol_error")) throw cause;
      const error = toBerthError(cause, "runner");
      this.#send(FRAME.RESET, id, encodeError(error));
      const { method } = message as { method?: unknown };
      this.#options.onFailed(typeof method === "string" ? method.slice(0, 64) : "", error);
    }
  }

  /** False for frames that a client went on sending for a stream that was refused here. */
  #isPassed(id: number): boolean {
    if (id % 2 === 0 || id > this.#lastId) throw protocolError(`a frame on stream ${id}, which is not open`);
    return id <= this.#lastPassed;
  }

  #passData(id: number, parts: readonly Buffer[], bytes: number): void {
    if (!this.#open) throw protocolError("a frame before the HELLO");
    if (!this.#isPassed(id)) return;
    const { place } = this.#options;
    const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
    writeFrameHeader(header, 0, FRAME.DATA, id, bytes);
    place.write(header);
    for (const part of parts) place.write(part);
  }

  #pass(type: FrameType, id: number, payload: Buffer): void {
    const { place } = this.#options;
    if (type === FRAME.DATA) {
      this.#passData(id, [payload], payload.length);
      return;
    }
    place.write(encodeFrame(type, id, payload));
  }

  // --- to the client ---

  /** Bytes of the place: looked at first, so that nothing that breaks the protocol goes on. */
  #deliver(chunk: Buffer): void {
    if (this.#ended) return;
    const { client, place, onBytes } = this.#options;
    try {
      this.#fromPlace.push(chunk);
    } catch (cause) {
      this.end(disconnected(`the place ${(cause as Error).message}`));
      return;
    }
    if (this.#ended) return;
    onBytes("out", chunk.length);
    if (!client.write(chunk)) place.pause();
    this.#flushOwn();
  }

  #placeFrame(type: FrameType, id: number, payload: Buffer): void {
    if (type === FRAME.RESPONSE || type === FRAME.RESET) {
      const trace = this.#traces.get(id);
      if (trace === undefined) return;
      this.#traces.delete(id);
      const value = decodeJson(payload);
      const { onDone, onFailed } = this.#options;
      if (type === FRAME.RESPONSE) onDone(trace, (value as { result?: unknown } | null)?.result);
      else onFailed(trace.method, decodeError(value));
    }
  }

  /** A frame of the runner's own: it leaves where a frame of the place ends. */
  #send(type: FrameType, id: number, text: string): void {
    const frame = encodeFrame(type, id, Buffer.from(text, "utf8"));
    this.#own.push(frame);
    this.#ownBytes += frame.length;
    if (this.#fromPlace.betweenFrames) this.#flushOwn();
  }

  #flushOwn(): void {
    if (this.#own.length === 0 || this.#ended || !this.#fromPlace.betweenFrames) return;
    const frames = this.#own;
    this.#own = [];
    const bytes = frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames);
    this.#options.client.write(bytes, () => {
      this.#ownBytes -= bytes.length;
      this.#listen();
    });
  }
}

export function disconnected(why: string): BerthError {
  return berthError("transport.disconnected", {
    hop: "runner",
    message: `the connection to the place was lost: ${why}`,
  });
}
