import { execFileSync } from "node:child_process";
import { isBerthError } from "../contract/errors.ts";
import type { ExitStatus, OutputChunk, Process, TtySize } from "../contract/process.ts";
import { signalNumber } from "../contract/signals.ts";
import { waitingText } from "../contract/waiting.ts";
import { closeCommandEvents } from "./command-events.ts";
import { EXIT } from "./errors.ts";
import { visible, writeAll } from "./print.ts";
import { LEAVE_TERMINAL } from "./screen/leave.ts";

/** Exit code of the command for how the process ended: 128 + n for a signal, 124 for a timeout. */
export function exitCodeOfStatus(exit: ExitStatus): number {
  if (exit.timedOut) return EXIT.timedOut;
  if (exit.exitCode !== null) return exit.exitCode;
  return 128 + (signalNumber(exit.signal ?? "") ?? 0);
}

/** Says of a command whose time was over what it was waiting for, where the place could tell. */
export function printWaiting({ waiting }: ExitStatus): void {
  if (waiting !== undefined) process.stderr.write(`berth: timed out: ${visible(waitingText(waiting))}\n`);
}

export function terminalSize(): TtySize {
  const { columns, rows } = process.stdout.isTTY ? process.stdout : process.stderr;
  return { columns: columns || 80, rows: rows || 24 };
}

/** Prints chunks as they come: stdout to stdout, stderr to stderr, a gap as a notice. Returns the exit, if any. */
export async function printOutput(chunks: AsyncIterable<OutputChunk>): Promise<ExitStatus | undefined> {
  for await (const chunk of chunks) {
    if (chunk.type === "exit") return chunk.exit;
    if (chunk.type === "gap") {
      const { from, to } = chunk.gap;
      process.stderr.write(`berth: ${to - from} bytes of output are gone (${from} to ${to})\n`);
    } else {
      await writeAll(chunk.stream === "stderr" ? process.stderr : process.stdout, chunk.data);
    }
  }
  return undefined;
}

const MAX_TIMER_MS = 0x7fff_ffff;

export interface SessionOptions {
  /** Cursor to start from. */
  readonly from?: number;
  /** Written to this terminal before the output. */
  readonly before?: string;
  /** Forward this process's stdin. */
  readonly input: boolean;
  /** Bytes that detach when typed at a terminal, such as Ctrl-P Ctrl-Q; undefined: none. */
  readonly detachKeys?: Uint8Array | undefined;
  /** The process ends with this terminal, or with the reader of its output. */
  readonly endOnHangup: boolean;
  /** Time after which the process must have ended, its end by the place included. */
  readonly deadlineMs?: number | undefined;
}

export type SessionEnd =
  | { readonly exit: ExitStatus }
  | { readonly detached: true }
  /** The place did not end the process in time, nor say anything. */
  | { readonly unanswered: true };

/**
 * Joins this terminal, or these pipes, to a process until it ends: output, input, window size, and the signals
 * that a terminal sends. Raw mode is always undone.
 */
export async function runSession(process_: Process, options: SessionOptions): Promise<SessionEnd> {
  const looking = new AbortController();
  const raw = process_.tty !== null && process.stdin.isTTY && options.input;
  let detached = false;
  let late = false;
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(forwardSignals(process_, options.endOnHangup));
  if (process_.tty !== null) cleanup.defer(followWindow(process_));
  if (raw) {
    process.stdin.setRawMode(true);
    leaveOutputAlone();
    cleanup.defer(() => {
      process.stdin.setRawMode(false);
    });
  }
  if (options.input) {
    const keys = raw ? options.detachKeys : undefined;
    const stop = forwardInput(process_, keys, () => {
      detached = true;
      looking.abort();
    });
    cleanup.defer(stop);
  }
  if (options.deadlineMs !== undefined && options.deadlineMs <= MAX_TIMER_MS) {
    const timer = setTimeout(() => {
      late = true;
      looking.abort();
    }, options.deadlineMs);
    cleanup.defer(() => clearTimeout(timer));
  }
  try {
    if (options.before !== undefined) await writeAll(process.stdout, Buffer.from(options.before));
    const exit = await printOutput(process_.output({ from: options.from ?? 0, signal: looking.signal }));
    return exit === undefined ? { exit: await process_.exit } : { exit };
  } catch (cause) {
    // The program goes on, and what it has set in this terminal with it.
    if (raw) process.stdout.write(LEAVE_TERMINAL);
    if (detached) return { detached: true };
    if (late) return { unanswered: true };
    // The reader of the output went away (`berth exec … | head`), or its disk is full: the command ends as it would
    // by SIGPIPE.
    if (options.endOnHangup && isWriteError(cause)) await process_.kill();
    throw cause;
  }
}

/** Output that can't be written here; errors of the place carry its name. */
function isWriteError(cause: unknown): boolean {
  return isBerthError(cause) ? cause.runtime === undefined && cause.hop === "client" : cause instanceof Error;
}

/**
 * Node's raw mode still turns "\n" into "\r\n" on output, which moves the cursor of full-screen programs. The
 * terminal's own settings come back when raw mode ends.
 */
export function leaveOutputAlone(): void {
  try {
    execFileSync("stty", ["-opost"], { stdio: ["inherit", "ignore", "ignore"] });
  } catch {
    // Without stty the terminal works, but for programs that count on bare line feeds.
  }
}

function followWindow(process_: Process): () => void {
  const resize = (): void => {
    process_.resize(terminalSize()).catch(() => {
      // It ended meanwhile.
    });
  };
  process.stdout.on("resize", resize);
  return () => void process.stdout.off("resize", resize);
}

/** Signals to this command go to the process; the third interrupt in a row ends it for good. */
function forwardSignals(process_: Process, endOnHangup: boolean): () => void {
  let interrupts = 0;
  const ignoreEnd = (cause: unknown): void => {
    if (!isBerthError(cause, "process.finished")) process.stderr.write(`berth: ${String(cause)}\n`);
  };
  const interrupt = (): void => {
    interrupts += 1;
    if (interrupts < 3) process_.signal("SIGINT").catch(ignoreEnd);
    else process_.kill("SIGKILL").catch(ignoreEnd);
  };
  const terminate = (): void => void process_.signal("SIGTERM").catch(ignoreEnd);
  const quit = (): void => void process_.signal("SIGQUIT").catch(ignoreEnd);
  const hangup = (): void => {
    // There is nobody left to tell that it did not work.
    const ended = endOnHangup ? process_.kill("SIGHUP").catch(() => {}) : Promise.resolve();
    void ended.then(closeCommandEvents).finally(() => process.exit(129));
  };
  process.on("SIGINT", interrupt).on("SIGTERM", terminate).on("SIGQUIT", quit).on("SIGHUP", hangup);
  return () => {
    process.off("SIGINT", interrupt).off("SIGTERM", terminate).off("SIGQUIT", quit).off("SIGHUP", hangup);
  };
}

/** stdin to the process, with backpressure and its end. Returns how to stop. */
function forwardInput(
  process_: Process,
  detachKeys: Uint8Array | undefined,
  onDetach: () => void,
): () => void {
  let stopped = false;
  const match = detachKeys === undefined ? undefined : new KeySequence(detachKeys);
  const pump = async (): Promise<void> => {
    for await (const chunk of process.stdin) {
      if (stopped) return;
      const bytes = match === undefined ? (chunk as Uint8Array) : match.feed(chunk as Uint8Array);
      if (bytes === undefined) {
        onDetach();
        return;
      }
      if (bytes.length > 0) await process_.stdin.write(bytes);
    }
    if (!stopped) await process_.stdin.end();
  };
  pump().catch(() => {
    // The process ended or closed its input: what is typed now has no reader.
  });
  return () => {
    stopped = true;
    process.stdin.pause();
    process.stdin.unref?.();
  };
}

/** Finds a sequence of typed keys; what turns out not to be it is passed on. */
export class KeySequence {
  readonly #keys: Uint8Array;
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /** Bytes to pass on, or undefined once the sequence is complete. */
  feed(bytes: Uint8Array): Uint8Array | undefined {
    const out: number[] = [];
    for (const byte of bytes) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched += 1;
        if (this.#matched === this.#keys.length) return undefined;
        continue;
      }
      out.push(...this.#keys.subarray(0, this.#matched));
      this.#matched = byte === this.#keys[0] ? 1 : 0;
      if (this.#matched === 0) out.push(byte);
    }
    return Uint8Array.from(out);
  }
}
