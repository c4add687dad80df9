import { type BerthError, berthError, type ErrorHop, toBerthError } from "../contract/errors.ts";
import { encodeError } from "./error-codec.ts";
import type { Flow } from "./flow.ts";
import { FRAME, MAX_JSON_CONTROL_BYTES } from "./frame.ts";
import { MAX_DATA_PAYLOAD_BYTES, protocolError } from "./frame-codec.ts";
import { ReceiveWindow, type RoundTrip, type WindowBudget } from "./receive-window.ts";
import type { OrderedType, SendQueue } from "./send-queue.ts";
import { StreamOutbox } from "./stream-outbox.ts";
import type { StreamHandler, WireStream } from "./types.ts";

/** What a stream needs of its connection. */
export interface StreamHost {
  readonly queue: SendQueue;
  readonly budget: WindowBudget;
  /** Who is named as the origin of an error that a handler throws. */
  readonly hop: ErrorHop;
  /** Measures the round trip; false when that is not due. */
  probe(): boolean;
  forget(stream: Stream): void;
}

const NO_HANDLER: StreamHandler = {};

/** A stream of a connection, the same for both ends. The `receive…` methods are the connection's. */
export class Stream implements WireStream {
  readonly id: number;
  handler: StreamHandler;
  readonly #host: StreamHost;
  readonly #outbox: StreamOutbox;
  readonly #window: ReceiveWindow;
  readonly #lastIsResponse: boolean;
  readonly #onSent = (): void => {
    this.settle();
    this.wake();
  };
  #responded = false;
  #localEnded: boolean;
  #remoteEnded: boolean;
  #closed = false;

  constructor(
    id: number,
    host: StreamHost,
    flow: Flow,
    opener: boolean,
    handler: StreamHandler = NO_HANDLER,
  ) {
    this.id = id;
    this.handler = handler;
    this.#host = host;
    this.#outbox = new StreamOutbox(id, host.queue, this.#onSent);
    this.#window = new ReceiveWindow(host.budget);
    this.#lastIsResponse = flow.lastIsResponse;
    this.#localEnded = opener && !flow.input;
    this.#remoteEnded = !opener && !flow.input;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Received DATA that the handler has not yet given back by `consumed`. */
  get heldBytes(): number {
    return this.#window.heldBytes;
  }

  get windowBytes(): number {
    return this.#window.sizeBytes;
  }

  respond(result: unknown): void {
    if (this.#closed) return;
    if (this.#responded) throw berthError("internal", { message: "a second RESPONSE on one stream" });
    if (this.#send(FRAME.RESPONSE, result === undefined ? "{}" : JSON.stringify({ result }))) {
      this.#responded = true;
      if (this.#lastIsResponse) this.#endLocal();
    }
  }

  event(value: unknown): void {
    if (this.#closed) return;
    this.#send(FRAME.EVENT, JSON.stringify(value ?? null));
  }

  data(...parts: Uint8Array[]): boolean {
    if (this.#closed) return false;
    this.#checkOpen();
    this.#outbox.data(parts);
    return this.#outbox.writable() > 0;
  }

  frame(...parts: Uint8Array[]): boolean {
    if (this.#closed) return false;
    this.#checkOpen();
    let length = 0;
    for (const part of parts) length += part.length;
    if (length > MAX_DATA_PAYLOAD_BYTES) {
      throw berthError("internal", { message: `a DATA frame of ${length} bytes` });
    }
    this.#outbox.frame(parts, length);
    return this.#outbox.writable() > 0;
  }

  writable(): number {
    return this.#closed || this.#localEnded ? 0 : this.#outbox.writable();
  }

  end(): void {
    if (this.#closed || this.#localEnded) return;
    this.#outbox.ordered(FRAME.END, "");
    this.#endLocal();
  }

  reset(error: BerthError): void {
    if (this.#closed) return;
    this.#outbox.clear();
    this.#host.queue.text(FRAME.RESET, this.id, encodeError(error), MAX_JSON_CONTROL_BYTES);
    this.#close();
  }

  consumed(bytes: number): void {
    if (this.#closed) return;
    this.#announce(this.#window.consumed(bytes));
  }

  /** Rechecks after queued frames left: a stream that both sides ended is forgotten once its queue is empty. */
  settle(): void {
    if (this.#localEnded && this.#remoteEnded && this.#outbox.empty) this.#close();
  }

  /** Tells the handler that there is room again, when that was awaited. */
  wake(): void {
    if (!this.#closed && this.#outbox.takeUnblocked()) this.#call(() => this.handler.onWritable?.());
  }

  receiveResponse(result: unknown): void {
    this.#checkPeer();
    if (this.#responded) throw protocolError(`a second RESPONSE on stream ${this.id}`);
    this.#responded = true;
    if (this.#lastIsResponse) this.#remoteEnded = true;
    this.#call(() => this.handler.onResponse?.(result));
    this.settle();
  }

  receiveEvent(value: unknown): void {
    this.#checkPeer();
    this.#call(() => this.handler.onEvent?.(value));
  }

  receiveData(parts: readonly Buffer[], bytes: number): void {
    this.#checkPeer();
    if (!this.#window.receive(bytes)) {
      throw protocolError(`the peer overran its credit on stream ${this.id}`);
    }
    if (this.#window.wantsProbe && this.#host.probe()) this.#window.probeStarted();
    const { handler } = this;
    if (handler.onDataParts === undefined && handler.onData === undefined) {
      this.consumed(bytes);
      return;
    }
    const own = bytes <= PINNING_BYTES && pins(parts, bytes) ? [joined(parts, bytes)] : parts;
    if (handler.onDataParts !== undefined) this.#call(() => handler.onDataParts?.(own, bytes));
    else this.#call(() => handler.onData?.(own.length === 1 ? own[0]! : joined(own, bytes)));
  }

  receiveWindow(bytes: number): void {
    if (this.#outbox.credit + bytes > MAX_CREDIT_BYTES) {
      throw protocolError(`the credit of stream ${this.id} overflows`);
    }
    this.#outbox.addCredit(bytes);
    this.wake();
  }

  receiveEnd(): void {
    this.#checkPeer();
    this.#remoteEnded = true;
    this.#call(() => this.handler.onEnd?.());
    this.settle();
  }

  /** The peer's RESET, or the end of the connection. */
  receiveReset(error: BerthError): void {
    if (this.#closed) return;
    this.#outbox.clear();
    this.#close();
    try {
      this.handler.onReset?.(error);
    } catch {
      // Nobody is left to tell: the stream is gone, and the connection serves others.
    }
  }

  measured(roundTrip: RoundTrip): void {
    if (!this.#closed) this.#announce(this.#window.measured(roundTrip));
  }

  #send(type: OrderedType, text: string): boolean {
    this.#checkOpen();
    if (this.#outbox.ordered(type, text)) return true;
    this.reset(
      berthError("wire.message_too_large", { hop: this.#host.hop, context: { bytes: text.length } }),
    );
    return false;
  }

  #announce(credit: number): void {
    if (credit > 0 && !this.#remoteEnded) this.#host.queue.window(this.id, credit);
  }

  #endLocal(): void {
    this.#localEnded = true;
    this.settle();
  }

  #close(): void {
    this.#closed = true;
    this.#window.release();
    this.#host.forget(this);
  }

  /** Sending after one's own END is a defect of the caller, not of the peer. */
  #checkOpen(): void {
    if (this.#localEnded) throw berthError("internal", { message: "sent on a stream after its end" });
  }

  #checkPeer(): void {
    if (this.#remoteEnded) throw protocolError(`a frame after the end of stream ${this.id}`);
  }

  /** What a handler throws ends its stream, not the connection. */
  #call(callback: () => void): void {
    try {
      callback();
    } catch (cause) {
      const error = toBerthError(cause, this.#host.hop);
      if (this.#closed) return;
      this.reset(error);
      try {
        this.handler.onReset?.(error);
      } catch {
        // The handler failed twice; the stream is gone already.
      }
    }
  }
}

/** A peer that grants more is broken: no window grows beyond 8 MiB. */
const MAX_CREDIT_BYTES = 64 * 1024 * 1024;

/** Smaller payloads may be copied, so that a reader who keeps them does not keep the chunk that they came in. */
const PINNING_BYTES = 4096;

/** True when few bytes hold much memory: a peer could fill it that way within its credit. */
function pins(parts: readonly Buffer[], bytes: number): boolean {
  let held = 0;
  for (const part of parts) held += part.buffer.byteLength;
  return held > 4 * bytes;
}

function joined(parts: readonly Buffer[], bytes: number): Buffer {
  const whole = Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  for (const part of parts) at += part.copy(whole, at);
  return whole;
}
