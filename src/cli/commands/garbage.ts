import type { Command } from "commander";
import { collectGarbage, type GarbageReport } from "../../runtimes/docker/gc.ts";
import { stateDirectoryPath } from "../../runtimes/state-directory.ts";
import { resolveEndpoint } from "../../transports/docker/endpoint.ts";
import { createDockerEngine } from "../../transports/docker/engine.ts";
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
    .addHelpText(
      "after",
      "\nOnly what carries the label of this user's Berth is looked at; a container that holds a workspace is never removed.",
    )
    .action(async (flags: Flags) => {
      const engine = createDockerEngine(await resolveEndpoint(undefined));
      try {
        const report = await collectGarbage({
          engine,
          stateDirectory: stateDirectoryPath(),
          dryRun: flags.dryRun ?? false,
        });
        if (flags.json) printJson(report);
        else process.stdout.write(render(report, flags.dryRun ? "would remove" : "removed"));
        if (report.failed.length > 0) process.exitCode = 1;
      } finally {
        engine.close();
      }
    });
}

function render(report: GarbageReport, verb: string): string {
  const rows = [
    ...report.removed.map(({ name, image }) => [verb, name, image]),
    ...report.kept.map(({ name, reason }) => ["kept", name, reason]),
    ...report.failed.map(({ name, error }) => ["FAILED", name, `${error.message} [${error.code}]`]),
  ];
  return rows.length === 0 ? "nothing to remove\n" : table(rows);
}
