import { type BerthError, berthError } from "../../contract/errors.ts";
import type {
  Command,
  ExitStatus,
  OutputChunk,
  OutputOptions,
  Process,
  ProcessInfo,
  ProcessStdin,
  ReadyCondition,
  SpawnOptions,
  TtySize,
} from "../../contract/process.ts";
import { parseSignal } from "../../contract/signals.ts";
import { milliseconds } from "../common/milliseconds.ts";
import type { Closable, RuntimeContext } from "./context.ts";
import { requireKeepOutput, requireKeptByReaders } from "./features.ts";
import { InputPump } from "./input-pump.ts";
import { abortedError } from "./link.ts";
import { lost } from "./output-flow.ts";
import { processInfo } from "./process-info.ts";
import { processOutput, streamBytes } from "./process-output.ts";
import { InputFlow, NoStdin, PumpedStdin } from "./process-stdin.ts";
import { ProcessWatch } from "./process-watch.ts";
import { waitReady } from "./ready.ts";

const DEFAULT_TTY: TtySize = { columns: 80, rows: 24 };
const MAX_TTY_SIDE = 65_535;

interface HandleOptions {
  /** Watches already, as it started the process. */
  readonly watch?: ProcessWatch;
  readonly input?: InputPump | undefined;
  /** Carries that input. */
  readonly inputFlow?: InputFlow | undefined;
  /** Reads hold the process back instead of losing bytes. */
  readonly lossless?: boolean;
  /** Not this client keeps it, but who reads its output. */
  readonly keptByReaders?: boolean;
}

/** A process of the place as the caller holds it; everything that it knows comes from the daemon. */
export class ProcessHandle implements Process, Closable {
  readonly #context: RuntimeContext;
  readonly found: ProcessInfo;
  readonly #lossless: boolean;
  readonly stdin: ProcessStdin;
  #watch: ProcessWatch | undefined;
  #inputFlow: InputFlow | undefined;
  #exit: Promise<ExitStatus> | undefined;
  #tty: TtySize | null;
  /** The process goes on when this handle is disposed. */
  #outlives: boolean;
  #disposed = false;

  constructor(context: RuntimeContext, info: ProcessInfo, options: HandleOptions = {}) {
    this.#context = context;
    this.found = info;
    this.#lossless = options.lossless ?? false;
    this.#watch = options.watch;
    this.#inputFlow = options.inputFlow;
    this.#tty = info.tty ?? null;
    this.#outlives = info.detached || options.keptByReaders === true;
    if (options.input !== undefined) {
      this.stdin = this.#pumped(options.input, () => options.watch?.inputBase ?? 0);
    } else if (options.watch !== undefined || info.state !== "running") {
      this.stdin = new NoStdin(() => this.#noStdin());
    } else {
      this.stdin = this.#lateStdin();
    }
  }

  get id(): string {
    return this.found.id;
  }

  get name(): string | undefined {
    return this.found.name;
  }

  get pid(): number | null {
    return this.found.pid;
  }

  get tty(): TtySize | null {
    return this.#tty;
  }

  get stdout(): AsyncIterable<Uint8Array> {
    return { [Symbol.asyncIterator]: () => streamBytes(this.output(), "stdout") };
  }

  get stderr(): AsyncIterable<Uint8Array> {
    return { [Symbol.asyncIterator]: () => streamBytes(this.output(), "stderr") };
  }

  get exit(): Promise<ExitStatus> {
    this.#exit ??= this.#awaitExit();
    return this.#exit;
  }

  #awaitExit(): Promise<ExitStatus> {
    if (this.#watch !== undefined) return this.#watch.exit;
    if (this.found.exit !== undefined) return Promise.resolve(this.found.exit);
    if (this.found.state === "lost") {
      const exit = Promise.reject<ExitStatus>(this.#context.link.explain(lost(this.id)));
      exit.catch(() => undefined);
      return exit;
    }
    this.#watch = new ProcessWatch(this.#context, { id: this.id }).start();
    return this.#watch.exit;
  }

  async info(options: { readonly signal?: AbortSignal } = {}): Promise<ProcessInfo> {
    return await getProcess(this.#context, this.id, options.signal);
  }

  output(options: OutputOptions = {}): AsyncIterable<OutputChunk> {
    return processOutput(this.#context.link, this.id, {
      ...options,
      lossless: this.#lossless || undefined,
      bootId: this.#watch?.bootId,
    });
  }

  ready(condition: ReadyCondition): Promise<void> {
    return waitReady(
      {
        link: this.#context.link,
        id: this.id,
        exit: this.exit,
        output: ({ signal }) =>
          processOutput(this.#context.link, this.id, { signal, bootId: this.#watch?.bootId }),
      },
      condition,
    );
  }

  async signal(name: string): Promise<void> {
    if (this.#finished) throw this.#finishedError();
    let signal: string;
    try {
      signal = parseSignal(name);
    } catch (error) {
      // One predicate comes before every other check: is it there at all?
      if ((await this.info()).state !== "running") throw this.#finishedError();
      throw this.#context.link.explain(error);
    }
    await this.#context.link.call("process.signal", { id: this.id, signal });
  }

  async kill(
    signal?: string,
    options: { readonly graceMs?: number } = {},
  ): Promise<{ readonly left: number }> {
    const name = signal === undefined ? undefined : parseSignal(signal);
    const graceMs = milliseconds("graceMs", options.graceMs, 0);
    const params = { id: this.id, signal: name, graceMs };
    const result = await this.#context.link.call("process.kill", params, { repeatable: true });
    return { left: (result as { left?: number } | null)?.left ?? 0 };
  }

  async resize(size: TtySize): Promise<void> {
    if (this.#finished) throw this.#finishedError();
    requireSize(size);
    const { columns, rows } = size;
    await this.#context.link.call("process.resize", { id: this.id, columns, rows }, { repeatable: true });
    this.#tty = { columns, rows };
  }

  async detach(): Promise<void> {
    this.#context.require("daemon");
    await this.#context.link.call("process.detach", { id: this.id }, { repeatable: true });
    this.#outlives = true;
  }

  async remove(): Promise<void> {
    await this.#context.link.call("process.remove", { id: this.id });
  }

  release(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#context.open.delete(this);
    this.#letGo(true);
  }

  /** Ends the process, unless it is to live on; then only this handle is let go. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#context.open.delete(this);
    const runs = !this.#finished && this.found.exit === undefined && this.found.state === "running";
    if (runs && !this.#outlives) await this.#end();
    this.#letGo(this.#outlives);
  }

  /** What is ended tells the watch so by itself. */
  #letGo(stopWatching: boolean): void {
    const reason = berthError("operation.aborted", { message: "the handle of the process was disposed" });
    if (stopWatching) this.#watch?.stop(reason);
    this.#inputFlow?.stop(reason);
  }

  async #end(): Promise<void> {
    try {
      await this.kill();
    } catch (error) {
      const { code, retryable } = this.#context.link.explain(error);
      // Gone already is what was wanted; out of reach is ended as soon as it is back, or by its lease.
      if (retryable) this.#context.endInBackground(this.id, this.#watch?.bootId, undefined);
      else if (code !== "process.unknown" && code !== "process.reaped" && code !== "process.lost")
        throw error;
    }
  }

  /** It is this client's: closing the runtime ends it. */
  endsWithRuntime(): void {
    const { open } = this.#context;
    open.add(this);
    const over = () => open.delete(this);
    this.exit.then(over, over);
  }

  /** The runtime is being closed. */
  async shutdown(): Promise<void> {
    await this[Symbol.asyncDispose]();
  }

  get #finished(): boolean {
    return this.#watch?.status !== undefined || this.found.state === "exited";
  }

  #finishedError(): BerthError {
    return berthError("process.finished", {
      runtime: this.#context.link.description,
      context: { id: this.id },
    });
  }

  #noStdin(): BerthError {
    if (this.#finished) return this.#finishedError();
    const context = { id: this.id };
    return berthError("process.stdin_closed", { runtime: this.#context.link.description, context });
  }

  /** Input of a process that this client did not start: asked for with the first write. */
  #lateStdin(): ProcessStdin {
    const pump = new InputPump({ sendsEnd: this.#tty === null });
    const stdin = this.#pumped(pump, () => this.#inputFlow?.base ?? 0);
    let watched = false;
    // What is written behind the exit must not seem to arrive. A process that takes no input is not watched: watching is
    // reading, which renews the lease.
    const watch = () => {
      if (watched) return;
      watched = true;
      this.exit.then(
        () => pump.close(this.#finishedError(), true),
        (error: unknown) => pump.close(this.#context.link.explain(error), false),
      );
    };
    const connect = () => {
      if (this.#inputFlow !== undefined) return;
      this.#inputFlow = new InputFlow(this.#context.link, this.id, pump, watch);
      this.#inputFlow.start();
    };
    return {
      write: (data) => {
        connect();
        return stdin.write(data);
      },
      end: () => {
        connect();
        return stdin.end();
      },
      flush: () => (this.#inputFlow === undefined ? Promise.resolve() : stdin.flush()),
    };
  }

  #pumped(pump: InputPump, base: () => number): PumpedStdin {
    return new PumpedStdin(pump, {
      link: this.#context.link,
      id: () => this.id,
      tty: this.#tty !== null,
      base,
    });
  }
}

/** @throws process.unknown, process.reaped */
export async function getProcess(
  context: RuntimeContext,
  idOrName: string,
  signal?: AbortSignal,
): Promise<ProcessInfo> {
  const params = { id: idOrName, workspace: context.workspace };
  const result = await context.link.call("process.get", params, { signal, repeatable: true });
  return processInfo((result as { process?: unknown } | null)?.process);
}

/**
 * Starts a process; settles when it runs (or when the one of that name was found). `userShell`: the first word is
 * "$SHELL", which the place replaces.
 */
export async function spawnProcess(
  context: RuntimeContext,
  command: Command,
  options: SpawnOptions,
  userShell = false,
): Promise<ProcessHandle> {
  const { signal } = options;
  if (signal?.aborted) throw abortedError(signal, context.link.description);
  const params = context.startParams(command, options);
  const tty = options.tty === true ? DEFAULT_TTY : options.tty || undefined;
  if (tty !== undefined) requireSize(tty);
  if (options.name !== undefined) requireName(options.name);
  const hasInput = tty !== undefined || options.stdin === "pipe";
  if (userShell) params.shellLookup = true;
  params.name = options.name;
  params.stdin = hasInput ? "pipe" : undefined;
  params.tty = tty;
  params.detached = options.detached || undefined;
  params.leaseMs = milliseconds("leaseMs", options.leaseMs, 1);
  if (options.keepOutput !== undefined) {
    requireKeepOutput((context.link.client ?? (await context.link.connect(signal))).hello);
  }
  const keptByReaders = options.keptBy === "readers" && options.detached !== true;
  if (keptByReaders) {
    requireKeptByReaders((context.link.client ?? (await context.link.connect(signal))).hello);
    params.keptBy = "readers";
  }
  const input = hasInput ? new InputPump({ sendsEnd: tty === undefined }) : undefined;
  const watch = new ProcessWatch(context, { start: params, input });
  const onAbort = () => {
    const id = watch.processId;
    if (id !== undefined) context.endInBackground(id, watch.bootId, params.killGraceMs);
  };
  watch.onEnded = () => signal?.removeEventListener("abort", onAbort);
  signal?.addEventListener("abort", onAbort, { once: true });
  const abandon = () => abortedStart(context, watch, params.killGraceMs);
  const pending: Closable = { shutdown: abandon };
  context.open.add(pending);
  watch.start();
  const info = await untilAborted(watch.opened, signal, abandon).finally(() => context.open.delete(pending));
  const lossless = options.overflow === "pause";
  const handle = new ProcessHandle(context, info, { watch, input, lossless, keptByReaders });
  if (!info.detached && !keptByReaders) handle.endsWithRuntime();
  return handle;
}

/** The caller gave up on a start that is under way: whatever comes of it is ended. */
function abortedStart(context: RuntimeContext, watch: ProcessWatch, graceMs: number | undefined): void {
  const ended = watch.opened.then(
    (info) => context.endInBackground(info.id, watch.bootId, graceMs),
    () => undefined,
  );
  context.track(ended);
  if (watch.bootId === undefined) watch.stop(berthError("operation.aborted"));
}

async function untilAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  onAbort: () => void,
): Promise<T> {
  if (signal === undefined) return await promise;
  const aborted = Promise.withResolvers<never>();
  const listener = () => {
    onAbort();
    aborted.reject(abortedError(signal, ""));
  };
  signal.addEventListener("abort", listener, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", listener);
  }
}

function requireName(name: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) {
    throw berthError("process.name_invalid", { context: { name } });
  }
}

function requireSize({ columns, rows }: TtySize): void {
  for (const [field, value] of Object.entries({ columns, rows })) {
    if (Number.isInteger(value) && value >= 1 && value <= MAX_TTY_SIDE) continue;
    throw berthError("config.invalid", {
      message: `${field} has to be a whole number from 1 to ${MAX_TTY_SIDE}`,
      context: { field },
    });
  }
}
