import type { Command } from "commander";
import { collectGarbage } from "../../runtimes/docker/gc.ts";
import { stateDirectoryPath } from "../../runtimes/state-directory.ts";
import { printJson, table } from "../print.ts";

interface Flags {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function addGarbageCommand(program: Command): void {
  program
    .command("gc")
    .description("remove containers of Berth's whose owner is gone past their lease, and what they left")
    .option("--dry-run", "only say what would be removed")
    .option("--json", "as JSON")
    .addHelpText("after", "\nOnly what carries the label of this user's Berth is looked at; a container that holds a workspace is never removed.")
    .action(async (flags: Flags) => {
      const report = await collectGarbage({ stateDirectory: stateDirectoryPath(), dryRun: flags.dryRun ?? false });
      if (flags.json) {
        printJson(report);
        return;
      }
      const verb = flags.dryRun ? "would remove" : "removed";
      const rows = [
        ...report.removed.map((item) => [verb, item.kind, item.name, item.reason]),
        ...report.kept.map((item) => ["kept", item.kind, item.name, item.reason]),
      ];
      process.stdout.write(rows.length === 0 ? "nothing to remove\n" : table(rows));
    });
}
