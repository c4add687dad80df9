import { BerthError, berthError, isBerthError, toBerthError } from "../../contract/errors.ts";
import type { BerthEventInput } from "../../contract/events.ts";
import type { Method, ParamsInput } from "../../wire/messages.ts";
import type { WireClient, WireStream } from "../../wire/types.ts";
import { backoffMs, DEFAULT_RETRY, type RetryPolicy, retry } from "../retry.ts";
import { DaemonEvents } from "./daemon-events.ts";
import type { DialOptions } from "./options.ts";

export interface LinkOptions {
  readonly description: string;
  readonly dial: (options: DialOptions) => Promise<WireClient>;
  readonly retry?: Partial<RetryPolicy> | undefined;
  readonly giveUpAfterMs?: number | undefined;
  readonly onEvent?: ((event: BerthEventInput) => void) | undefined;
  /** Whose processes the events are about; undefined: all of the daemon. */
  readonly workspace?: string | undefined;
}

interface Waiter {
  readonly resolve: (client: WireClient) => void;
  readonly reject: (error: BerthError) => void;
  /** Waits through failures that may pass; others get the first one. */
  readonly patient: boolean;
  /** Does not keep the caller's process alive. */
  readonly background: boolean;
}

/** A connection that ended sooner than this counts as one more failed attempt. */
const STABLE_AFTER_MS = 1_000;
/** Repeats of a request that can be repeated without harm. */
const MAX_REPEATS = 2;

/**
 * One connection to the daemon of a place, dialled again when it is needed. New work asks with `connect()` and
 * gets the first failure; what runs already asks with `reconnect()` and waits until the place is back, or is
 * known not to come back.
 */
export class Link {
  readonly description: string;
  readonly #options: LinkOptions;
  readonly #policy: RetryPolicy;
  readonly #waiters = new Set<Waiter>();
  readonly #events = new DaemonEvents((event) => this.emit(event));
  #client: WireClient | undefined;
  #connectedAt = 0;
  /** Connections in a row that did not last. */
  #flaps = 0;
  #dialled = false;
  #connecting: AbortController | undefined;
  #wake: (() => void) | undefined;
  #closed: BerthError | undefined;

  constructor(options: LinkOptions, client?: WireClient) {
    this.description = options.description;
    this.#options = options;
    this.#policy = { ...DEFAULT_RETRY, ...options.retry };
    if (client !== undefined) this.#adopt(client);
  }

  /** The connection, when it is up now. */
  get client(): WireClient | undefined {
    const client = this.#client;
    return client === undefined || client.closed ? undefined : client;
  }

  /**
   * A connection for something new.
   * @throws what dialling throws, operation.aborted, runtime.closed
   */
  connect(signal?: AbortSignal): Promise<WireClient> {
    return this.#wait(signal, { patient: false, background: false });
  }

  /**
   * A connection for what runs already: goes on trying with backoff while the failure may pass. `background`
   * does not keep the caller's process alive.
   * @throws the failure that does not pass, operation.aborted, runtime.closed
   */
  reconnect(signal?: AbortSignal, background = false): Promise<WireClient> {
    return this.#wait(signal, { patient: true, background });
  }

  /**
   * A request with one answer. With `repeatable` it is sent again when the connection was lost before the
   * answer; otherwise that is transport.disconnected.
   */
  async call<M extends Method>(
    method: M,
    params: ParamsInput<M>,
    options: { readonly signal?: AbortSignal | undefined; readonly repeatable?: boolean } = {},
  ): Promise<unknown> {
    for (let repeats = 0; ; repeats++) {
      const client = this.client ?? (await this.connect(options.signal));
      try {
        return await client.call(
          method,
          params,
          options.signal === undefined ? {} : { signal: options.signal },
        );
      } catch (error) {
        const again = options.repeatable === true && repeats < MAX_REPEATS && isDisconnect(error, client);
        if (!again || options.signal?.aborted) throw this.explain(error);
      }
    }
  }

  /** A request whose list comes in parts: EVENT frames with `field`, and the rest of it in the RESPONSE. */
  async collect(
    method: "fs.stat" | "fs.readdir",
    params: ParamsInput<"fs.stat"> | ParamsInput<"fs.readdir">,
    field: string,
    signal: AbortSignal | undefined,
  ): Promise<unknown[]> {
    for (let repeats = 0; ; repeats++) {
      const client = this.client ?? (await this.connect(signal));
      try {
        return await collectOnce(client, method, params, field, signal, this.description);
      } catch (error) {
        const again = repeats < MAX_REPEATS && isDisconnect(error, client) && !signal?.aborted;
        if (!again) throw this.explain(error);
      }
    }
  }

  /** An error with the name of the runtime in it. */
  explain(cause: unknown): BerthError {
    const error = toBerthError(cause, "client");
    if (error.runtime !== undefined) return error;
    return new BerthError({ ...error.toJSON(), runtime: this.description }, { cause: error.cause ?? error });
  }

  emit(event: BerthEventInput): void {
    this.#options.onEvent?.({ ...event, runtime: event.runtime ?? this.description });
  }

  /** Ends the connection; waiting calls and all later ones get runtime.closed. */
  close(): void {
    if (this.#closed !== undefined) return;
    this.#closed = berthError("runtime.closed", { runtime: this.description });
    const client = this.#client;
    this.#client = undefined;
    this.#connecting?.abort(this.#closed);
    this.#rejectAll(this.#closed);
    client?.close();
  }

  #wait(
    signal: AbortSignal | undefined,
    kind: { readonly patient: boolean; readonly background: boolean },
  ): Promise<WireClient> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    if (signal?.aborted) return Promise.reject(abortedError(signal, this.description));
    const client = this.client;
    if (client !== undefined) return Promise.resolve(client);
    return new Promise((resolve, reject) => {
      const done = () => {
        signal?.removeEventListener("abort", onAbort);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        ...kind,
        resolve: (connected) => {
          done();
          resolve(connected);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      };
      const onAbort = () => {
        waiter.reject(abortedError(signal, this.description));
        if (this.#waiters.size === 0) this.#connecting?.abort();
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiters.add(waiter);
      if (this.#connecting === undefined) void this.#connectLoop();
      else this.#wake?.();
    });
  }

  async #connectLoop(): Promise<void> {
    const controller = new AbortController();
    this.#connecting = controller;
    const since = performance.now();
    try {
      if (this.#flaps > 0) await this.#pause(backoffMs(this.#flaps - 1, this.#policy), controller.signal);
      const client = await retry(() => this.#dialOnce(controller.signal), {
        policy: this.#policy,
        signal: controller.signal,
        wait: (ms) => this.#pause(ms, controller.signal),
        shouldRetry: (error) => this.#afterFailure(error, performance.now() - since),
      });
      if (this.#closed !== undefined) {
        client.close();
      } else {
        this.#adopt(client);
        for (const waiter of [...this.#waiters]) waiter.resolve(client);
      }
    } catch (error) {
      if (!controller.signal.aborted) this.#rejectAll(this.explain(error));
    } finally {
      this.#connecting = undefined;
    }
    // Somebody may have come between the abort of the last loop and its end.
    if (this.#waiters.size > 0 && this.#closed === undefined) void this.#connectLoop();
  }

  async #dialOnce(signal: AbortSignal): Promise<WireClient> {
    const purpose = this.#dialled ? "reconnect" : "first";
    return await this.#options.dial({ signal, purpose });
  }

  /** Answers those who don't wait; true while somebody goes on waiting for something that may pass. */
  #afterFailure(cause: unknown, elapsedMs: number): boolean {
    const error = this.explain(cause);
    const giveUp = elapsedMs >= (this.#options.giveUpAfterMs ?? Number.POSITIVE_INFINITY);
    if (isFinal(error) || giveUp) return false;
    for (const waiter of [...this.#waiters]) if (!waiter.patient) waiter.reject(error);
    this.emit({
      type: "connection.retry",
      message: `no connection to ${this.description}: ${error.message}`,
      data: { code: error.code },
    });
    return this.#waiters.size > 0;
  }

  /** Waits, unless somebody who does not wait comes, or the loop is aborted. */
  #pause(ms: number, signal: AbortSignal): Promise<void> {
    const keepAlive = [...this.#waiters].some((waiter) => !waiter.background);
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      if (!keepAlive) timer.unref();
      signal.addEventListener("abort", done, { once: true });
      this.#wake = () => {
        const last = [...this.#waiters].at(-1);
        if (last !== undefined && !last.patient) done();
        else if (last !== undefined && !last.background) timer.ref();
      };
    });
  }

  #adopt(client: WireClient): void {
    const restarted = this.#client !== undefined && this.#client.hello.bootId !== client.hello.bootId;
    this.#client = client;
    this.#connectedAt = performance.now();
    if (this.#dialled) {
      this.emit({
        type: restarted ? "connection.restarted" : "connection.restored",
        message: restarted
          ? `the daemon of ${this.description} was restarted`
          : `connected to ${this.description} again`,
      });
    }
    this.#dialled = true;
    if (this.#options.onEvent !== undefined) this.#events.follow(client, this.#options.workspace);
    void client.ended.then((reason) => {
      if (this.#client !== client || this.#closed !== undefined) return;
      this.#flaps = performance.now() - this.#connectedAt < STABLE_AFTER_MS ? this.#flaps + 1 : 0;
      this.emit({
        type: "connection.lost",
        message: `the connection to ${this.description} was lost: ${reason.message}`,
        data: { code: reason.code },
      });
    });
  }

  #rejectAll(error: BerthError): void {
    for (const waiter of [...this.#waiters]) waiter.reject(error);
  }
}

function collectOnce(
  client: WireClient,
  method: "fs.stat" | "fs.readdir",
  params: ParamsInput<"fs.stat"> | ParamsInput<"fs.readdir">,
  field: string,
  signal: AbortSignal | undefined,
  description: string,
): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(abortedError(signal, description));
      return;
    }
    const items: unknown[] = [];
    const take = (value: unknown) => {
      const part = (value as Record<string, unknown> | null)?.[field];
      if (!Array.isArray(part)) {
        throw berthError("wire.protocol_error", { message: `the answer has no ${field}` });
      }
      for (const item of part) items.push(item);
    };
    const onAbort = () => {
      const error = abortedError(signal, description);
      if (!stream.closed) stream.reset(error);
      reject(error);
    };
    const stream: WireStream = client.request(method, params as ParamsInput<typeof method>, {
      onEvent: take,
      onResponse: (result) => {
        signal?.removeEventListener("abort", onAbort);
        take(result);
        resolve(items);
      },
      onReset: (error) => {
        signal?.removeEventListener("abort", onAbort);
        reject(error);
      },
      onEnd: () => {
        signal?.removeEventListener("abort", onAbort);
        reject(berthError("wire.protocol_error", { message: `${method} ended without an answer` }));
      },
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/**
 * True for the loss of this connection, which resumable requests survive; a peer that only says so on a connection
 * that stands is not believed.
 */
export function isDisconnect(error: unknown, client: WireClient | undefined): boolean {
  return client?.closed === true && isBerthError(error, "transport.disconnected");
}

/**
 * Failures of dialling that waiting does not heal. A container that is stopped is among them although it may be
 * started again: what ran in it is gone.
 */
function isFinal(error: BerthError): boolean {
  return !error.retryable || error.code === "docker.container_not_running";
}

export function abortedError(signal: AbortSignal | undefined, runtime: string): BerthError {
  const reason: unknown = signal?.reason;
  if (isBerthError(reason)) return reason;
  return berthError("operation.aborted", { runtime, cause: reason });
}
