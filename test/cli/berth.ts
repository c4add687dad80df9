import { type ChildProcess, type ChildProcessWithoutNullStreams, execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The built command, as users run it. */
export const BERTH = join(import.meta.dirname, "../../bin/berth.js");
const DEADLINE_MS = 60_000;

export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A directory and a state of its own; at the end its daemon is ended, and each command that still runs. */
export interface Desk extends AsyncDisposable {
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  /** Default of `cwd`: its directory. */
  start(args: readonly string[], cwd?: string): ChildProcessWithoutNullStreams;
  run(args: readonly string[], input?: string | Buffer, cwd?: string): Promise<Ran>;
}

export async function desk(): Promise<Desk> {
  const directory = await mkdtemp(join(tmpdir(), "berth-cli-"));
  const env: NodeJS.ProcessEnv = { ...process.env, BERTH_HOME: join(directory, "state"), NO_COLOR: "1" };
  delete env.BERTH_RUNTIME;
  delete env.BERTH_WORKSPACE;
  delete env.BERTH_WORKSPACE_ID;
  const running = new Set<ChildProcess>();
  const start = (args: readonly string[], cwd = directory): ChildProcessWithoutNullStreams => {
    const child = spawn(process.execPath, [BERTH, ...args], { cwd, env, stdio: "pipe" });
    running.add(child);
    child.once("exit", () => running.delete(child));
    return child;
  };
  return {
    directory,
    env,
    start,
    run: (args, input, cwd) => collect(start(args, cwd), input),
    async [Symbol.asyncDispose]() {
      for (const child of running) child.kill("SIGKILL");
      await endDaemon(env.BERTH_HOME ?? "");
      // The daemon may still be writing.
      await rm(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}

/** Ends the daemon of a state directory, and with it its processes, so that a test leaves nothing behind. */
async function endDaemon(state: string): Promise<void> {
  await new Promise<void>((resolve) => {
    execFile("pkill", ["-TERM", "-f", `serve --dir ${state}/`], () => resolve());
  });
}

export function collect(child: ChildProcessWithoutNullStreams, input?: string | Buffer): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on("error", () => {});
    child.stdin.end(input ?? "");
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`berth did not end in ${DEADLINE_MS} ms: ${Buffer.concat(stderr).toString()}`));
    }, DEADLINE_MS);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() });
    });
  });
}
