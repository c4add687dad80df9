import { type BerthError, berthError } from "../../contract/errors.ts";
import type {
  BackgroundOptions,
  Command,
  ExecHandle,
  ExecOptions,
  ExecResult,
  ExitStatus,
  InBackground,
  OutputChunk,
  OutputFile,
  OutputStream,
  ProcessInfo,
} from "../../contract/process.ts";
import type { ParamsInput } from "../../wire/messages.ts";
import type { StreamHandler, WireClient, WireStream } from "../../wire/types.ts";
import { Capture } from "../common/capture.ts";
import { DEADLINE_SLACK_MS, DEFAULT_CAPTURE_BYTES, DEFAULT_GRACE_MS } from "../common/exec-limits.ts";
import { OutputLines } from "../common/lines.ts";
import { milliseconds } from "../common/milliseconds.ts";
import type { Closable, RuntimeContext } from "./context.ts";
import { requireBackground, requireKeepOutput } from "./features.ts";
import { InputPump } from "./input-pump.ts";
import { feedInput } from "./input-source.ts";
import { abortedError, isDisconnect } from "./link.ts";
import { type FlowSink, type FlowSource, OutputFlow } from "./output-flow.ts";
import { OutputQueue } from "./output-queue.ts";
import { ProcessHandle } from "./process.ts";
import { processInfo } from "./process-info.ts";
import { InputFlow } from "./process-stdin.ts";
import { startError } from "./start-error.ts";

const CREDIT_PORTION_BYTES = 32 * 1024;

/**
 * One command, from `exec()` to its result. It is started in the same turn, in one request that also attaches to
 * the output; whether that is a bounded capture or everything is known by then, as the caller has awaited or
 * iterated. A handle that is left alone until later is started as if iterated, and can still be awaited.
 */
export class ExecRun implements ExecHandle, FlowSource, FlowSink, Closable {
  readonly #context: RuntimeContext;
  readonly #options: ExecOptions;
  #params: ParamsInput<"process.start"> | undefined;
  #flow: OutputFlow | undefined;
  #pump: InputPump | undefined;
  #capture: Capture | undefined;
  #queue: OutputQueue | undefined;
  #iterated = false;
  #failure: BerthError | undefined;
  #promise: Promise<ExecResult> | undefined;
  #resolve: ((result: ExecResult) => void) | undefined;
  #reject: ((error: BerthError) => void) | undefined;
  /** The caller has its answer, or will get none. */
  #settled = false;
  /** Set when it was ended before the daemon said which process it is; called when that is settled. */
  #onceKnown: (() => void) | undefined;
  #onAbort: (() => void) | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #answered = false;
  #owed = 0;
  #info: ProcessInfo | undefined;
  #started: PromiseWithResolvers<ProcessInfo> | undefined;
  #background: Promise<InBackground> | undefined;
  /** On its way to the background. */
  #leaving: PromiseWithResolvers<InBackground> | undefined;
  /** How it is kept there. */
  #keeping: Pick<ParamsInput<"process.detach">, "keepsLease" | "leaseMs"> = {};
  #stream: WireStream | undefined;

  constructor(context: RuntimeContext, command: Command, options: ExecOptions) {
    this.#context = context;
    this.#options = options;
    try {
      const params = context.startParams(command, options);
      params.overflow ??= "pause";
      if (options.input !== undefined) params.stdin = "pipe";
      this.#params = params;
    } catch (error) {
      this.#failure = context.link.explain(error);
      return;
    }
    // `await` calls `then` in the second microtask from here; whoever has not asked by then gets everything.
    queueMicrotask(() => queueMicrotask(() => this.#begin("everything")));
  }

  // --- the caller's side ---

  // biome-ignore lint/suspicious/noThenProperty: an ExecHandle is awaited, as the contract says
  then<A = ExecResult, B = never>(
    onFulfilled?: ((value: ExecResult) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#result().then(onFulfilled, onRejected);
  }

  catch<T>(onRejected: (reason: unknown) => T | PromiseLike<T>): Promise<ExecResult | T> {
    return this.#result().catch(onRejected);
  }

  finally(onFinally: () => void): Promise<ExecResult> {
    return this.#result().finally(onFinally);
  }

  [Symbol.asyncIterator](): AsyncIterator<OutputChunk, undefined> {
    if (this.#iterated || this.#promise !== undefined) throw berthError("process.output_taken");
    this.#iterated = true;
    this.#begin("everything");
    if (this.#queue === undefined) {
      const failed = new OutputQueue();
      failed.ended(undefined, this.#failure);
      return failed;
    }
    return this.#queue;
  }

  lines(options: { readonly stream?: OutputStream | "both" } = {}): AsyncIterable<string> {
    return new OutputLines(this[Symbol.asyncIterator](), options.stream ?? "stdout");
  }

  get started(): Promise<ProcessInfo> {
    if (this.#started === undefined) {
      this.#started = Promise.withResolvers();
      // Whoever asks for it gets the rejection; nobody has to.
      this.#started.promise.catch(() => undefined);
      if (this.#info !== undefined) this.#started.resolve(this.#info);
      else if (this.#failure !== undefined) this.#started.reject(this.#failure);
    }
    return this.#started.promise;
  }

  background(options: BackgroundOptions = {}): Promise<InBackground> {
    if (this.#background === undefined) {
      this.#background = this.#toBackground(options);
      // Whoever waits for it gets the rejection; the handle tells the same in its own way.
      this.#background.catch(() => undefined);
    }
    return this.#background;
  }

  get processId(): string | undefined {
    return this.#info?.id;
  }

  /** The runtime is being closed. */
  shutdown(reason: BerthError): void {
    this.#end(reason);
  }

  #result(): Promise<ExecResult> {
    if (this.#promise !== undefined) return this.#promise;
    if (this.#iterated) return Promise.reject(berthError("process.output_taken"));
    this.#promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (this.#flow === undefined && this.#failure === undefined) this.#begin("capture");
    else if (this.#failure === undefined) this.#captureFromNow();
    if (this.#failure !== undefined) this.#reject?.(this.#failure);
    return this.#promise;
  }

  // --- start ---

  #begin(what: "capture" | "everything"): void {
    if (this.#flow !== undefined || this.#failure !== undefined) return;
    const { signal } = this.#options;
    if (signal?.aborted) {
      this.#failure = abortedError(signal, this.#context.link.description);
      this.#started?.reject(this.#failure);
      this.#settled = true;
      return;
    }
    const capture = what === "capture";
    this.#flow = new OutputFlow(this.#context.link, this, this, { restarts: capture });
    if (capture) {
      this.#capture = this.#newCapture();
    } else {
      this.#queue = new OutputQueue();
      this.#queue.flow = this.#flow;
      this.#queue.onReturn = () => {
        // Whoever asked for the background may stop looking before it is there.
        if (this.#background === undefined) this.#end(undefined);
      };
    }
    if (signal !== undefined) {
      this.#onAbort = () => this.#end(abortedError(signal, this.#context.link.description));
      signal.addEventListener("abort", this.#onAbort, { once: true });
    }
    this.#context.open.add(this);
    const { input } = this.#options;
    if (input !== undefined) {
      this.#pump = new InputPump();
      feedInput(this.#pump, input, (error) => this.#end(this.#context.link.explain(error)));
    }
    this.#flow.start();
  }

  /** Somebody awaits a handle that was started as if iterated: what has come is captured, and what will. */
  #captureFromNow(): void {
    const queue = this.#queue;
    this.#queue = undefined;
    this.#capture = this.#newCapture();
    // It may be over already: its end is in the queue, behind its output.
    this.#settled = false;
    queue?.drainTo(this);
  }

  #newCapture(): Capture {
    return new Capture(Math.max(0, Math.floor(this.#options.maxCaptureBytes ?? DEFAULT_CAPTURE_BYTES)));
  }

  // --- the request ---

  request(client: WireClient, from: number, handler: StreamHandler): WireStream {
    const params = this.#params!;
    if (params.keepOutput !== undefined) requireKeepOutput(client.hello);
    params.attach =
      this.#capture === undefined ? { from, lossless: true } : { from, capture: this.#capture.limits };
    const repeated = this.#startedAt !== 0;
    const stream = client.request("process.start", params, handler);
    // The first time nothing was taken over yet, so that input needs no round trip of its own. Where the id of the request
    // is the caller's, it may be a repeat.
    if (!repeated && this.#options.requestId === undefined) this.#pump?.attach(stream, 0);
    this.#startedAt ||= performance.now();
    this.#armDeadline(client);
    return stream;
  }

  onOpened(result: unknown, stream: WireStream): void {
    const { process, stdinAccepted } = result as { process: unknown; stdinAccepted?: unknown };
    this.#info ??= processInfo(process);
    if (this.#onceKnown !== undefined) {
      this.#endProcess();
      this.#onceKnown();
      return;
    }
    // It starts about now; the request may have waited for the daemon.
    if (!this.#answered) this.#startedAt = performance.now();
    this.#answered = true;
    this.#started?.resolve(this.#info);
    this.#armDeadline(this.#context.link.client);
    if (this.#pump !== undefined && this.#pump.stream !== stream) {
      this.#pump.attach(stream, typeof stdinAccepted === "number" ? stdinAccepted : 0);
    }
    this.#stream = stream;
    this.#leave(stream);
  }

  interrupted(): void {
    this.#pump?.detach();
  }

  writable(): void {
    this.#pump?.pump();
  }

  // --- the output ---

  data(stream: OutputStream, bytes: Uint8Array, cursor: number, cost: number, origin: WireStream): void {
    if (this.#queue !== undefined) {
      this.#queue.data(stream, bytes, cursor, cost, origin);
      return;
    }
    this.#capture?.push(stream, bytes);
    this.#owed += cost;
    if (this.#owed < CREDIT_PORTION_BYTES) return;
    this.#flow?.consumed(origin, this.#owed);
    this.#owed = 0;
  }

  gap(from: number, to: number): void {
    this.#queue?.gap(from, to);
  }

  restart(): void {
    if (this.#capture !== undefined) this.#capture = this.#newCapture();
    this.#owed = 0;
  }

  ended(exit: ExitStatus | undefined, error: BerthError | undefined, file?: OutputFile): void {
    if (this.#settled) {
      this.#release();
      this.#onceKnown?.();
      return;
    }
    if (exit !== undefined && !exit.timedOut && this.#leaving !== undefined) {
      this.#pump?.close(this.#finishedError(), true);
      this.left({ ...this.#info, state: "exited", exit, outputEnd: this.#flow?.cursor, ...file });
      return;
    }
    const failure =
      error ??
      (exit === undefined
        ? berthError("wire.protocol_error", {
            message: "the output of the command ended without its exit",
            runtime: this.#context.link.description,
          })
        : undefined);
    this.#settle(exit, failure === undefined ? undefined : startError(failure), file);
  }

  #settle(exit: ExitStatus | undefined, error: BerthError | undefined, file?: OutputFile): void {
    this.#settled = true;
    this.#release(error === undefined);
    this.#tellWaiting(error);
    if (this.#queue !== undefined) {
      this.#queue.ended(exit, error, file);
    } else if (exit !== undefined) {
      const outputBytes = this.#flow?.cursor ?? 0;
      const captured = this.#capture!.take(outputBytes);
      this.#resolve?.({
        exitCode: exit.exitCode,
        signal: exit.signal,
        timedOut: exit.timedOut,
        durationMs: exit.durationMs,
        ...(exit.waiting === undefined ? {} : { waiting: exit.waiting }),
        ...captured,
        outputBytes,
        processId: this.processId ?? "",
        ...file,
      });
    } else if (error !== undefined) {
      this.#failure = error;
      this.#reject?.(error);
    }
  }

  // --- to the background ---

  async #toBackground({ detached, leaseMs }: BackgroundOptions): Promise<InBackground> {
    this.#context.require("daemon");
    if (detached !== true) {
      this.#keeping = { keepsLease: true, leaseMs: milliseconds("leaseMs", leaseMs, 1) };
    }
    this.#begin("everything");
    await this.started;
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#settled) throw this.#finishedError();
    this.#leaving = Promise.withResolvers();
    const { promise } = this.#leaving;
    // While the connection is away there is nothing to ask on: the repeated start asks again.
    if (this.#stream !== undefined && !this.#stream.closed) this.#leave(this.#stream);
    return await promise;
  }

  /** The answer is the end of the output; a refusal leaves everything as it was. */
  #leave(stream: WireStream): void {
    const { client } = this.#context.link;
    const leaving = this.#leaving;
    const id = this.processId;
    if (client === undefined || leaving === undefined || id === undefined) return;
    const refused = (cause: unknown): void => {
      if (isDisconnect(cause, client)) return;
      this.#leaving = undefined;
      leaving.reject(this.#context.link.explain(cause));
    };
    try {
      requireBackground(client.hello);
    } catch (error) {
      refused(error);
      return;
    }
    const params = { id, withoutTimeout: true, endsOutput: stream.id, ...this.#keeping };
    client.call("process.detach", params).catch(refused);
    this.#queue?.takeAll();
  }

  left(described: unknown): void {
    if (this.#settled) return;
    const flow = this.#flow!;
    let info: ProcessInfo;
    try {
      info = processInfo(described);
    } catch (error) {
      this.#settle(undefined, this.#context.link.explain(error));
      return;
    }
    this.#settled = true;
    this.#letGo();
    this.#failure = berthError("process.in_background", {
      runtime: this.#context.link.description,
      context: { id: info.id },
    });
    const captured = this.#capture?.take(flow.cursor);
    const cursor = this.#iterated || captured !== undefined ? flow.cursor : 0;
    if (this.#iterated) this.#queue?.ended(undefined, undefined);
    else this.#queue?.drop();
    this.#reject?.(this.#failure);
    const process = new ProcessHandle(this.#context, info, this.#inputGoesOn(info.id));
    if (!info.detached) process.endsWithRuntime();
    this.#leaving?.resolve({ process, cursor, captured });
    this.#leaving = undefined;
  }

  /** Input that is still being fed, on a stream of its own. */
  #inputGoesOn(id: string): { readonly input: InputPump; readonly inputFlow: InputFlow } | undefined {
    const input = this.#pump;
    if (input === undefined || input.closed) return undefined;
    const stream = this.#stream;
    input.detach();
    if (stream !== undefined && !stream.closed) stream.reset(berthError("operation.aborted"));
    const inputFlow = new InputFlow(this.#context.link, id, input, () => {}, 0);
    inputFlow.start();
    return { input, inputFlow };
  }

  // --- the end from this side ---

  /** Answers the caller at once, with the error if there is one, and ends the process in the place. */
  #end(error: BerthError | undefined): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#release();
    this.#tellWaiting(error ?? abortedError(undefined, this.#context.link.description));
    if (error !== undefined) {
      this.#failure = error;
      this.#queue?.abort(error);
      this.#reject?.(error);
    }
    this.#endProcess();
  }

  #endProcess(): void {
    const flow = this.#flow;
    if (flow === undefined || flow.done) return;
    if (this.processId === undefined && flow.bootId !== undefined) {
      // It may be running: the answer, or that of the repeated request, says which process it is.
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onceKnown = resolve;
      this.#context.track(promise);
      return;
    }
    flow.stop();
    if (this.processId === undefined) return;
    this.#context.endInBackground(this.processId, flow.bootId, this.#params?.killGraceMs);
  }

  #armDeadline(client: WireClient | undefined): void {
    const timeoutMs = this.#params?.timeoutMs;
    if (timeoutMs === undefined || this.#settled) return;
    clearTimeout(this.#deadline);
    const graceMs = this.#params?.killGraceMs ?? DEFAULT_GRACE_MS;
    // Behind a reconnect the time goes on, but for what the place needs to answer.
    const leftMs = Math.max(0, timeoutMs + graceMs - (performance.now() - this.#startedAt));
    const delayMs = leftMs + DEADLINE_SLACK_MS + (client?.roundTripMs ?? 0);
    if (delayMs > 0x7fff_ffff) return;
    this.#deadline = setTimeout(() => this.#giveUp(), delayMs);
  }

  /** The place did not end the command in time and does not answer: the caller gets what there is. */
  #giveUp(): void {
    if (this.#settled) return;
    const durationMs = performance.now() - this.#startedAt;
    const flow = this.#flow;
    this.#settle({ exitCode: null, signal: "SIGKILL", timedOut: true, durationMs }, undefined);
    if (flow !== undefined && !flow.done) this.#endProcess();
  }

  /** Whoever waits for the start, or for the way to the background, is told why there is none. */
  #tellWaiting(cause: BerthError | undefined): void {
    if (this.#started === undefined && this.#leaving === undefined) return;
    const error = cause ?? this.#finishedError();
    this.#started?.reject(error);
    this.#leaving?.reject(error);
    this.#leaving = undefined;
  }

  #finishedError(): BerthError {
    return berthError("process.finished", {
      runtime: this.#context.link.description,
      context: { id: this.processId },
    });
  }

  #letGo(): void {
    clearTimeout(this.#deadline);
    if (this.#onAbort !== undefined) this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#onAbort = undefined;
    this.#context.open.delete(this);
  }

  /** Lets go of timers, listeners and input. `finished`: the process has ended by itself. */
  #release(finished = false): void {
    this.#letGo();
    this.#pump?.close(berthError("process.finished", { context: { id: this.processId } }), finished);
  }
}
