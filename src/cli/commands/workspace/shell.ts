import type { Command } from "commander";
import { explained } from "../../options.ts";
import { addSshWait } from "../../ssh-options.ts";
import { openWorkspace } from "../../workspaces.ts";
import { addCommandOptions } from "../exec.ts";
import { addShellOptions, runShell, type ShellFlags, WORKSPACE_SHELL } from "../shell.ts";

export function addShellWord(workspace: Command): void {
  const command = workspace
    .command("shell")
    .description(
      "open a terminal with the user's login shell in the checkout of a workspace, or come back to the one that is open",
    )
    .argument("<workspace>")
    .option("--now", "without waiting for a set-up that still runs")
    .option("-q, --quiet", "no progress and no questions on the terminal");
  addShellOptions(addCommandOptions(addSshWait(command))).action(
    async (selector: string, flags: ShellFlags & { now?: boolean }) => {
      await using runtime = await openWorkspace(selector, flags, { waitForInit: flags.now !== true });
      process.exitCode = await runShell(runtime, flags, WORKSPACE_SHELL).catch((cause: unknown) => {
        throw explained(cause, { ...flags, workspace: selector });
      });
    },
  );
}
