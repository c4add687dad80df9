import { toBerthError } from "../../contract/errors.ts";
import { openLogFile } from "../../runner/log-file.ts";
import { notifyServiceManager } from "../../runner/service-manager.ts";
import { type RunningRunner, type StartRunnerOptions, startRunner } from "../../runner/start.ts";
import type { ServeFlags } from "../commands/serve.ts";
import { openPage, printLink } from "./open-page.ts";
import type { FromBackground } from "./serve-detached.ts";
import { introduction, type Listening } from "./serve-screen.ts";
import { localTarget } from "./target.ts";

/** Exit code of what a second signal ends at once: 128 + n. */
const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

/** Runs the runner in this process until it is asked to end. */
export async function serveHere(flags: ServeFlags, options: StartRunnerOptions): Promise<void> {
  const inBackground = process.send !== undefined;
  const forPeople = !inBackground && flags.json !== true && process.stdout.isTTY;
  using stack = new DisposableStack();
  const logTo =
    flags.logFile === undefined
      ? { write: (line: string) => void process.stdout.write(line) }
      : stack.use(openLogFile(flags.logFile));
  const stopping = new AbortController();
  try {
    const starting = startRunner({
      ...options,
      logTo,
      // What a person reads is what goes wrong; the rest is for programs, and for files.
      logFormat: forPeople && flags.logFile === undefined ? "text" : "json",
      logLevel: options.logLevel ?? (forPeople && flags.logFile === undefined ? "warn" : "info"),
      signal: stopping.signal,
    });
    stack.defer(obeySignals(starting, stopping, process.stdin.isTTY === true && !inBackground));
    const runner = await starting;
    const listening: Listening = {
      url: runner.url,
      publicUrl: runner.publicUrl,
      pid: process.pid,
      version: runner.version,
      tokenFile: runner.tokenFile,
      replaced: runner.replaced,
    };
    if (inBackground) tellStarter({ ready: listening });
    else if (forPeople) {
      process.stdout.write(introduction(listening, { showToken: flags.showToken ?? false }));
      process.stdout.write(
        "\nCtrl-C ends it; processes go on. `berth serve --detach` runs it in the background.\n",
      );
    }
    if (flags.open && !inBackground) void openWhileServing(runner, forPeople, stopping.signal);
    runner.context.log.info({ ...listening }, `listens on ${listening.publicUrl ?? listening.url}`);
    const onTrouble = (error: Error): void => runner.context.log.warn(`systemd-notify: ${error.message}`);
    await notifyServiceManager("ready", `listens on ${runner.url}`, onTrouble);
    await runner.stopping;
    await notifyServiceManager("stopping", "ends", onTrouble);
    const trouble = await runner.ended;
    if (trouble !== undefined) throw trouble;
  } catch (cause) {
    if (inBackground) tellStarter({ error: toBerthError(cause, "runner").toJSON() });
    throw cause;
  }
}

/** The runner serves whether a browser is found or not. A link is for a terminal, and for no log. */
async function openWhileServing(
  runner: RunningRunner,
  forPeople: boolean,
  signal: AbortSignal,
): Promise<void> {
  const target = localTarget(runner);
  try {
    const why = await openPage(target, signal);
    if (why === undefined) return;
    if (forPeople) await printLink(target, why);
    else runner.context.log.info("no browser could be opened here: berth open");
  } catch (error) {
    runner.context.log.warn({ error }, "the page could not be opened");
  }
}

function tellStarter(message: FromBackground): void {
  // The command that waits for it may be gone.
  if (process.connected) process.send?.(message, () => process.connected && process.disconnect());
}

/**
 * SIGTERM and SIGINT end it in order, the second one at once. SIGUSR2 makes room for a successor. SIGHUP reads the
 * certificate again; from a terminal that is closed it is an end.
 */
function obeySignals(
  starting: Promise<RunningRunner>,
  stopping: AbortController,
  isForeground: boolean,
): () => void {
  const withRunner = (work: (runner: RunningRunner) => void): void => {
    // A start that fails says so itself.
    starting.then(work, () => {});
  };
  const end = (signal: keyof typeof SIGNAL_NUMBERS): void => {
    if (stopping.signal.aborted) process.exit(128 + SIGNAL_NUMBERS[signal]);
    stopping.abort();
    withRunner((runner) => runner.stop());
  };
  const handOver = (): void => withRunner((runner) => runner.handOver());
  const hangUp = (): void => {
    if (isForeground) end("SIGHUP");
    else withRunner((runner) => runner.reloadTls());
  };
  // Node's own meaning of it is a debugger, whose port is open to every user of this machine.
  const ignore = (): void => {};
  process.on("SIGUSR1", ignore);
  process.on("SIGTERM", end).on("SIGINT", end).on("SIGUSR2", handOver).on("SIGHUP", hangUp);
  return () => {
    process.off("SIGUSR1", ignore);
    process.off("SIGTERM", end).off("SIGINT", end).off("SIGUSR2", handOver).off("SIGHUP", hangUp);
  };
}
