import type { Command } from "commander";
import { addSshWait } from "../../ssh-options.ts";
import { openWorkspace } from "../../workspaces.ts";
import { addCommandOptions, type CommandFlags } from "../exec.ts";
import { runShell } from "../shell.ts";

export function addShellWord(workspace: Command): void {
  const command = workspace
    .command("shell")
    .description("open a terminal with the user's shell in the checkout of a workspace")
    .argument("<workspace>")
    .option("--now", "without waiting for a set-up that still runs")
    .option("-q, --quiet", "no progress and no questions on the terminal");
  addCommandOptions(addSshWait(command))
    .option("--name <name>", "name it, to come back by `berth attach -w WORKSPACE NAME`")
    .action(async (selector: string, flags: CommandFlags & { now?: boolean }) => {
      await using runtime = await openWorkspace(selector, flags, { waitForInit: flags.now !== true });
      process.exitCode = await runShell(runtime, flags);
    });
}
