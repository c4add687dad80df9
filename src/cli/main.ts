import { Command, CommanderError } from "commander";
import { isBerthError } from "../contract/errors.ts";
import { VERSION } from "../contract/version.ts";
import { addAttachCommand } from "./commands/attach.ts";
import { addCheckCommand } from "./commands/check.ts";
import { addCompletionCommand } from "./commands/completion.ts";
import { addCopyCommand } from "./commands/copy.ts";
import { addDoctorCommand } from "./commands/doctor.ts";
import { addExecCommand } from "./commands/exec.ts";
import { addForwardCommand } from "./commands/forward.ts";
import { addGarbageCommand } from "./commands/garbage.ts";
import { addKillCommand } from "./commands/kill.ts";
import { addLogsCommand } from "./commands/logs.ts";
import { addProcessesCommand } from "./commands/processes.ts";
import { addRuntimesCommand } from "./commands/runtimes.ts";
import { addShellCommand } from "./commands/shell.ts";
import { EXIT, exitCodeOf, printError } from "./errors.ts";

/** The whole command line; actions set `process.exitCode`. */
export function buildProgram(): Command {
  const program = new Command("berth")
    .description("Run commands, files, terminals and servers in a place of your choice, as if it were local.")
    .version(VERSION, "-V, --version")
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .addHelpText(
      "after",
      "\nRUNTIME is a name of berth.yaml, local:, docker://CONTAINER[/workdir] or docker-image:NAME[:TAG|@DIGEST].\nDocumentation: docs/cli.md",
    );
  for (const add of [
    addExecCommand,
    addShellCommand,
    addProcessesCommand,
    addLogsCommand,
    addAttachCommand,
    addKillCommand,
    addCopyCommand,
    addForwardCommand,
    addRuntimesCommand,
    addCheckCommand,
    addDoctorCommand,
    addGarbageCommand,
    addCompletionCommand,
  ]) {
    add(program);
  }
  for (const command of [program, ...program.commands]) {
    command.exitOverride();
    command.configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "berth: ")) });
  }
  return program;
}

/** Runs the command line and sets the exit code. A reader of stdout that goes away ends it quietly. */
export async function run(argv: readonly string[]): Promise<void> {
  const program = buildProgram();
  // Whoever writes gets the error (writeAll); without a listener Node would throw it from nowhere.
  process.stdout.on("error", () => {});
  try {
    await program.parseAsync([...argv]);
  } catch (cause) {
    if (cause instanceof CommanderError) process.exitCode = cause.exitCode === 0 ? 0 : EXIT.berthFailed;
    else if ((cause as NodeJS.ErrnoException).code === "EPIPE") process.exitCode = EXIT.brokenPipe;
    else {
      printError(cause, argv.includes("--json") && !isBerthError(cause, "cli.usage"));
      process.exitCode = exitCodeOf(cause);
    }
  }
}
