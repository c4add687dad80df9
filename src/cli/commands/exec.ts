import type { Command } from "commander";
import type { ExitStatus, SpawnOptions } from "../../contract/process.ts";
import { collect, duration } from "../arguments.ts";
import { closeCommandEvents } from "../command-events.ts";
import { EXIT, usageError } from "../errors.ts";
import {
  addImageOptions,
  addRuntimeOption,
  environment,
  explained,
  open,
  type RuntimeOptions,
} from "../options.ts";
import { printJson } from "../print.ts";
import { exitCodeOfStatus, printOutput, printWaiting, runSession, terminalSize } from "../session.ts";

/** Beyond `--timeout`: the time between TERM and KILL, and for the news of it. */
const ANSWER_SLACK_MS = 5_000;

export interface CommandFlags extends RuntimeOptions {
  readonly cwd?: string;
  readonly env?: string[];
  readonly envFrom?: string[];
  readonly timeout?: number;
  readonly user?: string;
  readonly tty?: boolean;
  readonly stdin?: boolean;
  readonly detach?: boolean;
  readonly name?: string;
}

export function addCommandOptions(command: Command): Command {
  return (
    command
      .option("-C, --cwd <directory>", "working directory in the place")
      .option(
        "-e, --env <name[=value]>",
        "environment variable; without a value the one that it has here (repeatable)",
        collect,
      )
      // Not --env-file: Node takes that for itself wherever it stands, and the daemon would inherit the variables.
      .option("--env-from <file>", "environment variables, one NAME=VALUE a line (repeatable)", collect)
      .option("-u, --user <user>", "run as this user: name or uid[:gid]")
  );
}

export function addExecCommand(program: Command): void {
  const command = program
    .command("exec")
    .description("run a command and return its output and exit code")
    .argument("<command...>", "the command and its arguments, after --")
    .passThroughOptions()
    .usage("[options] -- COMMAND [ARGUMENT…]");
  addImageOptions(addCommandOptions(addRuntimeOption(command)))
    .option(
      "--timeout <duration>",
      "end it after this time (500ms, 1s, 2m): TERM, 2 s later KILL; exit code 124",
      duration,
    )
    .option("-t, --tty", "with a terminal")
    .option("-n, --no-stdin", "input from /dev/null instead of this command's own")
    .option("-d, --detach", "start it, print its id, and leave it running")
    .option("--name <name>", "name it: at most one live process of a name")
    .option("--json", "with --detach: print what was started as JSON")
    .addHelpText(
      "after",
      "\nExit code: the command's own; 128 + n for a signal, 124 for --timeout, 127 not found, 126 not executable, 125 Berth's own failure.",
    )
    .action(async (words: string[], flags: CommandFlags) => {
      process.exitCode = await exec(words, flags);
    });
}

async function exec(words: readonly string[], flags: CommandFlags): Promise<number> {
  if (flags.detach && flags.tty)
    throw usageError(
      "--detach and --tty exclude each other",
      "Start it with --detach --name NAME, or use `berth shell`.",
    );
  const env = environment(flags.env, flags.envFrom);
  await using runtime = await open(flags);
  const common = {
    ...(flags.cwd === undefined ? {} : { cwd: flags.cwd }),
    env,
    ...(flags.user === undefined ? {} : { user: flags.user }),
    ...(flags.timeout === undefined ? {} : { timeoutMs: flags.timeout }),
  };
  if (!runtime.capabilities.spawn && !flags.detach && !flags.tty)
    return await execPlain(runtime, words, common, flags);
  const options: SpawnOptions = {
    ...common,
    ...(flags.name === undefined ? {} : { name: flags.name }),
    stdin: flags.stdin === false || flags.detach ? "ignore" : "pipe",
    ...(flags.tty ? { tty: terminalSize() } : {}),
    detached: flags.detach ?? false,
    overflow: flags.detach ? "drop" : "pause",
  };
  const started = await runtime.spawn(words, options).catch((cause: unknown) => {
    throw explained(cause, flags);
  });
  if (flags.detach) {
    if (flags.json) printJson(await started.info());
    else process.stdout.write(`${started.name ?? started.id}\n`);
    return 0;
  }
  const deadlineMs = flags.timeout === undefined ? undefined : flags.timeout + ANSWER_SLACK_MS;
  const end = await runSession(started, { input: flags.stdin !== false, endOnHangup: true, deadlineMs });
  if ("unanswered" in end) {
    process.stderr.write("berth: the place does not answer; it ends the command as soon as it can\n");
    await closeCommandEvents();
    // Letting go of the process in order would wait for the place.
    process.exit(EXIT.timedOut);
  }
  return "exit" in end ? ended(end.exit) : 0;
}

function ended(exit: ExitStatus): number {
  printWaiting(exit);
  return exitCodeOfStatus(exit);
}

/** Without a daemon there are no processes to hold, only commands. */
async function execPlain(
  runtime: Awaited<ReturnType<typeof open>>,
  words: readonly string[],
  common: Pick<SpawnOptions, "cwd" | "env" | "user" | "timeoutMs">,
  flags: CommandFlags,
): Promise<number> {
  if (flags.name !== undefined) throw usageError("--name needs the daemon", "Leave out --no-daemon.");
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  const input = flags.stdin === false ? undefined : process.stdin;
  try {
    const exit = await printOutput(
      runtime.exec(words, { ...common, signal: stop.signal, ...(input === undefined ? {} : { input }) }),
    );
    return exit === undefined ? 0 : ended(exit);
  } catch (cause) {
    if (stop.signal.aborted) return 130;
    throw explained(cause, flags);
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
    process.stdin.pause();
    process.stdin.unref?.();
  }
}
