import { randomBytes } from "node:crypto";
import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import type { BerthEventInput } from "../../contract/events.ts";
import { within } from "../../contract/within.ts";
import type { Transport } from "../../transports/transport.ts";
import type { PathContext } from "../common/command.ts";
import { endTreeScript } from "./command-script.ts";
import { feed } from "./feed.ts";
import { RunGuard } from "./guard.ts";
import { markerFunction } from "./script.ts";
import { type ScriptHandler, ScriptRun } from "./script-run.ts";
import type { SftpLink } from "./sftp-link.ts";
import { Shells } from "./shells.ts";
import { type PlaceTools, parseProbe, probeScript } from "./tools.ts";

/** Ended commands whose children still hold their output, kept open so that the children can write on. */
const MAX_LINGERING = 16;
/** Longest time that a place may take to answer the probe. */
const PROBE_DEADLINE_MS = 30_000;
/** What is kept of a script's stderr, for its error. */
const MAX_STDERR_BYTES = 64 * 1024;
/** With more runs than that under way there are no spares: ten sessions are all that sshd gives a connection. */
const MAX_RUNS_WITH_SPARES = 6;

export interface PlaceOptions {
  readonly transport: Transport;
  readonly shell: string;
  readonly paths: PathContext;
  readonly user: string | undefined;
  readonly maxRuns: number;
  /** Shells kept ready for the next scripts. */
  readonly spareRuns: number;
  readonly onEvent: ((event: BerthEventInput) => void) | undefined;
  readonly description: string;
}

export interface StartOptions {
  readonly signal?: AbortSignal | undefined;
  /** Does not wait for its turn among the runs, and not for a session behind others: for what ends others. */
  readonly urgent?: boolean;
}

export interface CollectOptions extends StartOptions {
  /** Milliseconds without anything coming or going until it is given up. */
  readonly idleTimeoutMs: number;
  readonly late: () => BerthError;
  /** What the script reads; the run is closed without an end of it when this fails. */
  readonly input?: Uint8Array | AsyncIterable<Uint8Array> | undefined;
  /** Takes stdout instead of the result; true asks to pause. */
  readonly onData?: ((bytes: Buffer, run: ScriptRun) => void) | undefined;
}

export interface ScriptResult {
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** Code of an `error CODE` marker. */
  readonly error: string | undefined;
  /** Code of a `maybe CODE` marker: what a look at the path suggests where the tool said nothing known. */
  readonly maybe: string | undefined;
}

/** One place, seen through `transport.run()`: its tools, the limit of runs, and everything that is under way. */
export class ShellPlace {
  readonly description: string;
  readonly transport: Transport;
  readonly shell: string;
  readonly paths: PathContext;
  readonly user: string | undefined;
  readonly onEvent: ((event: BerthEventInput) => void) | undefined;
  readonly #guard: RunGuard;
  readonly #shells: Shells;
  readonly #runs = new Set<ScriptRun>();
  readonly #lingering = new Set<ScriptRun>();
  readonly #background = new Set<Promise<void>>();
  #tools: Promise<PlaceTools> | undefined;
  #knownTools: PlaceTools | undefined;
  #refusing = false;
  #closed = false;

  constructor(options: PlaceOptions) {
    this.description = options.description;
    this.transport = options.transport;
    this.shell = options.shell;
    this.paths = options.paths;
    this.user = options.user;
    this.onEvent = options.onEvent;
    this.#guard = new RunGuard(options.maxRuns);
    this.#shells = new Shells({
      ...options,
      idle: () => !this.#refusing && this.#runs.size <= MAX_RUNS_WITH_SPARES,
      onSftpMissing: ({ code, message }) =>
        this.emit({
          type: "files.sftp_missing",
          message: `the shell moves the files: ${message}`,
          data: { code },
        }),
    });
  }

  /** The place's files by SFTP; undefined where its transport has no such way. */
  get sftp(): SftpLink | undefined {
    return this.#shells.sftp;
  }

  /** From now on only what ends others is started. */
  refuse(): void {
    this.#refusing = true;
  }

  /**
   * What the place has; asked once, again after a failure.
   * @throws provision.probe_failed, and what the transport throws
   */
  tools(): Promise<PlaceTools> {
    if (this.#tools === undefined) {
      this.#tools = this.#probe();
      this.#tools.catch(() => {
        this.#tools = undefined;
      });
    }
    return this.#tools;
  }

  /**
   * Starts a script, which prints both end markers itself. `write` makes its text for a nonce.
   * @throws runtime.closed, operation.aborted, what the transport throws
   */
  async start(
    write: (nonce: string) => string,
    handler: ScriptHandler,
    options: StartOptions = {},
  ): Promise<ScriptRun> {
    const { signal } = options;
    if (this.#closed || (this.#refusing && options.urgent !== true)) throw this.closedError();
    if (signal?.aborted) throw this.aborted(signal);
    const leave =
      options.urgent === true
        ? () => {}
        : await this.#guard.enter(signal).catch(() => {
            throw this.aborted(signal);
          });
    let run: ScriptRun;
    try {
      const nonce = randomBytes(16).toString("hex");
      const script = write(nonce);
      const raw = await this.#shells.connect(signal, options.urgent === true);
      if (this.#closed) {
        raw.close();
        throw this.closedError();
      }
      run = new ScriptRun(raw, nonce, script, handler, this.description);
    } catch (error) {
      leave();
      throw signal?.aborted ? this.aborted(signal) : this.explain(error);
    }
    this.#runs.add(run);
    this.#shells.refill();
    void run.ended
      .then(
        () => this.#linger(run),
        () => {},
      )
      .finally(() => {
        this.#runs.delete(run);
        leave();
      });
    return run;
  }

  /**
   * Runs a script's body (in a subshell of its own, so that it can exit) to its end.
   * @throws what `start` throws, transport.disconnected, `late`
   */
  async collect(body: string, options: CollectOptions): Promise<ScriptResult> {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let stderrBytes = 0;
    let error: string | undefined;
    let maybe: string | undefined;
    let pid: number | undefined;
    let started: ScriptRun | undefined;
    const failure = Promise.withResolvers<never>();
    failure.promise.catch(() => {});
    const { signal } = options;
    const onAbort = () => failure.reject(this.aborted(signal));
    signal?.addEventListener("abort", onAbort, { once: true });
    let timer: NodeJS.Timeout | undefined;
    const progress = () => {
      timer ??= setTimeout(() => {
        // What waits for this side is not late.
        if (started?.held === true) timer?.refresh();
        else failure.reject(options.late());
      }, options.idleTimeoutMs);
      timer.refresh();
    };
    let inputFailure: { readonly cause: unknown } | undefined;
    const handler: ScriptHandler = {
      data: (stream, bytes) => {
        progress();
        if (stream === "stderr") {
          if (stderrBytes < MAX_STDERR_BYTES) stderr.push(bytes);
          stderrBytes += bytes.length;
        } else if (options.onData !== undefined && started !== undefined) options.onData(bytes, started);
        else stdout.push(bytes);
      },
      marker: (payload) => {
        if (payload.startsWith("error ")) error ??= payload.slice(6).trim();
        else if (payload.startsWith("maybe ")) maybe ??= payload.slice(6).trim();
        else if (payload.startsWith("pid ")) pid = Number(payload.slice(4));
      },
    };
    try {
      const run = await this.start((nonce) => bodyScript(nonce, body), handler, options);
      started = run;
      progress();
      const fed = feed(run, options.input, progress).then(
        () => run.ended,
        (cause: unknown) => {
          inputFailure = { cause };
          throw cause;
        },
      );
      const end = await Promise.race([run.ended, failure.promise, fed]);
      return {
        status: Number(end),
        stdout: Buffer.concat(stdout),
        stderr: Buffer.concat(stderr).toString("utf8"),
        error,
        maybe,
      };
    } catch (cause) {
      if (started !== undefined) this.#endScript(started, pid);
      // What the caller's own iterable throws is the caller's.
      throw inputFailure?.cause === cause ? cause : this.explain(cause);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /**
   * Ends what a run has started by a second run, then lets go of it. For a command (`processId`) it is an event, also
   * when it could not be ended. Never rejects.
   */
  async endRun(run: ScriptRun, write: (nonce: string) => string, processId?: string): Promise<void> {
    let said = "";
    const handler: ScriptHandler = {
      data: (_stream, bytes) => {
        said += bytes.toString("latin1");
      },
      marker: () => {},
    };
    const emit = (type: string, message: string, data: Record<string, unknown>) => {
      if (processId !== undefined) this.emit({ type, message, processId, data });
    };
    try {
      const ending = await this.start(write, handler, { urgent: true });
      ending.stdin.end();
      await ending.ended;
      const left = /left 1/.test(said) ? 1 : 0;
      const message =
        left === 0 ? "a command was ended" : "a command was ended; some of its processes are left";
      emit("process.ended", message, { left });
    } catch (error) {
      const { message, code } = this.explain(error);
      emit("process.end_failed", `a command could not be ended: ${message}`, { code });
    } finally {
      run.close();
    }
  }

  /** Work that nobody waits for but `close()`. */
  background(task: Promise<void>): void {
    const tracked = task.finally(() => this.#background.delete(tracked));
    this.#background.add(tracked);
  }

  emit(event: BerthEventInput): void {
    this.onEvent?.({ ...event, runtime: this.description });
  }

  aborted(signal: AbortSignal | undefined): BerthError {
    return berthError("operation.aborted", { runtime: this.description, cause: signal?.reason });
  }

  closedError(): BerthError {
    return berthError("runtime.closed", { runtime: this.description });
  }

  /** Any error as one that says where it happened. */
  explain(error: unknown): BerthError {
    if (isBerthError(error)) return error;
    return berthError("transport.disconnected", {
      hop: "transport",
      runtime: this.description,
      message: `the connection to ${this.description} was lost: ${error instanceof Error ? error.message : error}`,
      cause: error,
    });
  }

  /** Ends everything that is under way; `refuse()` came before. Background work gets `limitMs`. */
  async close(limitMs: number): Promise<void> {
    if (this.#background.size > 0) await within(limitMs, Promise.all(this.#background));
    this.#closed = true;
    this.#shells.close();
    for (const run of [...this.#runs, ...this.#lingering]) run.close();
  }

  async #probe(): Promise<PlaceTools> {
    const late = () =>
      berthError("provision.probe_failed", {
        hop: "transport",
        runtime: this.description,
        message: `${this.description} did not answer the first probe in ${PROBE_DEADLINE_MS / 1000} s`,
      });
    const body = probeScript(this.shell);
    // One for the probe, and one for what waits for its answer.
    this.#shells.prepare(2);
    const result = await this.collect(body, { idleTimeoutMs: PROBE_DEADLINE_MS, late }).catch(
      (cause: unknown) => {
        // A place that is reached and has no shell to speak of ends the run at once.
        if (!isBerthError(cause, "transport.disconnected") || cause.context.status === undefined) throw cause;
        throw berthError("provision.probe_failed", { hop: "transport", runtime: this.description, cause });
      },
    );
    this.#knownTools = parseProbe(result.stdout.toString("utf8"));
    return this.#knownTools;
  }

  /** A script that did not come to its end may go on for ever (a read of a device) or hang. */
  #endScript(run: ScriptRun, pid: number | undefined): void {
    const tools = this.#knownTools;
    if (run.over || pid === undefined || tools === undefined) run.close();
    else this.background(this.endRun(run, (nonce) => endTreeScript(nonce, pid, tools)));
  }

  #linger(run: ScriptRun): void {
    if (this.#closed) return;
    run.resume();
    this.#lingering.add(run);
    void run.gone.then(() => this.#lingering.delete(run));
    for (const oldest of this.#lingering) {
      if (this.#lingering.size <= MAX_LINGERING) break;
      this.#lingering.delete(oldest);
      oldest.close();
    }
  }
}

/** `_bE CODE` in the body ends it with a typed error. Tools speak C, so that their messages can be read. */
function bodyScript(nonce: string, body: string): string {
  return `${markerFunction(nonce)}
_bm "pid $$" >&2
_bE() { _bm "error $1" >&2; exit 1; }
LC_ALL=C TZ=UTC0 CDPATH=
export LC_ALL TZ
(
${body}
)
_bs=$?
_bm end
_bm "end $_bs" >&2`;
}
