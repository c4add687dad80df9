import { Command, CommanderError } from "commander";
import { isBerthError } from "../contract/errors.ts";
import { VERSION } from "../contract/version.ts";
import { closeCommandEvents } from "./command-events.ts";
import { addAttachCommand } from "./commands/attach.ts";
import { addCheckCommand } from "./commands/check.ts";
import { addCopyCommand } from "./commands/copy.ts";
import { addExecCommand } from "./commands/exec.ts";
import { addForwardCommand } from "./commands/forward.ts";
import { addKillCommand } from "./commands/kill.ts";
import { addLogsCommand } from "./commands/logs.ts";
import { addPortsCommand } from "./commands/ports.ts";
import { addProcessesCommand } from "./commands/processes.ts";
import { addShellCommand } from "./commands/shell.ts";
import { EXIT, exitCodeOf, printError } from "./errors.ts";

type AddCommand = (program: Command) => void;

/**
 * The words of the command line in the order of the help. Those that work in a place share what they load; the
 * others bring more and are loaded when they are used.
 */
const COMMANDS: readonly (readonly [
  words: readonly string[],
  load: () => AddCommand | Promise<AddCommand>,
])[] = [
  [["exec"], () => addExecCommand],
  [["shell"], () => addShellCommand],
  [["ps", "rm"], () => addProcessesCommand],
  [["logs"], () => addLogsCommand],
  [["attach"], () => addAttachCommand],
  [["kill"], () => addKillCommand],
  [["cp"], () => addCopyCommand],
  [["forward"], () => addForwardCommand],
  [["ports"], () => addPortsCommand],
  [["workspace", "ws"], async () => (await import("./commands/workspace.ts")).addWorkspaceCommand],
  [["trust"], async () => (await import("./commands/trust.ts")).addTrustCommand],
  [["runtimes"], async () => (await import("./commands/runtimes.ts")).addRuntimesCommand],
  [["check"], () => addCheckCommand],
  [["doctor"], async () => (await import("./commands/doctor.ts")).addDoctorCommand],
  [["gc"], async () => (await import("./commands/garbage.ts")).addGarbageCommand],
  [["serve"], async () => (await import("./commands/serve.ts")).addServeCommand],
  [["open"], async () => (await import("./commands/open.ts")).addOpenCommand],
  [["mcp"], async () => (await import("./commands/mcp.ts")).addMcpCommand],
  [["login", "logout"], async () => (await import("./commands/login.ts")).addLoginCommands],
  [["preview"], async () => (await import("./commands/preview.ts")).addPreviewCommand],
  [["token"], async () => (await import("./commands/token.ts")).addTokenCommand],
  [["events"], async () => (await import("./commands/events.ts")).addEventsCommand],
  [["top"], async () => (await import("./commands/top.ts")).addTopCommand],
  [["stats"], async () => (await import("./commands/stats.ts")).addStatsCommand],
  [["ssh"], async () => (await import("./commands/ssh.ts")).addSshCommand],
  [["completion"], async () => (await import("./commands/completion.ts")).addCompletionCommand],
];

/** The whole command line, or of it only what `word` needs; actions set `process.exitCode`. */
export async function buildProgram(word?: string): Promise<Command> {
  const program = new Command("berth")
    .description("Run commands, files, terminals and servers in a place of your choice, as if it were local.")
    .version(VERSION, "-V, --version")
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .addHelpText(
      "after",
      "\n-w WORKSPACE takes the place of -r RUNTIME everywhere. RUNTIME is a name of berth.yaml, local:, docker://CONTAINER[/workdir], docker-image:NAME[:TAG|@DIGEST] or ssh://[USER@]HOST[:PORT][/workdir].\nDocumentation: docs/cli.md",
    );
  const used = COMMANDS.filter(([words]) => word !== undefined && words.includes(word));
  for (const add of await Promise.all((used.length > 0 ? used : COMMANDS).map(([, load]) => load()))) {
    add(program);
  }
  for (const command of withSubcommands(program)) {
    command.exitOverride();
    command.configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "berth: ")) });
  }
  return program;
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

/** Runs the command line and sets the exit code. A reader of stdout that goes away ends it quietly. */
export async function run(argv: readonly string[]): Promise<void> {
  const program = await buildProgram(argv[2]);
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
  } finally {
    await closeCommandEvents();
  }
}
