import { type BerthError, berthError } from "../../contract/errors.ts";
import type { ExitStatus, OutputFile, OutputStream } from "../../contract/process.ts";
import { WAIT_REASONS, type WaitingFor } from "../../contract/waiting.ts";
import { decodeOutput } from "../../wire/output-frame.ts";
import type { StreamHandler, WireClient, WireStream } from "../../wire/types.ts";
import { isDisconnect, type Link } from "./link.ts";

/** The request behind a flow: made once, and again behind the cursor when the connection was lost. */
export interface FlowSource {
  request(client: WireClient, from: number, handler: StreamHandler): WireStream;
  /** Each time the daemon has answered, so also after a reconnect. */
  onOpened?(result: unknown, stream: WireStream): void;
  writable?(): void;
  /** The connection is gone; `request` will be called again. */
  interrupted?(): void;
  /** Where the first byte comes from, when the request left it to the daemon (a negative `from`). */
  readonly processId: string | undefined;
}

/** Where the output goes. All calls are synchronous and in order; the last one is `ended`. */
export interface FlowSink {
  /** `cost` is to be given back by `flow.consumed()` on the same stream. `cursor` is behind the bytes. */
  data(stream: OutputStream, bytes: Uint8Array, cursor: number, cost: number, origin: WireStream): void;
  gap(from: number, to: number): void;
  /** The whole output begins again from the start (a capture after a reconnect). */
  restart?(): void;
  /**
   * Exactly one of `exit` and `error`, or neither at the end of a log that was not followed. `file`: with the exit, the
   * whole output as a file.
   */
  ended(exit: ExitStatus | undefined, error: BerthError | undefined, file?: OutputFile): void;
  /** Instead of `ended`: the process, as the daemon describes it, goes on in the background. */
  left?(process: unknown): void;
}

const STREAMS = ["", "stdout", "stderr", "tty"] as const;
const MAX_CURSOR = Number.MAX_SAFE_INTEGER;

/**
 * Output of a process over as many connections as it takes: counts the cursor, asks again behind it after a
 * reconnect, and ends with process.lost when the daemon that had the process is gone.
 */
export class OutputFlow implements StreamHandler {
  readonly #link: Link;
  readonly #source: FlowSource;
  #sink: FlowSink;
  #stream: WireStream | undefined;
  #client: WireClient | undefined;
  #bootId: string | undefined;
  #done = false;
  readonly #waiting = new AbortController();
  /** A capture can't go on in the middle, as its head and tail come from one reading of the log. */
  readonly #restarts: boolean;
  /** Number of output bytes since the process's start, as far as they were received. */
  cursor = 0;

  constructor(
    link: Link,
    source: FlowSource,
    sink: FlowSink,
    options: {
      readonly from?: number;
      readonly restarts?: boolean;
      readonly bootId?: string | undefined;
    } = {},
  ) {
    this.#link = link;
    this.#source = source;
    this.#sink = sink;
    this.cursor = options.from ?? 0;
    this.#restarts = options.restarts ?? false;
    this.#bootId = options.bootId;
  }

  get done(): boolean {
    return this.#done;
  }

  /** Identity of the daemon that has the process; undefined until the request was sent. */
  get bootId(): string | undefined {
    return this.#bootId;
  }

  /** Changes the receiver, between two calls. */
  set sink(sink: FlowSink) {
    this.#sink = sink;
  }

  start(): void {
    const client = this.#link.client;
    if (client !== undefined) this.#open(client);
    else void this.#link.connect(this.#waiting.signal).then(this.#open, this.#fail);
  }

  /** Stops receiving; the sink is not called any more. The process is not touched. */
  stop(): void {
    if (this.#done) return;
    this.#done = true;
    this.#waiting.abort();
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream !== undefined && !stream.closed) stream.reset(berthError("operation.aborted"));
  }

  /** Credit for bytes that were taken; of a stream that is gone it means nothing. */
  consumed(origin: WireStream, bytes: number): void {
    if (origin === this.#stream && !origin.closed) origin.consumed(bytes);
  }

  readonly #open = (client: WireClient): void => {
    if (this.#done) return;
    if (this.#bootId !== undefined && client.hello.bootId !== this.#bootId) {
      this.#fail(lost(this.#source.processId));
      return;
    }
    this.#bootId = client.hello.bootId;
    this.#client = client;
    try {
      this.#stream = this.#source.request(client, this.cursor, this);
    } catch (error) {
      this.#fail(error);
    }
  };

  readonly #fail = (cause: unknown): void => {
    if (this.#done) return;
    this.#finish(undefined, this.#link.explain(cause));
  };

  #finish(exit: ExitStatus | undefined, error: BerthError | undefined, file?: OutputFile): void {
    this.#done = true;
    this.#sink.ended(exit, error, file);
  }

  onResponse(result: unknown): void {
    if (this.#done || this.#stream === undefined) return;
    const from = (result as { from?: unknown } | null)?.from;
    if (typeof from === "number" && Number.isSafeInteger(from) && from >= 0) this.cursor = from;
    try {
      this.#source.onOpened?.(result, this.#stream);
    } catch (error) {
      this.#refuse(error);
    }
  }

  onDataParts(parts: readonly Uint8Array[], bytes: number): void {
    const stream = this.#stream;
    if (this.#done || stream === undefined) return;
    try {
      let table = bytes;
      decodeOutput(parts, (channel, run) => {
        table -= run.length;
        if (this.#done) return;
        this.cursor += run.length;
        this.#sink.data(STREAMS[channel] as OutputStream, run, this.cursor, run.length, stream);
      });
      // What is not output is used already.
      this.consumed(stream, table);
    } catch (error) {
      this.#refuse(error);
    }
  }

  onEvent(value: unknown): void {
    if (this.#done) return;
    const event = value as {
      gap?: { from?: unknown; to?: unknown };
      exit?: ExitStatus;
      cursor?: unknown;
      background?: { cursor?: unknown; process?: unknown };
    } | null;
    if (event?.exit !== undefined && event.exit !== null) {
      if (isCursor(event.cursor)) this.cursor = event.cursor;
      this.#finish(exitStatus(event.exit), undefined, outputFile(event));
    } else if (isCursor(event?.background?.cursor)) {
      this.cursor = event.background.cursor;
      this.#done = true;
      this.#sink.left?.(event.background.process);
    } else if (event?.gap !== undefined && isCursor(event.gap.from) && isCursor(event.gap.to)) {
      this.#sink.gap(event.gap.from, event.gap.to);
      if (!this.#restarts) this.cursor = event.gap.to;
    }
  }

  onEnd(): void {
    if (!this.#done) this.#finish(undefined, undefined);
  }

  onReset(error: BerthError): void {
    if (this.#done) return;
    this.#stream = undefined;
    if (!isDisconnect(error, this.#client)) {
      this.#fail(error);
      return;
    }
    this.#source.interrupted?.();
    if (this.#restarts) {
      this.cursor = 0;
      this.#sink.restart?.();
    }
    void this.#link.reconnect(this.#waiting.signal).then(this.#open, this.#fail);
  }

  onWritable(): void {
    if (!this.#done) this.#source.writable?.();
  }

  /** The peer sent what can't be: this flow ends, the connection and its other streams go on. */
  #refuse(error: unknown): void {
    const explained = this.#link.explain(error);
    this.#stream?.reset(explained);
    if (!this.#done) this.#finish(undefined, explained);
  }
}

function isCursor(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= MAX_CURSOR && Number.isInteger(value);
}

/** Where the output is kept as a file, of the answer of a peer. */
function outputFile(value: object): OutputFile | undefined {
  const { outputFile: path, outputFileCut: cut } = value as {
    outputFile?: unknown;
    outputFileCut?: { at?: unknown; reason?: unknown };
  };
  if (typeof path !== "string") return undefined;
  if (!isCursor(cut?.at)) return { outputFile: path };
  const reason = cut.reason === "limit" ? "limit" : "disk";
  return { outputFile: path, outputFileCut: { at: cut.at, reason } };
}

/** The exit as the contract has it, whatever else the peer put there. */
function exitStatus(value: ExitStatus): ExitStatus {
  return {
    exitCode: typeof value.exitCode === "number" ? value.exitCode : null,
    signal: typeof value.signal === "string" ? value.signal : null,
    timedOut: value.timedOut === true,
    durationMs: typeof value.durationMs === "number" ? value.durationMs : 0,
    ...waitingFor(value.waiting),
  };
}

function waitingFor(value: unknown): { readonly waiting: WaitingFor } | undefined {
  const { pid, command, reason } = (value ?? {}) as { pid?: unknown; command?: unknown; reason?: unknown };
  const known = WAIT_REASONS.find((one) => one === reason);
  if (typeof pid !== "number" || typeof command !== "string" || known === undefined) return undefined;
  return { waiting: { pid, command, reason: known } };
}

export function lost(processId: string | undefined): BerthError {
  return berthError("process.lost", { context: { id: processId ?? "that was being started" } });
}
