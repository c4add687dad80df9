import type { Command } from "commander";
import type * as z from "zod";
import type { stats } from "../../api/runner.ts";
import { printJson, table } from "../print.ts";
import { jsonFromRunner, PROMPT_MS } from "../runner/calls.ts";
import { addRunnerOptions, type RunnerFlags, runnerTarget } from "../runner/target.ts";

type Stats = z.infer<typeof stats>;

interface Flags extends RunnerFlags {
  readonly json?: boolean;
}

export function addStatsCommand(program: Command): void {
  addRunnerOptions(
    program
      .command("stats")
      .description(
        "which types of runtimes are used how often; kept in the state directory and sent nowhere",
      ),
  )
    .option("--json", "as JSON of the API")
    .action(async (flags: Flags) => {
      const target = runnerTarget(flags);
      const found =
        target === undefined
          ? await statsHere()
          : ((await jsonFromRunner(target, "/v1/stats", { timeoutMs: PROMPT_MS })) as Stats);
      if (flags.json) printJson(found);
      else process.stdout.write(statsTable(found));
    });
}

/** The same figures without a runner: they are in the database and the log of events. */
async function statsHere(): Promise<Stats> {
  const [{ openEventLog }, { openWorkspaces }, { statsOf }, { stateDirectoryPath }] = await Promise.all([
    import("../../events/open.ts"),
    import("../../workspaces/open.ts"),
    import("../../runner/observe/adoption.ts"),
    import("../../runtimes/state-directory.ts"),
  ]);
  const stateDirectory = stateDirectoryPath();
  const database = process.env.BERTH_DATABASE || undefined;
  await using events = await openEventLog({ stateDirectory, database, threads: false });
  await using workspaces = await openWorkspaces({
    stateDirectory,
    ...(database === undefined ? {} : { database }),
  });
  return await statsOf(events, workspaces)();
}

function statsTable({ since, workspaces, selections, creations }: Stats): string {
  const types = [
    ...new Set([workspaces, selections, creations].flatMap((counts) => Object.keys(counts))),
  ].sort();
  const rows = types.map((type) => [
    type,
    ...[workspaces, creations, selections].map((counts) => String(counts[type] ?? 0)),
  ]);
  const begin = since === null ? "Nothing was counted yet.\n" : `Since ${since}:\n`;
  return begin + table([["RUNTIME", "WORKSPACES", "CREATED", "SELECTED"], ...rows]);
}
