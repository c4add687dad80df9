import type { SignalName } from "./signals.ts";
import type { WaitingFor } from "./waiting.ts";

/** A command: an argv never meets a shell, a string runs in `/bin/sh -c` (or the `shell` of the options). */
export type Command = readonly string[] | string;

export type OutputStream = "stdout" | "stderr" | "tty";

/** How a process ended. Exactly one of `exitCode` and `signal` is null. */
export interface ExitStatus {
  /** null after death by signal. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** True when Berth ended it because its `timeoutMs` was over. */
  readonly timedOut: boolean;
  /** From the start of the command to its exit, in milliseconds. */
  readonly durationMs: number;
  /** Of a command whose time was over, where the place could tell for certain: what it was waiting for when it was ended. */
  readonly waiting?: WaitingFor | undefined;
}

/**
 * One step of a process's output. `cursor` is the number of output bytes since the start, over all streams,
 * up to and including this chunk: `output({ from: cursor })` continues behind it with no loss and no repeat.
 */
export type OutputChunk =
  | {
      readonly type: "data";
      readonly stream: OutputStream;
      readonly data: Uint8Array;
      readonly cursor: number;
    }
  /** The bytes `from` (inclusive) to `to` (exclusive) are gone: dropped by the log's limits or a full disk. */
  | { readonly type: "gap"; readonly gap: { readonly from: number; readonly to: number } }
  /** Strictly last. */
  | ({ readonly type: "exit"; readonly exit: ExitStatus; readonly cursor: number } & OutputFile);

/** Where the output is as a file, of a process that was started with `keepOutput`. */
export interface OutputFile {
  /** Absolute path in the place, once there is one: all of the output, both streams in the order of arrival. */
  readonly outputFile?: string | undefined;
  /** The file ends here, though the output went on: the log's limit was reached, or the disk did not take more. */
  readonly outputFileCut?: { readonly at: number; readonly reason: "limit" | "disk" } | undefined;
}

export interface TtySize {
  readonly columns: number;
  readonly rows: number;
}

/** A size that a terminal had for the output from this cursor on. */
export interface TtySizeAt extends TtySize {
  readonly cursor: number;
}

/** Options of everything that starts a command. */
export interface CommandOptions {
  /** Relative to the runtime's workdir; `~` is the HOME of the command's user. Default: the workdir. */
  readonly cwd?: string;
  /** Added to the place's environment and Berth's non-interactive defaults; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Name or `uid[:gid]`, with HOME, USER, SHELL and all supplementary groups (capability `user`). */
  readonly user?: string;
  /** Milliseconds from the command's start; then TERM, `killGraceMs`, KILL. No default. */
  readonly timeoutMs?: number;
  /** Milliseconds between TERM and KILL, at a timeout or an abort. Default 2000. */
  readonly killGraceMs?: number;
  /**
   * Makes the start safe to repeat: the same id gets the same process, also from another client, and the command never
   * runs twice. 1 to 128 characters. Default: a new one.
   */
  readonly requestId?: string;
  /** Aborting settles the call at once and ends the whole process tree in the place. */
  readonly signal?: AbortSignal;
  /** Shell of a command given as a string. Default "/bin/sh"; "bash" takes the first bash of PATH. */
  readonly shell?: string;
  /** "merge": stderr is the same pipe as stdout, so that their order is exact. */
  readonly stderr?: "separate" | "merge";
  /** Extra milliseconds to wait after the exit for output of children that still hold the pipes. Default 0. */
  readonly drainMs?: number;
  /** What happens when the log's limit is reached: the process waits, or the oldest bytes are dropped. */
  readonly overflow?: "pause" | "drop";
  /** Disk that the log may take, in bytes. Default 256 MiB. */
  readonly logLimitBytes?: number;
  /**
   * Once its output is longer than `aboveBytes`, all of it is also in a file of the place, in the order of arrival and up to
   * the log's limit: `outputFile` of its info. It grows with the output, has all of it before the exit is told, outlives
   * process and daemon, and goes a day after its last use, or sooner when the disk of the logs is used up. Capability `daemon`.
   */
  readonly keepOutput?: { readonly aboveBytes: number };
}

export interface ExecOptions extends CommandOptions {
  /** What the command reads on stdin; default /dev/null. */
  readonly input?: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** Captured bytes a stream; head and tail are kept. Default 1 MiB. */
  readonly maxCaptureBytes?: number;
}

export interface ExecResult extends ExitStatus, OutputFile {
  /** Decoded as UTF-8 (invalid bytes become U+FFFD). Empty when stderr was merged into stdout. */
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutBytes: Uint8Array;
  readonly stderrBytes: Uint8Array;
  /** Bytes written in all, also those that were not captured. */
  readonly outputBytes: number;
  /** True when `stdout` or `stderr` is not everything; the process's log holds more. */
  readonly truncated: boolean;
  /** Id of the process; its whole output stays readable by `runtime.process(id)` for a while. */
  readonly processId: string;
}

/** A command that goes on by itself, and what came of it until then. */
export interface InBackground {
  readonly process: Process;
  /** Output up to here goes to whoever iterates, or is in `captured`; 0 when nobody has asked. `process.output({ from: cursor })` goes on. */
  readonly cursor: number;
  /** Of an awaited command: as in its result. */
  readonly captured?:
    | Pick<ExecResult, "stdout" | "stderr" | "stdoutBytes" | "stderrBytes" | "truncated">
    | undefined;
}

/**
 * A started command. Await it for the bounded result, or iterate it for every byte; not both.
 * A non-zero exit is data, never an exception.
 */
export interface ExecHandle extends PromiseLike<ExecResult>, AsyncIterable<OutputChunk> {
  /** Lines of stdout (of both streams with `stderr: "merge"`), decoded, without their line ends. */
  lines(options?: { readonly stream?: OutputStream | "both" }): AsyncIterable<string>;
  catch<T>(onRejected: (reason: unknown) => T | PromiseLike<T>): Promise<ExecResult | T>;
  finally(onFinally: () => void): Promise<ExecResult>;
  /** Settles when the command has started; rejects with why it did not. */
  readonly started: Promise<ProcessInfo>;
  /**
   * From now on the command goes on without its timeout and without this handle's signal, as if `spawn` had started it:
   * bound to this client by a lease, unless `detached`. It waits for no reader any more, and input that is still being fed
   * goes on. An iteration hands out what has come and ends behind `cursor` without an exit; a promise of the result
   * rejects with process.in_background. One that has ended meanwhile is handed over just so, with its result in
   * `process.exit`. Asked for again it gives the same. Until it has resolved, the signal still ends the command.
   * Capability `daemon`.
   * @throws process.finished when this handle has told the end, or the timeout has begun to end it; why it did not start
   */
  background(options?: BackgroundOptions): Promise<InBackground>;
}

export interface SpawnOptions extends CommandOptions {
  /** At most one live process of a name in a workspace (or outside of all): the same command returns it, another is process.name_conflict. */
  readonly name?: string;
  /** Default "ignore": /dev/null. */
  readonly stdin?: "pipe" | "ignore";
  /** A terminal in the place; `true` is 80 × 24. */
  readonly tty?: boolean | TtySize;
  /** Detached: runs until it ends. Otherwise it is bound to this client by a lease. Default false. */
  readonly detached?: boolean;
  /** Lease in milliseconds, counted while no client is connected. Default 30 min, with a tty 3 h. */
  readonly leaseMs?: number;
  /**
   * "readers": the lease counts while nobody reads its output, whether or not this client is connected, and neither
   * disposing the handle nor closing the runtime ends it. Default "client".
   */
  readonly keptBy?: "client" | "readers";
}

/** As in `SpawnOptions`, from the move on. */
export type BackgroundOptions = Pick<SpawnOptions, "detached" | "leaseMs">;

export type ProcessState = "running" | "exited" | "lost";

/** What is known of a process. Holds no environment values and no output. */
export interface ProcessInfo extends OutputFile {
  readonly id: string;
  readonly name?: string | undefined;
  /** Id of the workspace that it was started in; its name is one of that workspace's. */
  readonly workspace?: string | undefined;
  /** argv as it runs; a string command is [shell, "-c", string]. */
  readonly command: readonly string[];
  readonly cwd: string;
  readonly user?: string | undefined;
  /** null until it is started, and for a lost one. */
  readonly pid: number | null;
  readonly state: ProcessState;
  readonly tty: TtySize | null;
  /** Sizes that the terminal had, the oldest first, the newest 1,000. Of a running one, and not in lists. */
  readonly ttySizes?: readonly TtySizeAt[] | undefined;
  readonly detached: boolean;
  /** ISO time. */
  readonly startedAt: string;
  readonly endedAt?: string | undefined;
  readonly exit?: ExitStatus | undefined;
  /** Cursor of the log's end, and of its first byte that is still held. */
  readonly outputEnd: number;
  readonly outputStart: number;
  /** True while children of the ended command live on. */
  readonly hasOrphans?: boolean | undefined;
}

export interface OutputOptions {
  /** Cursor to start from; negative counts from the end. Default 0. */
  readonly from?: number;
  /** Go on until the exit. Default true. */
  readonly follow?: boolean;
  /** Only stops looking; the process goes on. */
  readonly signal?: AbortSignal;
}

export interface ReadyCondition {
  /** A TCP port that accepts connections on 127.0.0.1 or ::1 of the place. */
  readonly port?: number;
  /** A pattern in the output, from its first byte on. */
  readonly output?: RegExp;
  /** A path or URL that answers with a status below 400; with `port`, or in the URL. */
  readonly http?: string;
  /** Default 60,000 ms. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** stdin of a process: bytes with backpressure. */
export interface ProcessStdin {
  /** Resolves when the bytes are taken over (not when the process has read them). @throws process.stdin_closed */
  write(data: string | Uint8Array): Promise<void>;
  /** EOF. Idempotent. With a tty: the EOF character. */
  end(): Promise<void>;
  /** Resolves when the place has taken over everything that was written. */
  flush(): Promise<void>;
}

/** A process in a runtime. Disposing the handle ends it, unless it is detached. */
export interface Process extends AsyncDisposable {
  readonly id: string;
  readonly name: string | undefined;
  readonly pid: number | null;
  readonly tty: TtySize | null;
  /** What was known of it when this handle was made. */
  readonly found: ProcessInfo;
  readonly stdin: ProcessStdin;
  /** Bytes of one stream from the start; `stderr` is empty with a tty or when merged. */
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly stderr: AsyncIterable<Uint8Array>;
  /** Settles when it has ended and all its output is in the log. Rejects with process.lost. */
  readonly exit: Promise<ExitStatus>;
  info(options?: { readonly signal?: AbortSignal }): Promise<ProcessInfo>;
  output(options?: OutputOptions): AsyncIterable<OutputChunk>;
  ready(condition: ReadyCondition): Promise<void>;
  /** To the process group. @throws process.finished, process.signal_unsupported */
  signal(name: SignalName | string): Promise<void>;
  /**
   * Ends it: the signal (default SIGTERM), CONT, grace, then KILL to the whole tree. A finished one is a
   * success. Returns how many processes of the tree could not be ended.
   */
  kill(
    signal?: SignalName | string,
    options?: { readonly graceMs?: number },
  ): Promise<{ readonly left: number }>;
  /** @throws process.not_a_tty, process.finished */
  resize(size: TtySize): Promise<void>;
  /** From now on it outlives this client and this handle. */
  detach(): Promise<void>;
  /** Removes record and log. @throws process.running */
  remove(): Promise<void>;
  /** Lets go of this handle alone: what it waits for and writes ends, the process goes on as it is. */
  release(): void;
}
