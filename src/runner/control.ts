import { setTimeout as delay } from "node:timers/promises";
import { berthError, isBerthError } from "../contract/errors.ts";
import { type Hold, holdStateDirectory } from "./hold.ts";
import { isAlive, type RunnerFile, readRunnerFile, runningRunner } from "./runner-file.ts";

/** What a runner is asked for by a signal: to end, or to make room for its successor. */
const SIGNALS = { stop: "SIGTERM", handOver: "SIGUSR2" } as const;

/** Clients of a runner that hands over are without one for as long as this takes to see that it is gone. */
const POLL_MS = 10;

/**
 * Asks the runner of a state directory for something, and does not wait. undefined: none runs.
 * @throws EPERM as runner.held: it is another user's
 */
export function askRunner(stateDirectory: string, what: keyof typeof SIGNALS): RunnerFile | undefined {
  const runner = runningRunner(stateDirectory);
  if (runner === undefined) return undefined;
  try {
    process.kill(runner.pid, SIGNALS[what]);
    return runner;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ESRCH") return undefined;
    throw berthError("runner.held", {
      context: { path: stateDirectory, pid: runner.pid, url: runner.url },
      cause,
    });
  }
}

/** Resolves to true when the process has ended, to false when that takes longer. */
export async function hasEnded(runner: RunnerFile, timeoutMs: number): Promise<boolean> {
  const endMs = performance.now() + timeoutMs;
  while (isAlive(runner)) {
    if (performance.now() > endMs) return false;
    await delay(POLL_MS);
  }
  return true;
}

/**
 * Takes over the state directory from the runner that holds it, if one does: asks it to make room, and waits for that.
 * @throws runner.held: it did not let go in time
 */
export async function takeOver(
  stateDirectory: string,
  options: { readonly waitMs: number; readonly signal?: AbortSignal | undefined },
): Promise<Hold> {
  const endMs = performance.now() + options.waitMs;
  let asked: number | undefined;
  for (;;) {
    try {
      return await holdStateDirectory(stateDirectory, { signal: options.signal });
    } catch (cause) {
      if (!isBerthError(cause, "runner.held") || performance.now() > endMs) throw cause;
    }
    // One that has only begun to start says a little later where it is.
    const now = readRunnerFile(stateDirectory)?.pid;
    if (now !== undefined && now !== asked && askRunner(stateDirectory, "handOver") !== undefined)
      asked = now;
  }
}
