import type { Command } from "commander";
import type { Runtime } from "../../contract/runtime.ts";
import { addImageOptions, addRuntimeOption, environment, open } from "../options.ts";
import { exitCodeOfStatus, runSession, terminalSize } from "../session.ts";
import { addCommandOptions, type CommandFlags } from "./exec.ts";

export function addShellCommand(program: Command): void {
  const command = program.command("shell").description("open a terminal with the user's shell in the place");
  addImageOptions(addCommandOptions(addRuntimeOption(command)))
    .option("--name <name>", "name it, to come back by `berth attach NAME`")
    .action(async (flags: CommandFlags) => {
      await using runtime = await open(flags);
      process.exitCode = await runShell(runtime, flags);
    });
}

/** A shell of the place in this terminal, until it ends; returns the exit code. */
export async function runShell(runtime: Runtime, flags: CommandFlags): Promise<number> {
  const shell = await runtime.shell({
    ...(flags.cwd === undefined ? {} : { cwd: flags.cwd }),
    env: environment(flags.env, flags.envFrom),
    ...(flags.user === undefined ? {} : { user: flags.user }),
    ...(flags.name === undefined ? {} : { name: flags.name }),
    tty: terminalSize(),
  });
  const end = await runSession(shell, { input: true, endOnHangup: flags.name === undefined });
  return "exit" in end ? exitCodeOfStatus(end.exit) : 0;
}
