import { randomBytes } from "node:crypto";
import type { CapabilityName } from "../../contract/capabilities.ts";
import type { ErrorCode } from "../../contract/error-registry.ts";
import { type BerthError, berthError, errorEntry } from "../../contract/errors.ts";
import type {
  Command,
  ExecHandle,
  ExecOptions,
  ExecResult,
  ExitStatus,
  InBackground,
  OutputChunk,
  OutputStream,
  ProcessInfo,
} from "../../contract/process.ts";
import { Capture } from "../common/capture.ts";
import { commandArgv, type EnvironmentPairs, environmentPairs, placePath } from "../common/command.ts";
import { DEADLINE_SLACK_MS, DEFAULT_CAPTURE_BYTES, DEFAULT_GRACE_MS } from "../common/exec-limits.ts";
import { OutputLines } from "../common/lines.ts";
import { milliseconds } from "../common/milliseconds.ts";
import { commandScript, endScript, startTimeOf } from "./command-script.ts";
import { feed } from "./feed.ts";
import { parseOutcome, startFailure } from "./outcome.ts";
import { OutputQueue, type QueueSource } from "./output-queue.ts";
import type { ShellPlace } from "./place.ts";
import type { ScriptHandler, ScriptRun, ScriptStream } from "./script-run.ts";
import type { PlaceTools } from "./tools.ts";

/** With `overflow: "drop"` the output waits in this process's memory, so its limit is not that of a disk. */
const MAX_DROP_LIMIT_BYTES = 8 * 1024 * 1024;
/** Of stderr, to say why a command could not be started: the shell's message is one line. */
const SAID_BYTES = 4096;

interface Request {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: EnvironmentPairs;
  readonly timeoutMs: number | undefined;
  readonly killGraceMs: number;
  readonly drainMs: number;
}

/** One command, from `exec()` to its result. Awaited it is captured, iterated it gives everything. */
export class ShellExec implements ExecHandle, ScriptHandler, QueueSource {
  readonly #place: ShellPlace;
  readonly #options: ExecOptions;
  readonly #refuse: (capability: CapabilityName) => BerthError;
  readonly #id = `x-${randomBytes(6).toString("hex")}`;
  readonly #queue: OutputQueue;
  #request: Request | undefined;
  #tools: PlaceTools | undefined;
  #run: ScriptRun | undefined;
  #capture: Capture | undefined;
  #outputBytes = 0;
  #iterated = false;
  #promise: Promise<ExecResult> | undefined;
  readonly #result = Promise.withResolvers<ExecResult>();
  #settled = false;
  /** Ended by the caller; the place is told when the run is known. */
  #unwanted = false;
  #onAbort: (() => void) | undefined;
  readonly #cancelStart = new AbortController();
  #deadline: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #pid: number | undefined;
  #started: PromiseWithResolvers<ProcessInfo> | undefined;
  #startTime: string | undefined;
  #error: string | undefined;
  #refused = false;
  #timedOut = false;
  #said = "";

  /** `refuse` makes the error of what this runtime can't. */
  constructor(
    place: ShellPlace,
    base: EnvironmentPairs,
    command: Command,
    options: ExecOptions,
    refuse: (capability: CapabilityName) => BerthError,
  ) {
    this.#place = place;
    this.#options = options;
    this.#refuse = refuse;
    const limit = Math.min(options.logLimitBytes ?? MAX_DROP_LIMIT_BYTES, MAX_DROP_LIMIT_BYTES);
    this.#queue = new OutputQueue(this, options.overflow === "drop" ? limit : undefined);
    this.#result.promise.catch(() => {});
    try {
      this.#request = this.#read(base, command, options);
    } catch (error) {
      this.#fail(place.explain(error));
      return;
    }
    const { signal } = options;
    if (signal?.aborted) {
      this.#fail(place.aborted(signal));
      return;
    }
    this.#onAbort = () => this.#end(place.aborted(signal));
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    void this.#start(this.#request);
  }

  // --- the caller's side ---

  // biome-ignore lint/suspicious/noThenProperty: an ExecHandle is awaited, as the contract says
  then<A = ExecResult, B = never>(
    onFulfilled?: ((value: ExecResult) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#await().then(onFulfilled, onRejected);
  }

  catch<T>(onRejected: (reason: unknown) => T | PromiseLike<T>): Promise<ExecResult | T> {
    return this.#await().catch(onRejected);
  }

  finally(onFinally: () => void): Promise<ExecResult> {
    return this.#await().finally(onFinally);
  }

  get started(): Promise<ProcessInfo> {
    if (this.#started === undefined) {
      this.#started = Promise.withResolvers();
      this.#started.promise.catch(() => {});
      if (this.#pid !== undefined) this.#started.resolve(this.#info);
      // Its error, if it has one by now.
      else if (this.#settled) this.#result.promise.catch((error: unknown) => this.#started?.reject(error));
    }
    return this.#started.promise;
  }

  get #info(): ProcessInfo {
    const { argv, cwd } = this.#request!;
    return {
      id: this.#id,
      command: argv,
      cwd,
      user: this.#options.user,
      pid: this.#pid ?? null,
      state: this.#exit === undefined ? "running" : "exited",
      tty: null,
      detached: false,
      startedAt: new Date(performance.timeOrigin + this.#startedAt).toISOString(),
      exit: this.#exit,
      outputEnd: this.#outputBytes,
      outputStart: 0,
    };
  }

  /** Nothing in the place would hold its output. */
  background(): Promise<InBackground> {
    return Promise.reject(this.#refuse("daemon"));
  }

  [Symbol.asyncIterator](): AsyncIterator<OutputChunk, undefined> {
    if (this.#iterated || this.#promise !== undefined) throw berthError("process.output_taken");
    this.#iterated = true;
    return this.#queue;
  }

  lines(options: { readonly stream?: OutputStream | "both" } = {}): AsyncIterable<string> {
    return new OutputLines(this[Symbol.asyncIterator](), options.stream ?? "stdout");
  }

  /** The runtime is being closed. */
  shutdown(error: BerthError): void {
    this.#end(error);
  }

  /** Settles when the caller has its answer. Never rejects. */
  get settled(): Promise<unknown> {
    return this.#result.promise.catch(() => undefined);
  }

  #await(): Promise<ExecResult> {
    if (this.#iterated) return Promise.reject(berthError("process.output_taken"));
    if (this.#promise === undefined) {
      this.#promise = this.#result.promise;
      this.#capture ??= this.#newCapture();
      for (const chunk of this.#queue.drain()) {
        if (chunk.type === "data") this.#capture.push(chunk.stream, chunk.data);
      }
      if (this.#exit !== undefined) this.#resolve(this.#exit);
    }
    return this.#promise;
  }

  #newCapture(): Capture {
    return new Capture(Math.max(0, Math.floor(this.#options.maxCaptureBytes ?? DEFAULT_CAPTURE_BYTES)));
  }

  // --- start ---

  #read(base: EnvironmentPairs, command: Command, options: ExecOptions): Request {
    const { argv } = commandArgv(command, options.shell);
    const { paths, user } = this.#place;
    // A `tee` in between would end with the last who holds its pipe, not with the command.
    if (options.keepOutput !== undefined) throw this.#refuse("daemon");
    if (options.user !== undefined && options.user !== user) {
      throw berthError("runtime.capability_unsupported", {
        runtime: this.#place.description,
        context: { capability: "user" },
        hint: "Open the runtime with that user instead; changing it per command needs the daemon.",
      });
    }
    // `sh -c` would take a command text that begins like an option for one.
    const [shell = "", flag = "", text = ""] = argv;
    const isText = typeof command === "string" && /^[-+]/.test(text);
    return {
      argv: isText ? [shell, flag, ` ${text}`] : argv,
      cwd: options.cwd === undefined ? paths.workdir : placePath(options.cwd, paths),
      env: environmentPairs(options.env, base),
      timeoutMs: milliseconds("timeoutMs", options.timeoutMs, 1),
      killGraceMs: milliseconds("killGraceMs", options.killGraceMs, 0) ?? DEFAULT_GRACE_MS,
      drainMs: milliseconds("drainMs", options.drainMs, 0) ?? 0,
    };
  }

  async #start(request: Request): Promise<void> {
    const { input, stderr } = this.#options;
    try {
      const tools = await this.#place.tools();
      this.#tools = tools;
      const write = (nonce: string) =>
        commandScript({
          ...request,
          nonce,
          shell: this.#place.shell,
          tools,
          input: input !== undefined,
          merge: stderr === "merge",
        });
      const connectedAt = performance.now();
      const run = await this.#place.start(write, this, { signal: this.#cancelStart.signal });
      this.#run = run;
      this.#startedAt = performance.now();
      if (this.#unwanted) {
        this.#endInPlace(run);
        return;
      }
      this.#armDeadline(request, this.#startedAt - connectedAt);
      const fed = feed(run, input);
      fed.catch((error: unknown) => this.#end(this.#inputError(error)));
      const end = await run.ended;
      this.#ended(end, tools);
    } catch (error) {
      this.#fail(this.#place.explain(error));
    }
  }

  #inputError(cause: unknown): BerthError {
    return berthError("operation.aborted", {
      message: `the input of the command failed: ${cause instanceof Error ? cause.message : cause}`,
      runtime: this.#place.description,
      cause,
    });
  }

  // --- what comes from the place ---

  data(stream: ScriptStream, bytes: Buffer): void {
    if (this.#settled) return;
    this.#outputBytes += bytes.length;
    if (stream === "stderr" && this.#said.length < SAID_BYTES) this.#said += bytes.toString("latin1");
    if (this.#capture !== undefined) this.#capture.push(stream, bytes);
    else this.#queue.push(stream, bytes);
  }

  marker(payload: string): void {
    const [kind, first = ""] = payload.split(" ", 2);
    if (kind === "start") {
      this.#startedAt = performance.now();
      this.#pid = Number(first);
      this.#startTime = startTimeOf(payload);
      this.#started?.resolve(this.#info);
      if (this.#unwanted && this.#run !== undefined) this.#endInPlace(this.#run);
    } else if (kind === "timeout") this.#timedOut = true;
    else if (kind === "failed") this.#refused = true;
    else if (kind === "error") this.#error = first;
  }

  #exit: ExitStatus | undefined;

  #ended(end: string, tools: PlaceTools): void {
    const outcome = parseOutcome(end, tools.launcher);
    const started = this.#pid !== undefined;
    if (this.#error !== undefined) {
      const code =
        errorEntry(this.#error) === undefined ? "process.spawn_failed" : (this.#error as ErrorCode);
      this.#fail(this.#startError(code));
    } else if (this.#refused || !started) {
      const said = this.#refused ? this.#said : outcome.said;
      this.#fail(this.#startError(startFailure(said, outcome.status, this.#refused), said));
    } else {
      this.#finish({
        exitCode: outcome.exitCode,
        signal: outcome.signal,
        timedOut: this.#timedOut,
        durationMs: performance.now() - this.#startedAt,
      });
    }
  }

  #startError(code: ErrorCode, said = ""): BerthError {
    const { argv, cwd } = this.#request!;
    return berthError(code, {
      hop: "transport",
      runtime: this.#place.description,
      context: {
        command: argv[0],
        cwd,
        name: /(\w+): (?:is )?read[- ]?only/.exec(said)?.[1],
        reason: said.trim().split("\n").at(-1) || "the shell does not say why",
      },
    });
  }

  #finish(exit: ExitStatus): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#release();
    this.#exit = exit;
    if (this.#capture === undefined)
      this.#queue.end({ type: "exit", exit, cursor: this.#outputBytes }, undefined);
    else this.#resolve(exit);
  }

  #resolve(exit: ExitStatus): void {
    const captured = this.#capture!.take(this.#outputBytes);
    this.#result.resolve({ ...exit, ...captured, outputBytes: this.#outputBytes, processId: this.#id });
  }

  #fail(error: BerthError): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#release();
    this.#started?.reject(error);
    this.#result.reject(error);
    this.#queue.end(undefined, error);
  }

  // --- the end from this side ---

  pause(): void {
    this.#run?.pause();
  }

  resume(): void {
    this.#run?.resume();
  }

  /** The reader left: the command is ended. */
  left(): void {
    this.#end(undefined);
  }

  /** Answers the caller at once, and ends the command in the place. */
  #end(error: BerthError | undefined): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#release();
    this.#started?.reject(error ?? this.#place.aborted(undefined));
    if (error !== undefined) {
      this.#queue.abort(error);
      this.#result.reject(error);
    }
    this.#endLater();
  }

  #endLater(): void {
    this.#unwanted = true;
    if (this.#run === undefined) this.#cancelStart.abort();
    else this.#endInPlace(this.#run);
  }

  /** Before the start marker is here there is nobody to signal; it comes, or the run ends. */
  #endInPlace(run: ScriptRun): void {
    run.resume();
    const { killGraceMs } = this.#request!;
    const tools = this.#tools;
    const pid = this.#pid;
    if (tools === undefined || pid === undefined) return;
    const script = (nonce: string) =>
      endScript({ nonce, tools, pid, startTime: this.#startTime, killGraceMs });
    this.#place.background(this.#place.endRun(run, script, this.#id));
  }

  #armDeadline(request: Request, connectMs: number): void {
    if (request.timeoutMs === undefined || this.#settled) return;
    const delayMs = request.timeoutMs + request.killGraceMs + DEADLINE_SLACK_MS + connectMs;
    if (delayMs > 0x7fff_ffff) return;
    this.#deadline = setTimeout(() => this.#giveUp(), delayMs);
  }

  /** The place did not end the command in time and does not answer: the caller gets what there is. */
  #giveUp(): void {
    if (this.#settled) return;
    const durationMs = performance.now() - this.#startedAt;
    this.#finish({ exitCode: null, signal: "SIGKILL", timedOut: true, durationMs });
    this.#endLater();
  }

  #release(): void {
    clearTimeout(this.#deadline);
    if (this.#onAbort !== undefined) this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#onAbort = undefined;
  }
}
