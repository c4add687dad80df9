import { type BerthError, berthError } from "../../contract/errors.ts";
import type { Watch, WatchEvent } from "../../contract/files.ts";
import type { ParamsInput } from "../../wire/messages.ts";
import type { StreamHandler, WireClient, WireStream } from "../../wire/types.ts";
import { abortedError, isDisconnect, type Link } from "./link.ts";

/** Events that may wait for a slow reader; beyond it they become one `rescan`. */
const MAX_QUEUED_EVENTS = 10_000;

interface Waiting {
  readonly resolve: (result: IteratorResult<WatchEvent, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A watch over as many connections as it takes. What happened while it was away is unknown, so it says `rescan`
 * when it is back, also when the daemon was restarted meanwhile.
 */
export class RemoteWatch implements Watch, StreamHandler {
  readonly #link: Link;
  readonly #params: ParamsInput<"fs.watch">;
  readonly #signal: AbortSignal | undefined;
  readonly #placed = Promise.withResolvers<void>();
  readonly #stop = new AbortController();
  #client: WireClient | undefined;
  #stream: WireStream | undefined;
  #wasPlaced = false;
  #events: WatchEvent[] = [];
  #waiting: Waiting[] = [];
  #done = false;
  #error: BerthError | undefined;

  constructor(link: Link, params: ParamsInput<"fs.watch">, signal: AbortSignal | undefined) {
    this.#link = link;
    this.#params = params;
    this.#signal = signal;
    this.#placed.promise.catch(() => undefined);
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (signal?.aborted) this.#onAbort();
    else void link.connect(this.#stop.signal).then(this.#open, this.#fail);
  }

  /** Settles when the watch is in place. */
  get placed(): Promise<void> {
    return this.#placed.promise;
  }

  readonly #onAbort = (): void => this.#fail(abortedError(this.#signal, this.#link.description));

  readonly #open = (client: WireClient): void => {
    if (this.#done) return;
    this.#client = client;
    this.#stream = client.request("fs.watch", this.#params, this);
  };

  readonly #fail = (cause: unknown): void => {
    if (this.#done) return;
    this.#error = this.#link.explain(cause);
    this.#placed.reject(this.#error);
    this.#finish(this.#error);
  };

  #finish(reason: BerthError): void {
    this.#done = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#stop.abort();
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream !== undefined && !stream.closed) stream.reset(reason);
    for (const waiting of this.#waiting.splice(0)) this.#settle(waiting);
  }

  onResponse(): void {
    if (this.#wasPlaced) this.#push({ type: "rescan", path: this.#params.path });
    this.#wasPlaced = true;
    this.#placed.resolve();
  }

  onEvent(value: unknown): void {
    const events = (value as { events?: unknown } | null)?.events;
    if (!Array.isArray(events)) return;
    for (const event of events as WatchEvent[]) this.#push(event);
  }

  onEnd(): void {
    this.#fail(berthError("wire.protocol_error", { message: "a watch ended by itself" }));
  }

  onReset(error: BerthError): void {
    this.#stream = undefined;
    if (isDisconnect(error, this.#client)) {
      void this.#link.reconnect(this.#stop.signal).then(this.#open, this.#fail);
    } else this.#fail(error);
  }

  #push(event: WatchEvent): void {
    if (this.#done) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting.resolve({ done: false, value: event });
    else if (this.#events.length < MAX_QUEUED_EVENTS) this.#events.push(event);
    else this.#events = [{ type: "rescan", path: this.#params.path }];
  }

  [Symbol.asyncIterator](): AsyncIterator<WatchEvent, undefined> {
    return {
      next: () => this.#next(),
      return: async () => {
        await this[Symbol.asyncDispose]();
        return { done: true, value: undefined };
      },
    };
  }

  #next(): Promise<IteratorResult<WatchEvent, undefined>> {
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    return new Promise((resolve, reject) => {
      if (this.#done) this.#settle({ resolve, reject });
      else this.#waiting.push({ resolve, reject });
    });
  }

  #settle(waiting: Waiting): void {
    const error = this.#error;
    this.#error = undefined;
    if (error === undefined) waiting.resolve({ done: true, value: undefined });
    else waiting.reject(error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#done) return;
    this.#events = [];
    this.#finish(berthError("operation.aborted"));
  }
}
