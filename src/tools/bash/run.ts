import { berthError, isBerthError } from "../../contract/errors.ts";
import type {
  BackgroundOptions,
  CommandOptions,
  ExecHandle,
  ExitStatus,
  InBackground,
  OutputFile,
} from "../../contract/process.ts";
import type { Pieces } from "../cut.ts";
import type { RunningCall } from "../define.ts";
import { insidePath } from "../paths.ts";
import { Collected, openBytes } from "./collected.ts";
import type { Commands } from "./commands.ts";
import { LiveText } from "./live.ts";
import { capturedPieces, cutAbove, keptBytes } from "./present.ts";

export interface ForegroundInput {
  readonly command: string;
  readonly cwd?: string | undefined;
  readonly timeout_ms?: number | undefined;
}

/** What came of a command that was waited for. */
export interface Ran {
  readonly pieces: Pieces;
  readonly outputBytes: number;
  readonly processId: string | undefined;
  readonly file: OutputFile | undefined;
  /** undefined: it was moved to the background. */
  readonly exit: ExitStatus | undefined;
  readonly moved: InBackground | undefined;
  /** Milliseconds without output before its end; undefined: not known. */
  readonly silentMs: number | undefined;
}

interface Running {
  readonly handle: ExecHandle;
  moved: Promise<InBackground> | undefined;
}

/** Commands that are waited for. */
export class Foreground {
  readonly #commands: Commands;
  readonly #running = new Map<string, Running>();

  constructor(commands: Commands) {
    this.#commands = commands;
  }

  /** @throws what exec throws, fs.outside_workspace, tool.hook_failed when `onOutput` throws: the command was ended */
  run(input: ForegroundInput, call: RunningCall): Promise<Ran> {
    return this.#commands.start(() => this.#run(input, call));
  }

  async #run(input: ForegroundInput, call: RunningCall): Promise<Ran> {
    const { context, timeoutMs } = this.#commands;
    const handle = context.runtime.exec(input.command, {
      ...startOptions(this.#commands, input.cwd),
      timeoutMs: input.timeout_ms ?? timeoutMs,
      signal: call.signal,
      maxCaptureBytes: 2 * keptBytes(context),
    });
    const running: Running = { handle, moved: undefined };
    this.#running.set(call.id, running);
    try {
      return call.onOutput === undefined
        ? await this.#captured(running)
        : await this.#live(running, call.onOutput);
    } finally {
      if (this.#running.get(call.id) === running) this.#running.delete(call.id);
    }
  }

  /** Id of the process; undefined when no command of that call runs, or none can be moved in this place. */
  async toBackground(callId: string, stays: boolean): Promise<string | undefined> {
    const running = this.#running.get(callId);
    if (running === undefined) return undefined;
    try {
      running.moved ??= running.handle.background(keeping(this.#commands, stays));
      return (await running.moved).process.id;
    } catch (error) {
      running.moved = undefined;
      // It has ended, or can't be moved in this place: then the call goes on as before.
      if (isBerthError(error, "process.finished")) return undefined;
      if (isBerthError(error, "runtime.capability_unsupported")) return undefined;
      throw error;
    }
  }

  async #captured(running: Running): Promise<Ran> {
    try {
      const result = await running.handle;
      return {
        pieces: capturedPieces(result.stdoutBytes, result.truncated, result.outputBytes),
        outputBytes: result.outputBytes,
        processId: result.processId,
        file: result,
        exit: result,
        moved: undefined,
        silentMs: undefined,
      };
    } catch (error) {
      if (!isBerthError(error, "process.in_background") || running.moved === undefined) throw error;
      const moved = await running.moved;
      const { stdoutBytes = new Uint8Array(0), truncated = false } = moved.captured ?? {};
      const open = openBytes(stdoutBytes, this.#masked);
      return movedRun(moved, capturedPieces(stdoutBytes, truncated, moved.cursor, open), open);
    }
  }

  async #live(running: Running, onOutput: (text: string) => void): Promise<Ran> {
    const { context } = this.#commands;
    const collected = new Collected(keptBytes(context), keptBytes(context));
    const live = new LiveText(told(onOutput), this.#masked);
    let lastAt: number | undefined;
    for await (const chunk of running.handle) {
      if (chunk.type === "data") {
        collected.push(chunk.data);
        lastAt = performance.now();
        live.push(chunk.data);
      } else if (chunk.type === "gap") {
        collected.gap(chunk.gap.to - chunk.gap.from);
        live.gap();
      } else {
        live.end();
        return {
          pieces: collected.take(),
          outputBytes: chunk.cursor,
          processId: (await running.handle.started.catch(() => undefined))?.id,
          file: chunk,
          exit: chunk.exit,
          moved: undefined,
          silentMs: lastAt === undefined ? undefined : performance.now() - lastAt,
        };
      }
    }
    live.end();
    if (running.moved === undefined)
      throw berthError("internal", { message: "the output ended without an exit" });
    const open = openBytes(collected.end(), this.#masked);
    return movedRun(await running.moved, collected.take(open), open);
  }

  get #masked(): boolean {
    return this.#commands.context.options.maskOutput !== false;
  }
}

/** How every command is started, waited for or not. @throws fs.outside_workspace */
export function startOptions(commands: Commands, cwd: string | undefined): CommandOptions {
  const { context, shell } = commands;
  const { ci, env, user } = context.options.bash ?? {};
  return {
    cwd: cwd === undefined ? context.root : insidePath(context, cwd),
    env: { ...(ci ? { CI: "true" } : {}), ...env },
    shell: shell.path,
    stderr: "merge",
    ...(user === undefined ? {} : { user }),
    ...(commands.canKeepOutput ? { keepOutput: { aboveBytes: cutAbove(context) } } : {}),
  };
}

/** What ends a command in the background when this client is gone. */
export function keeping({ context }: Commands, stays: boolean): BackgroundOptions {
  const leaseMs = context.options.bash?.leaseMs;
  if (stays) return { detached: true };
  return leaseMs === undefined ? {} : { leaseMs };
}

/** `open`: bytes at the end that are left for the next look. */
function movedRun(moved: InBackground, pieces: Pieces, open: number): Ran {
  return {
    pieces,
    outputBytes: moved.cursor - open,
    processId: moved.process.id,
    file: moved.process.found,
    exit: undefined,
    moved,
    silentMs: undefined,
  };
}

/** What a listener throws is its program's defect, and ends the call. */
function told(onOutput: (text: string) => void): (text: string) => void {
  return (text) => {
    try {
      onOutput(text);
    } catch (cause) {
      const message = "what is told of output failed, and the command was ended";
      throw berthError("tool.hook_failed", { message, cause });
    }
  };
}
