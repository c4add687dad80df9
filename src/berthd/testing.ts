import type { BerthError } from "../contract/errors.ts";
import { berthError, toBerthError } from "../contract/errors.ts";
import { INITIAL_WINDOW_BYTES, MAX_DATA_BYTES } from "../wire/frame.ts";
import { type Method, methods, type ParamsInput } from "../wire/messages.ts";
import type { StreamHandler, WireStream } from "../wire/types.ts";
import type { ClientSession, MethodHandler, Service } from "./service.ts";

/**
 * Stands in for the transport only: two ends of a stream in memory, with the credit and the ordering of the
 * wire. JSON goes through JSON, so that what a real frame could not carry fails here as well.
 */
class MemoryStream implements WireStream {
  readonly id = 1;
  handler: StreamHandler = {};
  peer!: MemoryStream;
  #credit = INITIAL_WINDOW_BYTES;
  #waiting: Uint8Array[] = [];
  #queued = 0;
  #ended = false;
  #peerEnded = false;
  #reset = false;
  readonly #inbox: (() => void)[] = [];
  #scheduled = false;

  get closed(): boolean {
    return this.#reset || (this.#ended && this.#peerEnded);
  }

  respond(result: unknown): void {
    const json = JSON.stringify({ result });
    this.#send(() => this.peer.handler.onResponse?.((JSON.parse(json) as { result: unknown }).result));
  }

  event(value: unknown): void {
    const json = JSON.stringify(value);
    this.#send(() => this.peer.handler.onEvent?.(JSON.parse(json)));
  }

  data(...parts: Uint8Array[]): boolean {
    for (const part of parts) {
      for (let start = 0; start < part.length; start += MAX_DATA_BYTES) {
        this.#waiting.push(part.subarray(start, start + MAX_DATA_BYTES));
      }
      this.#queued += part.length;
    }
    this.#flush();
    return this.writable() > 0;
  }

  frame(...parts: Uint8Array[]): boolean {
    return this.data(Buffer.concat(parts));
  }

  writable(): number {
    return this.closed || this.#ended ? 0 : this.#credit - this.#queued;
  }

  end(): void {
    if (this.#ended || this.#reset) return;
    this.#ended = true;
    this.#flush();
  }

  reset(error: BerthError): void {
    if (this.#reset || this.closed) return;
    this.#reset = true;
    this.#waiting = [];
    this.peer.#receive(() => this.peer.#closedByPeer(error));
  }

  consumed(bytes: number): void {
    const peer = this.peer;
    peer.#receive(() => {
      const before = peer.writable();
      peer.#credit += bytes;
      peer.#flush();
      if (before <= 0 && peer.writable() > 0) peer.handler.onWritable?.();
    });
  }

  #closedByPeer(error: BerthError): void {
    if (this.#reset) return;
    this.#reset = true;
    this.#waiting = [];
    this.handler.onReset?.(error);
  }

  #endSent = false;

  #flush(): void {
    while (this.#waiting.length > 0 && this.#credit > 0) {
      const chunk = this.#waiting.shift()!;
      this.#credit -= chunk.length;
      this.#queued -= chunk.length;
      this.peer.#receive(() => this.peer.handler.onData?.(chunk));
    }
    if (this.#ended && !this.#endSent && this.#waiting.length === 0) {
      this.#endSent = true;
      this.peer.#receive(() => {
        this.peer.#peerEnded = true;
        this.peer.handler.onEnd?.();
      });
    }
  }

  #send(deliver: () => void): void {
    if (this.#reset || this.#ended) return;
    this.peer.#receive(deliver);
  }

  #receive(deliver: () => void): void {
    this.#inbox.push(deliver);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (const next of this.#inbox.splice(0)) {
        if (!this.#reset) next();
      }
    });
  }
}

/** Two ends of one stream. */
export function streamPair(): { readonly client: WireStream; readonly server: WireStream } {
  const client = new MemoryStream();
  const server = new MemoryStream();
  client.peer = server;
  server.peer = client;
  return { client, server };
}

/** What a call gave in all. */
export interface CallRecord {
  readonly result: unknown;
  readonly events: unknown[];
  readonly data: Buffer;
}

/** A client of some services without a wire between. */
export class TestClient {
  readonly #services: readonly Service[];
  readonly session: ClientSession;
  readonly #controller = new AbortController();

  constructor(...services: Service[]) {
    this.#services = services;
    this.session = { clientId: "test", signal: this.#controller.signal };
  }

  /** Opens a stream by a request. */
  request<M extends Method>(method: M, params: ParamsInput<M>, handler: StreamHandler): WireStream {
    const { client, server } = streamPair();
    client.handler = handler;
    const found = this.#services.find((service) => service.methods[method] !== undefined);
    const answer = found?.methods[method] as MethodHandler<Method> | undefined;
    if (answer === undefined) throw berthError("wire.method_unknown", { context: { method } });
    const refuse = (error: unknown): void => server.reset(toBerthError(error, "berthd"));
    try {
      Promise.resolve(answer(methods[method].parse(params) as never, server, this.session)).catch(refuse);
    } catch (error) {
      refuse(error);
    }
    return client;
  }

  /** A whole call: sends `input` if given, and collects everything until END of the daemon or RESET. */
  call<M extends Method>(
    method: M,
    params: ParamsInput<M>,
    input?: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<CallRecord> {
    return new Promise((resolve, reject) => {
      const events: unknown[] = [];
      const data: Uint8Array[] = [];
      let result: unknown;
      let wake = (): void => {};
      const stream = this.request(method, params, {
        onResponse: (value) => {
          result = value;
        },
        onEvent: (value) => events.push(value),
        onData: (chunk) => {
          data.push(chunk);
          stream.consumed(chunk.length);
        },
        onEnd: () => resolve({ result, events, data: Buffer.concat(data) }),
        onReset: (error) => {
          wake();
          reject(error);
        },
        onWritable: () => wake(),
      });
      void (async () => {
        for await (const chunk of input ?? []) {
          if (stream.closed) return;
          if (!stream.data(chunk) && !stream.closed) {
            await new Promise<void>((done) => {
              wake = done;
            });
          }
        }
        stream.end();
      })().catch(reject);
    });
  }

  /** The connection is gone for every stream opened so far with `session`. */
  disconnect(): void {
    this.#controller.abort();
  }
}
