import { type BerthError, berthError } from "../../contract/errors.ts";
import type { ExitStatus, OutputFile, ProcessInfo, TtySize, TtySizeAt } from "../../contract/process.ts";
import { SIGNAL_NUMBERS, type SignalName } from "../../contract/signals.ts";
import type { WaitingFor } from "../../contract/waiting.ts";
import { CHANNEL } from "../../wire/messages.ts";
import type { KeptOutput } from "./kept-output.ts";
import { longTimeout } from "./long-timeout.ts";
import type { OutputLog } from "./output-log.ts";
import { PipeReader } from "./pipe-reader.ts";
import type { SpawnEvents, SpawnedProcess, SpawnSpec } from "./spawner.ts";
import { StdinPipe } from "./stdin-pipe.ts";
import { waitingOf } from "./waiting.ts";

/** How long KILL is repeated until a look finds nothing of the tree, in milliseconds. */
const KILL_TREE_LIMIT_MS = 2000;
/** How long the end of a process without a tree waits for its last output. */
const COMPLETION_LIMIT_MS = 1000;
/** Turns of the loop without a byte after which the pipes of an ended command are empty (SEMANTICS, Commands 1). */
const QUIET_TURNS = 2;
/** A terminal's output ends by itself behind its last byte; only where a child holds it, silence has to do, for so long. */
const TTY_DRAIN_MS = 50;
/** More than a pipe holds (Linux: 64 KiB, at most 1 MiB): so much later, what was in it at the exit has been read. */
const PIPE_BYTES = 1024 * 1024;

/** Sizes of a terminal that are remembered; more than a person makes, and few enough for one answer. */
const MAX_SIZES = 1000;

/** Lag of a lossless reader that memory holds easily. */
const AHEAD_BYTES = 2 * 1024 * 1024;
/** Longest time that a process waits for a lossless reader which is within the log's limit. */
const PATIENCE_MS = 20;

export interface ProcessOptions {
  readonly id: string;
  readonly name: string | undefined;
  readonly workspace: string | undefined;
  readonly spec: SpawnSpec;
  readonly userName: string | undefined;
  readonly overflow: "pause" | "drop";
  readonly timeoutMs: number | undefined;
  readonly killGraceMs: number;
  readonly drainMs: number;
  readonly log: OutputLog;
  /** Where the output is kept as a file. */
  readonly kept: KeptOutput | undefined;
}

type Started = { readonly ok: true } | { readonly ok: false; readonly error: BerthError };

/**
 * A process of the daemon, from its start until its record is removed. It owns the pipes, the log and the
 * deadline; who may still be interested (leases, retention) is the host's business.
 */
export class ManagedProcess implements SpawnEvents {
  readonly id: string;
  readonly name: string | undefined;
  readonly workspace: string | undefined;
  readonly spec: SpawnSpec;
  readonly log: OutputLog;
  readonly options: ProcessOptions;
  readonly startedAt = new Date();
  endedAt: Date | undefined;
  detached = false;
  exit: ExitStatus | undefined;
  /** Cursor of the log at the exit; what comes behind it is of children that live on. */
  exitCursor = Number.POSITIVE_INFINITY;
  /** Nothing of its tree is left. */
  treeEmpty = false;
  stdin: StdinPipe | undefined;
  tty: TtySize | undefined;
  readonly #sizes: TtySizeAt[] = [];
  readonly whenStarted: Promise<Started>;
  /** Called when the tree was ended because the time was over, with the number of processes that are left. */
  onTimeoutEnd: (left: number) => void = () => {};
  #overflow: "pause" | "drop";
  readonly #listeners = new Set<() => void>();
  readonly #readers: PipeReader[] = [];
  #resolveStarted: (started: Started) => void = () => {};
  #child: SpawnedProcess | undefined;
  #startedMs = 0;
  #exited: { exitCode: number | null; signal: string | null; atMs: number } | undefined;
  #timedOut = false;
  #waiting: WaitingFor | undefined;
  #cancelDeadline = (): void => {};
  #ending: Promise<number> | undefined;
  /** All of its output is read, and being written to the file that is kept. */
  #completing = false;
  #paused = false;
  /** Called once when the pipes are read again. */
  #onResume: (() => void) | undefined;
  /** Runs while the process waits for a reader that may be fast. */
  #patience: NodeJS.Timeout | undefined;
  /** Cursor up to which it does not wait again. */
  #freeUntil = 0;

  constructor(options: ProcessOptions) {
    this.options = options;
    this.id = options.id;
    this.name = options.name;
    this.workspace = options.workspace;
    this.spec = options.spec;
    this.log = options.log;
    this.#overflow = options.overflow;
    this.tty = options.spec.tty;
    if (this.tty !== undefined) this.#sizes.push({ cursor: 0, ...this.tty });
    this.whenStarted = new Promise((resolve) => {
      this.#resolveStarted = resolve;
    });
    this.log.onChange = () => {
      options.kept?.changed();
      this.#changed();
    };
    if (options.kept !== undefined) options.kept.onAdvance = () => this.readerAdvanced();
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  get startTime(): number {
    return this.#child?.startTime ?? 0;
  }

  get outputFile(): OutputFile | undefined {
    return this.options.kept?.file;
  }

  /** The command has ended, though perhaps not all of its output is read. */
  get ended(): boolean {
    return this.#exited !== undefined;
  }

  get finished(): boolean {
    return this.exit !== undefined;
  }

  /** Called on output, on exit and when the tree is empty. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #changed(): void {
    this.#applyBackpressure();
    for (const listener of this.#listeners) listener();
  }

  /** It is handed to the spawner now. A loop that is late to hear of the start never makes the duration too short. */
  starting(): void {
    this.#startedMs = performance.now();
  }

  // --- what the spawner reports ---

  started(child: SpawnedProcess): void {
    this.#child = child;
    const channel = this.tty === undefined ? CHANNEL.stdout : CHANNEL.tty;
    this.#read(child.stdout, channel);
    if (child.stderr !== undefined) this.#read(child.stderr, CHANNEL.stderr);
    if (child.stdin !== undefined) this.stdin = new StdinPipe(child.stdin, this.tty !== undefined);
    if (this.options.timeoutMs !== undefined) {
      this.#cancelDeadline = longTimeout(() => void this.#timeIsOver(child.pid), this.options.timeoutMs);
    }
    this.#resolveStarted({ ok: true });
  }

  /** Looks first what it waits for: ended, it can't be asked any more. */
  async #timeIsOver(pid: number): Promise<void> {
    let lifted = false;
    this.#cancelDeadline = () => {
      lifted = true;
    };
    const waiting = await waitingOf(pid, this.stdin?.closed === false);
    if (lifted || this.#exited !== undefined) return;
    this.#timedOut = true;
    this.#waiting = waiting;
    this.onTimeoutEnd(await this.end());
  }

  failed(error: BerthError): void {
    this.treeEmpty = true;
    this.#resolveStarted({ ok: false, error });
  }

  exited(status: { readonly exitCode: number | null; readonly signal: string | null }): void {
    if (this.#exited !== undefined) return;
    this.#exited = { ...status, atMs: performance.now() };
    this.#cancelDeadline();
    this.stdin?.processEnded();
    this.#awaitQuiet();
  }

  empty(): void {
    this.treeEmpty = true;
    this.#changed();
  }

  #read(descriptor: number, channel: number): void {
    const reader = new PipeReader(
      descriptor,
      (bytes) => {
        this.log.append(channel, bytes);
        // A blocked pipe would also keep an ended command from completing.
        return !this.#paused;
      },
      () => {
        if (this.#exited !== undefined && this.#readers.every((candidate) => candidate.ended))
          this.#complete();
      },
    );
    this.#readers.push(reader);
  }

  /** Waits until the pipes of the ended command are empty, not until all who hold them are gone. */
  #awaitQuiet(): void {
    const exitedAtMs = this.#exited?.atMs ?? 0;
    const drainMs = Math.max(this.options.drainMs, this.tty === undefined ? 0 : TTY_DRAIN_MS);
    const atExit = this.#readers.map((reader) => reader.bytes);
    let turns = 0;
    let seen = -1;
    const turn = (): void => {
      if (this.finished || this.#completing) return;
      if (this.#readers.every((reader) => reader.ended)) {
        this.#complete();
        return;
      }
      const count = this.#readers.reduce((sum, reader) => sum + reader.bytes, 0);
      const blocked = this.#readers.some((reader) => reader.paused);
      turns = count === seen && !blocked ? turns + 1 : 0;
      seen = count;
      // A child that never stops writing gives no silence.
      const read = this.#readers.every(
        (reader, index) => reader.ended || reader.bytes - (atExit[index] ?? 0) >= PIPE_BYTES,
      );
      const remainingMs = exitedAtMs + drainMs - performance.now();
      if ((read || turns >= QUIET_TURNS) && remainingMs <= 0) this.#complete();
      else if (blocked) this.#onResume = () => setImmediate(turn);
      else if (turns >= QUIET_TURNS) setTimeout(turn, Math.min(remainingMs, 50));
      else setImmediate(turn);
    };
    turn();
  }

  #complete(): void {
    const exited = this.#exited;
    if (exited === undefined || this.finished || this.#completing) return;
    this.#completing = true;
    this.exitCursor = this.log.end;
    this.endedAt = new Date();
    const writing = this.options.kept?.complete();
    if (writing === undefined) this.#finish(exited);
    else void writing.then(() => this.#finish(exited));
  }

  #finish(exited: { exitCode: number | null; signal: string | null; atMs: number }): void {
    this.exit = {
      exitCode: exited.exitCode,
      signal: exited.signal,
      timedOut: this.#timedOut,
      durationMs: Math.round((exited.atMs - this.#startedMs) * 1000) / 1000,
      ...(this.#waiting === undefined ? {} : { waiting: this.#waiting }),
    };
    this.#changed();
  }

  // --- backpressure ---

  /** A lossless reader has moved on or is gone: a process that waited for it may go on. */
  readerAdvanced(): void {
    if (this.#paused) this.#applyBackpressure();
  }

  /**
   * With overflow "pause" the process waits when its lossless reader lags by the log's limit; with either it
   * waits for a disk that is behind but works. With "drop" the oldest bytes go.
   */
  #applyBackpressure(): void {
    const { log } = this;
    const lag = this.#overflow === "pause" ? log.end - Math.min(log.floor, log.end) : 0;
    this.#paused =
      log.congested ||
      this.options.kept?.behind === true ||
      lag >= log.limitBytes ||
      this.#waitsForReader(lag);
    if (this.#paused) return;
    for (const reader of this.#readers) reader.resume();
    this.#onResume?.();
    this.#onResume = undefined;
  }

  /**
   * Lets a fast reader catch up while its bytes are still in memory, instead of through the disk. A slow one
   * costs the process at most PATIENCE_MS for every AHEAD_BYTES, so that a slow link never sets its pace.
   */
  #waitsForReader(lag: number): boolean {
    if (lag <= (this.#patience === undefined ? AHEAD_BYTES : AHEAD_BYTES / 2)) {
      clearTimeout(this.#patience);
      this.#patience = undefined;
      return false;
    }
    if (this.log.end < this.#freeUntil) return false;
    this.#patience ??= setTimeout(() => {
      this.#patience = undefined;
      this.#freeUntil = this.log.end + AHEAD_BYTES;
      this.#applyBackpressure();
    }, PATIENCE_MS);
    return true;
  }

  // --- control ---

  #assertLive(): SpawnedProcess {
    if (this.#child === undefined || this.#exited !== undefined) {
      throw berthError("process.finished", { hop: "berthd", context: { id: this.id } });
    }
    return this.#child;
  }

  /**
   * It goes on in the background: no timeout ends it, and it waits for no reader. False when its timeout has begun to end
   * it. One that has ended stays as it is.
   */
  toBackground(): boolean {
    if (this.#timedOut) return false;
    if (this.ended) return true;
    this.#cancelDeadline();
    this.#overflow = "drop";
    this.#applyBackpressure();
    return true;
  }

  async signal(name: SignalName): Promise<void> {
    const child = this.#assertLive();
    if (!(await child.signal(SIGNAL_NUMBERS[name]))) {
      throw berthError("process.finished", { hop: "berthd", context: { id: this.id } });
    }
  }

  resize(size: TtySize): void {
    const child = this.#assertLive();
    if (this.tty === undefined)
      throw berthError("process.not_a_tty", { hop: "berthd", context: { id: this.id } });
    const { columns, rows } = size;
    if (columns !== this.tty.columns || rows !== this.tty.rows) this.#noteSize(size);
    this.tty = size;
    child.resize(size);
  }

  /** What is drawn from here on is for that size. */
  #noteSize({ columns, rows }: TtySize): void {
    const cursor = this.log.end;
    if (this.#sizes.at(-1)?.cursor === cursor) this.#sizes.pop();
    this.#sizes.push({ cursor, columns, rows });
    if (this.#sizes.length > MAX_SIZES) this.#sizes.shift();
  }

  /**
   * Ends the process and its tree: the signal and CONT to the group, the grace, then KILL to all until none is
   * found. Returns how many are left. A second caller shares the first one's end; a finished process without
   * children is a success at once.
   */
  end(options: { readonly signal?: SignalName; readonly graceMs?: number } = {}): Promise<number> {
    const child = this.#child;
    if (child === undefined || this.treeEmpty) return Promise.resolve(0);
    if (options.signal === "SIGKILL" || options.graceMs === 0) return this.#killTree(child);
    this.#ending ??= this.#end(child, options).finally(() => {
      this.#ending = undefined;
    });
    return this.#ending;
  }

  /** The end of the tree is known a moment before that of the output: whoever is told of one may ask for the other. */
  async #killTree(child: SpawnedProcess): Promise<number> {
    const left = await child.killTree(KILL_TREE_LIMIT_MS);
    if (left === 0) await this.#within(() => this.finished, COMPLETION_LIMIT_MS);
    return left;
  }

  async #end(
    child: SpawnedProcess,
    options: { readonly signal?: SignalName; readonly graceMs?: number },
  ): Promise<number> {
    const signal = options.signal ?? (this.tty === undefined ? "SIGTERM" : "SIGHUP");
    await child.signal(SIGNAL_NUMBERS[signal]);
    await child.signal(SIGNAL_NUMBERS.SIGCONT);
    const graceMs = options.graceMs ?? this.options.killGraceMs;
    if (await this.#within(() => this.treeEmpty && this.finished, graceMs)) return 0;
    return this.#killTree(child);
  }

  /** True when it comes to hold within the time. */
  #within(condition: () => boolean, ms: number): Promise<boolean> {
    if (condition()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const finish = (held: boolean): void => {
        cancel();
        unlisten();
        resolve(held);
      };
      const cancel = longTimeout(() => finish(false), ms);
      const unlisten = this.onChange(() => {
        if (condition()) finish(true);
      });
    });
  }

  /** Everything that is known of it. */
  describe(): ProcessInfo {
    return this.tty === undefined ? this.info() : { ...this.info(), ttySizes: this.#sizes };
  }

  /** As lists have it. */
  info(): ProcessInfo {
    const { spec, options } = this;
    return {
      id: this.id,
      name: this.name,
      workspace: this.workspace,
      command: spec.argv,
      cwd: spec.cwd,
      user: options.userName,
      pid: this.pid,
      state: this.finished ? "exited" : "running",
      tty: this.tty ?? null,
      detached: this.detached,
      startedAt: this.startedAt.toISOString(),
      endedAt: this.endedAt?.toISOString(),
      exit: this.exit,
      outputEnd: this.log.end,
      outputStart: this.log.start,
      hasOrphans: this.finished && !this.treeEmpty ? true : undefined,
      ...this.outputFile,
    };
  }

  /** Lets go of the pipes; the tree has been ended or is left to itself. */
  dispose(): void {
    this.#cancelDeadline();
    clearTimeout(this.#patience);
    for (const reader of this.#readers) reader.destroy();
    this.stdin?.destroy();
    this.options.kept?.close();
    this.#listeners.clear();
  }
}
