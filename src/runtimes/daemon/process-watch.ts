import { type BerthError, berthError } from "../../contract/errors.ts";
import type { ExitStatus, ProcessInfo } from "../../contract/process.ts";
import type { ParamsInput } from "../../wire/messages.ts";
import type { StreamHandler, WireClient, WireStream } from "../../wire/types.ts";
import type { RuntimeContext } from "./context.ts";
import type { InputPump } from "./input-pump.ts";
import { type FlowSink, type FlowSource, OutputFlow } from "./output-flow.ts";
import { processInfo } from "./process-info.ts";
import { startError } from "./start-error.ts";

/** No output, only the exit. It starts just before the end of the log, so that the exit is always ahead. */
const EXIT_ONLY = { from: -1, capture: { headBytes: 0, tailBytes: 0 } };

/** What is watched: a process to be started, or one that is there. */
export type WatchTarget =
  | { readonly start: ParamsInput<"process.start">; readonly input: InputPump | undefined }
  | { readonly id: string };

/**
 * Waits for the exit of a process over as many connections as it takes; where it starts the process itself, the
 * same stream carries the input.
 */
export class ProcessWatch implements FlowSource, FlowSink {
  readonly #context: RuntimeContext;
  readonly #target: WatchTarget;
  readonly #flow: OutputFlow;
  readonly #opened = Promise.withResolvers<ProcessInfo>();
  readonly #exit = Promise.withResolvers<ExitStatus>();
  #info: ProcessInfo | undefined;
  #status: ExitStatus | undefined;
  #inputBase: number | undefined;
  onEnded: (() => void) | undefined;

  constructor(context: RuntimeContext, target: WatchTarget) {
    this.#context = context;
    this.#target = target;
    this.#flow = new OutputFlow(context.link, this, this, { restarts: true });
    // Whoever asks for them gets the rejection; nobody has to.
    this.#opened.promise.catch(() => undefined);
    this.#exit.promise.catch(() => undefined);
  }

  start(): this {
    this.#flow.start();
    return this;
  }

  /** The process as the daemon described it first. */
  get opened(): Promise<ProcessInfo> {
    return this.#opened.promise;
  }

  get exit(): Promise<ExitStatus> {
    return this.#exit.promise;
  }

  /** Known exit, or undefined. */
  get status(): ExitStatus | undefined {
    return this.#status;
  }

  get done(): boolean {
    return this.#flow.done;
  }

  /** Input bytes that the process had before this watch sent any. */
  get inputBase(): number {
    return this.#inputBase ?? 0;
  }

  get bootId(): string | undefined {
    return this.#flow.bootId;
  }

  get processId(): string | undefined {
    return "id" in this.#target ? this.#target.id : this.#info?.id;
  }

  /** Nobody waits for the exit any more. */
  stop(error: BerthError): void {
    if (this.#flow.done) return;
    this.#flow.stop();
    this.#fail(error);
  }

  request(client: WireClient, _from: number, handler: StreamHandler): WireStream {
    if ("id" in this.#target) {
      return client.request("process.output", { id: this.#target.id, ...EXIT_ONLY }, handler);
    }
    return client.request("process.start", { ...this.#target.start, attach: EXIT_ONLY }, handler);
  }

  onOpened(result: unknown, stream: WireStream): void {
    const { process, stdinAccepted } = result as { process: unknown; stdinAccepted?: unknown };
    this.#info ??= processInfo(process);
    this.#opened.resolve(this.#info);
    if ("id" in this.#target || this.#target.input === undefined) return;
    const accepted = typeof stdinAccepted === "number" ? stdinAccepted : 0;
    this.#inputBase ??= accepted;
    this.#target.input.attach(stream, accepted - this.#inputBase);
  }

  interrupted(): void {
    this.#input?.detach();
  }

  writable(): void {
    this.#input?.pump();
  }

  data(): void {
    // Not asked for.
  }

  gap(): void {
    // Everything is skipped here.
  }

  ended(exit: ExitStatus | undefined, error: BerthError | undefined): void {
    if (exit === undefined) {
      this.#fail(error ?? noExit(this.processId));
      return;
    }
    this.#status = exit;
    this.#input?.close(berthError("process.finished", { context: { id: this.processId } }), true);
    this.#exit.resolve(exit);
    this.onEnded?.();
  }

  get #input(): InputPump | undefined {
    return "id" in this.#target ? undefined : this.#target.input;
  }

  #fail(cause: BerthError): void {
    const error = this.#context.link.explain(startError(cause));
    this.#opened.reject(error);
    this.#exit.reject(error);
    this.#input?.close(error, false);
    this.onEnded?.();
  }
}

function noExit(id: string | undefined): BerthError {
  return berthError("wire.protocol_error", {
    message: "the output of a process ended without its exit",
    context: { id },
  });
}
