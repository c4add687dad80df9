import type { Command } from "commander";
import { type BerthError, isBerthError, toBerthError } from "../../contract/errors.ts";
import { collectGarbage, type GarbageReport } from "../../runtimes/docker/gc.ts";
import { stateDirectoryPath } from "../../runtimes/state-directory.ts";
import { resolveEndpoint } from "../../transports/docker/endpoint.ts";
import { createDockerEngine } from "../../transports/docker/engine.ts";
import type { GarbageReport as WorkspaceGarbage } from "../../workspaces/api.ts";
import { printJson, table } from "../print.ts";

interface Flags {
  readonly dryRun?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export function addGarbageCommand(program: Command): void {
  program
    .command("gc")
    .description(
      "complete or remove workspaces whose making was interrupted, and remove containers without owner",
    )
    .option("--dry-run", "only say what would be done")
    .option("-q, --quiet", "no progress and no questions on the terminal")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      "\nContainers: only those that carry the label of this user's Berth, and whose owner is gone past their lease; one that holds a workspace is never removed.",
    )
    .action(async (flags: Flags) => {
      const dryRun = flags.dryRun ?? false;
      const { existingWorkspaces, whileWorking } = await import("../workspaces.ts");
      const workspaces = await existingWorkspaces((all) =>
        whileWorking(flags, (options) => all.garbage({ ...options, dryRun })),
      );
      const containers = await containerGarbage(dryRun);
      if (flags.json) {
        const found = "skipped" in containers ? { ...EMPTY, skipped: containers.skipped } : containers;
        printJson({ ...found, ...(workspaces === undefined ? {} : { workspaces }) });
      } else process.stdout.write(render(containers, workspaces, dryRun));
      if (!("skipped" in containers) && containers.failed.length > 0) process.exitCode = 1;
    });
}

const EMPTY: GarbageReport = { removed: [], kept: [], failed: [] };

/** Where there is no engine, there are no containers. */
async function containerGarbage(dryRun: boolean): Promise<GarbageReport | { readonly skipped: BerthError }> {
  let engine: ReturnType<typeof createDockerEngine> | undefined;
  try {
    engine = createDockerEngine(await resolveEndpoint(undefined));
    return await collectGarbage({ engine, stateDirectory: stateDirectoryPath(), dryRun });
  } catch (cause) {
    if (isBerthError(cause, "docker.engine_unavailable")) return { skipped: toBerthError(cause, "client") };
    throw cause;
  } finally {
    engine?.close();
  }
}

function render(
  containers: GarbageReport | { readonly skipped: BerthError },
  workspaces: WorkspaceGarbage | undefined,
  dryRun: boolean,
): string {
  const [removed, completed] = dryRun ? ["would remove", "would complete"] : ["removed", "completed"];
  const ofWorkspaces = [
    ...(workspaces?.completed ?? []).map(({ workspace, what }) => [completed, workspace, what]),
    ...(workspaces?.removed ?? []).map(({ what, reason }) => [removed, what, reason]),
    ...(workspaces?.kept ?? []).map(({ what, reason }) => ["kept", what, reason]),
  ];
  const ofContainers =
    "skipped" in containers
      ? [["skipped", "containers", containers.skipped.message]]
      : [
          ...containers.removed.map(({ name, image }) => [removed, name, image]),
          ...containers.kept.map(({ name, reason }) => ["kept", name, reason]),
          ...containers.failed.map(({ name, error }) => ["FAILED", name, `${error.message} [${error.code}]`]),
        ];
  const rows = [...ofWorkspaces, ...ofContainers];
  return rows.length === 0 ? "nothing to remove\n" : table(rows);
}
