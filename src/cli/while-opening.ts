import type { OpenOptions } from "../contract/runtime.ts";
import { Progress } from "./progress.ts";
import { terminalPrompt } from "./prompt.ts";

/** Options of the command line that steer how opening shows itself. */
export interface ShowFlags {
  readonly quiet?: boolean;
  readonly json?: boolean;
  readonly wait?: number;
  /** Ends it, as an interrupt does. */
  readonly endOpening?: AbortSignal;
}

/**
 * Runs what opens a place: with progress and questions on the terminal, ended by an interrupt. A host that can't be
 * reached fails at once, unless `--wait` says otherwise.
 */
export async function whileOpening<T>(
  options: ShowFlags,
  work: (openOptions: OpenOptions) => Promise<T>,
): Promise<T> {
  return whileShown(options, (progress, shown) =>
    work({ ...shown, onProgress: (step) => progress.provision(step) }),
  );
}

/** What everything that takes a while is given: an end by interrupt, questions, news of waiting. */
export type ShownOptions = Pick<OpenOptions, "signal" | "onPrompt" | "onWait" | "maxWaitMs">;

export async function whileShown<T>(
  options: ShowFlags,
  work: (progress: Progress, shown: ShownOptions) => Promise<T>,
): Promise<T> {
  const quiet = options.quiet === true || options.json === true;
  using progress = new Progress({ quiet });
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  try {
    return await work(progress, {
      signal:
        options.endOpening === undefined ? stop.signal : AbortSignal.any([stop.signal, options.endOpening]),
      onWait: (milliseconds) => void showWait(progress, milliseconds),
      ...(quiet ? {} : terminalPrompt({ progress, interrupt })),
      maxWaitMs: options.wait ?? 0,
    });
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}

async function showWait(progress: Progress, milliseconds: number): Promise<void> {
  const { sharedSshPool } = await import("../transports/ssh/pool.ts");
  const failed = sharedSshPool()
    .states()
    .find(({ state }) => state === "unhealthy");
  progress.waiting(milliseconds, failed?.lastError?.message, failed?.attemptsLastMinute);
}
