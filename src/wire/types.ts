import type { Duplex } from "node:stream";
import type { BerthError } from "../contract/errors.ts";
import type { Hello, Method, ParamsInput } from "./messages.ts";

/**
 * One stream of a connection: what a REQUEST opened. Either side sends and receives on it. All sends are
 * non-blocking and keep their order within the stream; control frames of other streams overtake DATA.
 */
export interface WireStream {
  readonly id: number;
  /** True after both END/RESET, or when the connection is gone. */
  readonly closed: boolean;
  /** RESPONSE: once, by the daemon. */
  respond(result: unknown): void;
  /** EVENT: JSON behind everything sent before on this stream. */
  event(value: unknown): void;
  /**
   * DATA. The parts are sent as one logical run of bytes, split at MAX_DATA_BYTES, and never copied: they must
   * not be changed afterwards. Returns `writable()`.
   */
  data(...parts: Uint8Array[]): boolean;
  /** One DATA frame made of exactly these parts (for payloads with structure of their own; ≤ MAX_DATA_BYTES + 4 KiB). */
  frame(...parts: Uint8Array[]): boolean;
  /** Bytes that may be queued now: credit of the peer less what waits. ≤ 0: wait for onWritable. */
  writable(): number;
  /** END: no more from this side. Idempotent. */
  end(): void;
  /** RESET: both sides stop at once; queued DATA is dropped. Idempotent. */
  reset(error: BerthError): void;
  /** Gives credit back after received DATA was used. Without it the peer stops at the window. */
  consumed(bytes: number): void;
  /** Receiver; set synchronously by whoever opened or accepted the stream. */
  handler: StreamHandler;
}

/** Callbacks of a stream; called in order of arrival, never re-entrantly from a send. */
export interface StreamHandler {
  onResponse?(result: unknown): void;
  onEvent?(value: unknown): void;
  /** One DATA frame. The chunk may be kept: its memory is never used again, and never much larger than it. */
  onData?(chunk: Uint8Array): void;
  /**
   * In place of `onData`, for who can use a DATA frame in pieces: one that arrived in several chunks is then not
   * copied together. `parts` are the bytes of one frame in order, `bytes` is their sum.
   */
  onDataParts?(parts: readonly Uint8Array[], bytes: number): void;
  /** The peer's END. */
  onEnd?(): void;
  /** The peer's RESET, or the loss of the connection (`transport.disconnected`). Last call of all. */
  onReset?(error: BerthError): void;
  /** `writable()` became positive again. */
  onWritable?(): void;
}

/** The client's end of a connection to a daemon, after the handshake. */
export interface WireClient {
  readonly hello: Hello;
  readonly closed: boolean;
  /** Opens a stream by a REQUEST. */
  request<M extends Method>(method: M, params: ParamsInput<M>, handler: StreamHandler): WireStream;
  /** Request with one answer and nothing besides. */
  call<M extends Method, R = unknown>(
    method: M,
    params: ParamsInput<M>,
    options?: { signal?: AbortSignal },
  ): Promise<R>;
  /** Smoothed round trip in ms as last measured by PING, if any. */
  readonly roundTripMs: number | undefined;
  /** Settles when the connection has ended, with the reason. Never rejects. */
  readonly ended: Promise<BerthError>;
  close(): void;
  /**
   * Hands over the byte stream of a connection on which nothing has been asked yet, paused and without listeners, to who
   * relays its frames; `ended` never settles then. @throws transport.disconnected
   */
  release(): Duplex;
}
