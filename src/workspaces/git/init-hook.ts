import { berthError, isBerthError } from "../../contract/errors.ts";
import type { ExitStatus, OutputChunk, Process } from "../../contract/process.ts";
import type { Runtime } from "../../contract/runtime.ts";
import type { InitResult } from "../../contract/workspace.ts";

/** Where a project's set-up is looked for in a checkout. */
export const INIT_HOOK = ".berth/init";
/** Name of its process. */
export const INIT_PROCESS = "berth-init";
/** What is kept of its output. */
const OUTPUT_BYTES = 64 * 1024;
/** What a shell says of a file that it can't run. */
const CANNOT_RUN = 126;

export interface InitHookOptions {
  /** Absolute path of the checkout. */
  readonly path: string;
  readonly workspace: string;
  readonly workspaceId: string;
  readonly branch: string;
  readonly project: string;
  /** Name of the trunk, if there is one. */
  readonly trunk?: string | undefined;
  /** Without trust it does not run. */
  readonly trusted: boolean;
  /** An earlier Berth has started it: that run counts, also when it has ended meanwhile. Default false. */
  readonly resume?: boolean | undefined;
  /** Its output as it comes; of a run that was started by another Berth from 64 KiB back. */
  readonly onOutput?: ((chunk: Uint8Array, stream: "stdout" | "stderr") => void) | undefined;
  /** Ends it, with all that it has started. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs the project's set-up in its checkout, with BERTH_WORKSPACE, BERTH_WORKSPACE_ID, BERTH_BRANCH, BERTH_PROJECT and
 * BERTH_TRUNK. Where the place has a daemon it goes on when the connection is lost, and the next call takes it up: it
 * never runs twice at once. A file that can't be run is a failed set-up, with 126 for its exit, as in a shell.
 * @throws operation.aborted; process.lost: the place's daemon died with it; what the way to the place throws
 */
export async function runInitHook(runtime: Runtime, options: InitHookOptions): Promise<InitResult> {
  const { signal } = options;
  const startedAt = new Date();
  const ended = (exit: ExitStatus | null, output: string, started = startedAt) => ({
    startedAt: started.toISOString(),
    endedAt: new Date().toISOString(),
    exit,
    output,
  });
  const hook = `${options.path}/${INIT_HOOK}`;
  const [found = null] = await runtime.fs.statMany([hook], signal === undefined ? {} : { signal });
  if (found === null) return ended(null, "");
  if (!options.trusted) return { ...ended(null, ""), skipped: "untrusted" };
  const impossible = (reason: string) => {
    const output = `${reason}\n`;
    options.onOutput?.(Buffer.from(output), "stderr");
    const durationMs = Date.now() - startedAt.getTime();
    return ended({ exitCode: CANNOT_RUN, signal: null, timedOut: false, durationMs }, output);
  };
  if (found.type !== "file") return impossible(`${INIT_HOOK} is no file, but a ${found.type}`);
  if ((found.mode & 0o111) === 0)
    return impossible(`${INIT_HOOK} is not executable: chmod +x ${INIT_HOOK}, and commit that`);

  const earlier = runtime.capabilities.spawn ? await earlierRun(runtime, options) : undefined;
  try {
    const run = earlier ?? (await start(runtime, hook, options));
    const { exit, output } = await follow(run, options);
    return ended(exit, output, earlier === undefined ? startedAt : new Date(earlier.startedAt));
  } catch (error) {
    const cannot = [
      "process.permission_denied",
      "process.interpreter_not_found",
      "process.not_found",
    ] as const;
    if (cannot.some((code) => isBerthError(error, code))) return impossible((error as Error).message);
    throw error;
  }
}

interface Run {
  readonly chunks: AsyncIterable<OutputChunk>;
  /** undefined: aborting the iteration has ended it. */
  readonly process?: Process | undefined;
}

async function start(runtime: Runtime, hook: string, options: InitHookOptions): Promise<Run> {
  const command = {
    cwd: options.path,
    env: {
      BERTH_WORKSPACE: options.workspace,
      BERTH_WORKSPACE_ID: options.workspaceId,
      BERTH_BRANCH: options.branch,
      BERTH_PROJECT: options.project,
      BERTH_TRUNK: options.trunk,
    },
  };
  const { signal } = options;
  if (!runtime.capabilities.spawn) {
    return { chunks: runtime.exec([hook], { ...command, ...(signal === undefined ? {} : { signal }) }) };
  }
  const detached = runtime.capabilities.daemon;
  const process = await runtime.spawn([hook], { ...command, name: INIT_PROCESS, detached });
  return { process, chunks: process.output(signal === undefined ? {} : { signal }) };
}

/** The run that another Berth has started and that still goes on, or, when it is resumed, its end. */
async function earlierRun(
  runtime: Runtime,
  { resume, signal }: InitHookOptions,
): Promise<(Run & { readonly startedAt: string }) | undefined> {
  const given = signal === undefined ? {} : { signal };
  try {
    const process = await runtime.process(INIT_PROCESS, given);
    const { state, startedAt, outputEnd } = await process.info(given);
    if (state !== "running" && !(resume && state === "exited")) return undefined;
    const from = Math.max(0, outputEnd - OUTPUT_BYTES);
    return { process, startedAt, chunks: process.output({ ...given, from }) };
  } catch (error) {
    if (isBerthError(error, "process.unknown") || isBerthError(error, "process.reaped")) return undefined;
    throw error;
  }
}

async function follow(
  run: Run,
  { onOutput, signal }: InitHookOptions,
): Promise<{ readonly exit: ExitStatus; readonly output: string }> {
  const tail = new Tail(OUTPUT_BYTES);
  try {
    for await (const chunk of run.chunks) {
      if (chunk.type === "exit") return { exit: chunk.exit, output: tail.text() };
      if (chunk.type === "gap") continue;
      tail.add(chunk.data);
      onOutput?.(chunk.data, chunk.stream === "stderr" ? "stderr" : "stdout");
    }
  } catch (error) {
    if (signal?.aborted) await run.process?.kill();
    throw error;
  }
  throw berthError("internal", { message: "the output of the set-up ended without its exit" });
}

/** The last bytes of a stream, as text. */
class Tail {
  readonly #limit: number;
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > 4 * this.#limit) this.#cut();
  }

  text(): string {
    return new TextDecoder().decode(this.#cut());
  }

  #cut(): Uint8Array {
    const all = Buffer.concat(this.#chunks);
    let from = Math.max(0, all.length - this.#limit);
    // Not in the middle of a character: its continuation bytes are 10xxxxxx.
    while (from > 0 && from < all.length && ((all[from] as number) & 0xc0) === 0x80) from += 1;
    const kept = all.subarray(from);
    this.#chunks = [kept];
    this.#bytes = kept.length;
    return kept;
  }
}
