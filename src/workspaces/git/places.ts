import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { berthError, isBerthError } from "../../contract/errors.ts";
import { located } from "../../contract/located.ts";
import type { Runtime } from "../../contract/runtime.ts";
import { abortedError } from "../../transports/abort.ts";
import { withDeadline } from "../../transports/collect.ts";
import { createLocalTransport } from "../../transports/local.ts";
import { GIT_ENVIRONMENT, MISLEADING_VARIABLES } from "./environment.ts";
import type { GitPlace, GitResult, GitRunOptions } from "./git-place.ts";

const MAX_BYTES = 16 * 1024 * 1024;
const STDERR_BYTES = 64 * 1024;

/** This machine: git is a child of this process, so that nothing has to be started for it. */
export function localGitPlace(): GitPlace {
  const transport = createLocalTransport();
  const description = "this machine";
  const start = async (argv: readonly string[], options: GitRunOptions) => {
    try {
      return await transport.run(argv, {
        env: { ...ownEnvironment(), ...GIT_ENVIRONMENT, ...options.env },
        cleanEnvironment: true,
        // The directory of the caller may be the one that goes.
        cwd: options.cwd ?? "/",
      });
    } catch (cause) {
      // A directory that is missing looks the same.
      if (argv[0] !== "git" || options.cwd !== undefined || !isBerthError(cause, "transport.unavailable"))
        throw cause;
      throw berthError("workspace.git_missing", { context: { runtime: description }, cause });
    }
  };
  return {
    description,
    async run(argv, options = {}) {
      const process = await start(argv, options);
      const max = options.maxBytes ?? MAX_BYTES;
      const all = Promise.all([
        head(process.stdout, max + 1),
        tail(process.stderr, STDERR_BYTES),
        process.exit,
        feed(options.input, process.stdin),
      ]);
      try {
        const [stdout, stderr, exit] = await withDeadline(all, {
          signal: options.signal,
          ...(options.timeoutMs === undefined ? {} : { deadlineMs: options.timeoutMs }),
        });
        const result = { exitCode: exitCodeOf(exit), stdout, stderr: stderr.toString() };
        if (stdout.length > max) throw tooMuch(description, argv, max);
        return result;
      } catch (error) {
        process.close();
        throw error;
      }
    },
    async *stream(argv, options = {}) {
      const process = await start(argv, options);
      const abort = () => process.close();
      options.signal?.addEventListener("abort", abort, { once: true });
      const rest = Promise.all([
        tail(process.stderr, STDERR_BYTES),
        process.exit,
        feed(options.input, process.stdin),
      ]);
      rest.catch(() => {});
      let done = false;
      try {
        for await (const chunk of process.stdout as AsyncIterable<Buffer>) yield chunk;
        const [stderr, exit] = await withDeadline(rest, { signal: options.signal });
        done = true;
        const exitCode = exitCodeOf(exit);
        if (exitCode !== 0) throw gitFailed(description, argv, { exitCode, stderr: stderr.toString() });
      } catch (error) {
        // Its output was closed with it.
        if (options.signal?.aborted) throw abortedError(options.signal);
        throw error;
      } finally {
        options.signal?.removeEventListener("abort", abort);
        if (!done) process.close();
      }
    },
  };
}

/** A runtime: git is a command there. */
export function runtimeGitPlace(runtime: Runtime): GitPlace {
  const description = runtime.description;
  const environment = {
    ...Object.fromEntries(MISLEADING_VARIABLES.map((name) => [name, undefined])),
    ...GIT_ENVIRONMENT,
  };
  const execOptions = (options: GitRunOptions) => ({
    env: { ...environment, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  });
  return {
    description,
    async run(argv, options = {}) {
      const max = options.maxBytes ?? MAX_BYTES;
      const result = await runtime.exec(argv, { ...execOptions(options), maxCaptureBytes: max });
      if (result.timedOut) throw berthError("operation.timeout", { message: `${argv[0]} took too long` });
      if (result.truncated && result.stdoutBytes.length >= max) throw tooMuch(description, argv, max);
      return { exitCode: exitCodeOf(result), stdout: Buffer.from(result.stdoutBytes), stderr: result.stderr };
    },
    async *stream(argv, options = {}) {
      let stderr = Buffer.alloc(0);
      for await (const chunk of runtime.exec(argv, execOptions(options))) {
        if (chunk.type === "gap") {
          throw berthError("workspace.git_failed", {
            message: `output of git ${located(description)} was lost`,
          });
        }
        if (chunk.type === "exit") {
          if (chunk.exit.timedOut)
            throw berthError("operation.timeout", { message: `${argv[0]} took too long` });
          const exitCode = exitCodeOf(chunk.exit);
          if (exitCode !== 0) throw gitFailed(description, argv, { exitCode, stderr: stderr.toString() });
        } else if (chunk.stream === "stdout") yield chunk.data;
        else stderr = Buffer.concat([stderr, chunk.data]).subarray(-STDERR_BYTES);
      }
    },
  };
}

/**
 * The error of a git that did not succeed. Its message is the last line that git said; what it said is in the details.
 */
export function gitFailed(
  description: string,
  argv: readonly string[],
  result: Pick<GitResult, "exitCode" | "stderr">,
) {
  const lines = result.stderr.trim().split("\n");
  const last = lines.findLast((line) => /^(?:fatal|error):/.test(line)) ?? lines.at(-1) ?? "";
  const command =
    argv[0] === "git"
      ? argv.find((word, at) => at > 0 && /^[a-z]/.test(word) && argv[at - 1] !== "-c")
      : undefined;
  const what = command === undefined ? "git" : `git ${command}`;
  return berthError("workspace.git_failed", {
    message: `${what} ${located(description)}: ${last === "" ? `exit code ${result.exitCode}` : last}`,
    context: { runtime: description, exitCode: result.exitCode, output: lines.slice(-20) },
  });
}

/** Like `run`, but another exit than 0 is workspace.git_failed. Returns stdout as text. */
export async function succeed(
  place: GitPlace,
  argv: readonly string[],
  options: GitRunOptions = {},
): Promise<string> {
  const result = await place.run(argv, options);
  if (result.exitCode !== 0) throw gitFailed(place.description, argv, result);
  return result.stdout.toString("utf8");
}

function ownEnvironment(): Record<string, string> {
  const misleading = new Set<string>(MISLEADING_VARIABLES);
  const entries = Object.entries(process.env).filter(([name]) => !misleading.has(name));
  return Object.fromEntries(entries) as Record<string, string>;
}

function exitCodeOf(exit: { readonly exitCode: number | null }): number {
  return exit.exitCode ?? 128;
}

function tooMuch(description: string, argv: readonly string[], max: number) {
  return berthError("workspace.git_failed", {
    message: `${argv[0]} ${located(description)} said more than ${max} bytes`,
  });
}

/** Everything, of which at most the first bytes are kept. */
async function head(stream: Readable, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let kept = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (kept < limit) chunks.push(chunk.subarray(0, limit - kept));
    kept += chunk.length;
  }
  return Buffer.concat(chunks);
}

/** Everything, of which at least the last bytes are kept. */
async function tail(stream: Readable, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let kept = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    kept += chunk.length;
    while (kept - (chunks[0]?.length ?? 0) >= limit) kept -= chunks.shift()?.length ?? 0;
  }
  return Buffer.concat(chunks);
}

/** What a command does not read is not missed: its exit counts. A source that fails does. */
async function feed(input: GitRunOptions["input"], stdin: NodeJS.WritableStream): Promise<void> {
  if (input === undefined || typeof input === "string" || input instanceof Uint8Array) {
    stdin.on("error", () => {});
    stdin.end(input ?? "");
    return;
  }
  let cause: unknown;
  const source = Readable.from(input);
  source.once("error", (error) => {
    // When the command has closed its input first, that is why the source was ended.
    if (!("destroyed" in stdin && stdin.destroyed)) cause = error;
  });
  await pipeline(source, stdin).catch(() => {});
  if (cause !== undefined) throw cause;
}
