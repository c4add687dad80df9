import { type BerthError, berthError, toBerthError } from "../../contract/errors.ts";
import { abortedError } from "../abort.ts";
import type { Clock } from "./clock.ts";
import type { SshConnector } from "./connect.ts";
import type { SshConnection } from "./connection.ts";
import type { AskPerson, SshTarget } from "./target.ts";

/** Somebody who waits for a connection. */
export interface Caller {
  readonly signal?: AbortSignal | undefined;
  /** Asks a person; absent where nobody can be asked. */
  readonly onPrompt?: AskPerson | undefined;
}

export interface AttemptOptions {
  readonly target: SshTarget;
  readonly connect: SshConnector;
  readonly clock: Clock;
  /** Milliseconds that are waited first. */
  readonly waitMs: number;
  readonly onStart: () => void;
}

export interface Connected {
  readonly connection: SshConnection;
  readonly reason: string;
}

/**
 * One attempt to connect, which all callers share that come before it is over. It is given up when all of them have
 * gone; then it is neither a success nor a failure.
 */
export class Attempt {
  readonly #options: AttemptOptions;
  readonly #callers = new Set<Caller>();
  readonly #given = new AbortController();
  readonly #result = Promise.withResolvers<Connected>();
  #cancelWait: (() => void) | undefined;
  #startsAt: number;
  #asks = false;
  #settled = false;

  constructor(options: AttemptOptions) {
    this.#options = options;
    this.#startsAt = options.clock.now() + options.waitMs;
    const settled = () => {
      this.#settled = true;
    };
    this.#result.promise.then(settled, settled);
    if (options.waitMs > 0) {
      this.#cancelWait = options.clock.after(options.waitMs, () => void this.#start());
    } else queueMicrotask(() => void this.#start());
  }

  /** Milliseconds until it begins. */
  get waitMs(): number {
    return Math.max(0, this.#startsAt - this.#options.clock.now());
  }

  /** Somebody could be asked. */
  get asks(): boolean {
    return this.#asks;
  }

  /** It was given up: all callers had gone. */
  get abandoned(): boolean {
    return this.#given.signal.aborted;
  }

  /** Settles for the pool. Rejects with operation.aborted when it was given up. */
  get result(): Promise<Connected> {
    return this.#result.promise;
  }

  /** Begins at once. */
  hurry(): void {
    if (this.#cancelWait === undefined) return;
    this.#cancelWait();
    this.#startsAt = this.#options.clock.now();
    void this.#start();
  }

  /**
   * Waits for its end.
   * @throws the failure of the attempt; operation.aborted for this caller alone
   */
  async join(caller: Caller): Promise<void> {
    const { signal } = caller;
    const member: Caller = { ...caller };
    this.#callers.add(member);
    const gone = Promise.withResolvers<never>();
    const onAbort = () => gone.reject(abortedError(signal));
    if (signal?.aborted) onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([this.#result.promise, gone.promise]);
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#callers.delete(member);
      if (this.#callers.size === 0) this.abandon();
    }
  }

  abandon(): void {
    if (this.#settled) return;
    this.#cancelWait?.();
    this.#cancelWait = undefined;
    const reason = berthError("operation.aborted", { hop: "transport" });
    this.#given.abort(reason);
    this.#result.reject(reason);
  }

  async #start(): Promise<void> {
    this.#cancelWait = undefined;
    if (this.abandoned) return;
    this.#options.onStart();
    this.#asks = [...this.#callers].some((caller) => caller.onPrompt !== undefined);
    const asks = this.#asks;
    try {
      const connected = await connectInTime({
        ...this.#options,
        signal: this.#given.signal,
        onPrompt: asks ? (prompt) => this.#ask(prompt) : undefined,
      });
      if (this.abandoned) void connected.connection.close();
      else this.#result.resolve(connected);
    } catch (error) {
      this.#result.reject(error);
    }
  }

  /** The first caller that is still there asks. */
  async #ask(prompt: Parameters<AskPerson>[0]): Promise<string | undefined> {
    for (const { onPrompt } of this.#callers) if (onPrompt !== undefined) return onPrompt(prompt);
    return undefined;
  }
}

export interface InTimeOptions {
  readonly target: SshTarget;
  readonly connect: SshConnector;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onPrompt?: AskPerson | undefined;
}

/**
 * Connects and authenticates within the target's time, in which that of people who are asked does not count. A
 * connection that comes later is closed.
 * @throws ssh.connect_timeout, operation.aborted, what connecting throws
 */
export async function connectInTime(options: InTimeOptions): Promise<Connected> {
  const { target, clock, signal, onPrompt } = options;
  const cut = new AbortController();
  const over = Promise.withResolvers<never>();
  over.promise.catch(() => {});
  const end = (reason: BerthError) => {
    cut.abort(reason);
    over.reject(reason);
  };
  const onAbort = () => end(abortedError(signal));
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });

  let leftMs = target.connectTimeoutMs;
  let asking = 0;
  let since = 0;
  let settled = false;
  let cancel = () => {};
  const run = () => {
    since = clock.now();
    cancel = clock.after(leftMs, () => end(timeout(target)));
  };
  const ask =
    onPrompt === undefined
      ? undefined
      : async (prompt: Parameters<AskPerson>[0]) => {
          if (asking++ === 0) {
            cancel();
            leftMs = Math.max(0, leftMs - (clock.now() - since));
          }
          try {
            return await onPrompt(prompt);
          } finally {
            if (--asking === 0 && !cut.signal.aborted && !settled) run();
          }
        };
  run();
  const connecting = options.connect(target, { signal: cut.signal, onPrompt: ask });
  connecting.then(
    ({ connection }) => cut.signal.aborted && void connection.close(),
    () => {},
  );
  try {
    return await Promise.race([connecting, over.promise]);
  } catch (error) {
    // What a part of it says when it is cut off is not why.
    throw cut.signal.aborted ? cut.signal.reason : toBerthError(error, "transport");
  } finally {
    settled = true;
    cancel();
    signal.removeEventListener("abort", onAbort);
  }
}

function timeout(target: SshTarget): BerthError {
  return berthError("ssh.connect_timeout", {
    hop: "transport",
    message: `${target.name} did not answer within ${target.connectTimeoutMs / 1000} s`,
    context: { host: target.name, hostname: target.hostname, milliseconds: target.connectTimeoutMs },
  });
}
