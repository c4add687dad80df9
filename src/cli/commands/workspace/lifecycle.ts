import type { Command } from "commander";
import { berthError, isBerthError } from "../../../contract/errors.ts";
import type { DeleteReport } from "../../../workspaces/api.ts";
import { printJson, table, visible } from "../../print.ts";
import { askLine, canAsk } from "../../prompt.ts";
import { addSshWait } from "../../ssh-options.ts";
import { stateText, type WorkspaceFlags, working } from "../../workspaces.ts";
import { lossLines, refusalLines } from "./losses.ts";

interface DeleteFlags extends WorkspaceFlags {
  readonly force?: boolean;
  readonly keepBranch?: boolean;
  readonly yes?: boolean;
}

export function addLifecycleWords(workspace: Command): void {
  addWorkOptions(
    workspace
      .command("rename")
      .description("give a workspace another name; its checkout moves with it, its branch stays")
      .argument("<workspace>")
      .argument("<name>", "the new name"),
  ).action(async (from: string, name: string, flags: WorkspaceFlags) => {
    const one = await working(flags, (workspaces, options) => workspaces.rename(from, name, options));
    if (flags.json) printJson(one);
    else process.stdout.write(`${one.name}\n`);
  });
  addWorkOptions(
    workspace
      .command("stop")
      .description("stop the container of a workspace; its checkout stays")
      .argument("<workspace>"),
  ).action(async (name: string, flags: WorkspaceFlags) => {
    const one = await working(flags, (workspaces, options) => workspaces.stop(name, options));
    if (flags.json) printJson(one);
    else process.stdout.write(`${one.name}: ${stateText(one)}\n`);
  });
  addWorkOptions(
    workspace
      .command("start")
      .description("start the container of a workspace again; its use does so too")
      .argument("<workspace>"),
  ).action(async (name: string, flags: WorkspaceFlags) => {
    const one = await working(flags, (workspaces, options) => workspaces.start(name, options));
    if (flags.json) printJson(one);
    else process.stdout.write(`${one.name}: ${stateText(one)}\n`);
  });
  addWorkOptions(
    workspace
      .command("delete")
      .alias("rm")
      .description("remove a workspace, unless work would be lost with it; it is said which")
      .argument("<workspace>")
      .option("-f, --force", "although work would be lost; at a terminal it is shown and asked first")
      .option(
        "--keep-branch",
        "leave the branch in the project's repository; from elsewhere it is fetched first",
      )
      .option("-y, --yes", "don't ask"),
  ).action(async (name: string, flags: DeleteFlags) => {
    process.exitCode = await remove(name, flags);
  });
}

/** Options of what takes a while. */
export function addWorkOptions(command: Command): Command {
  return addSshWait(command)
    .option("-q, --quiet", "no progress and no questions on the terminal")
    .option("--json", "as JSON");
}

async function remove(name: string, flags: DeleteFlags): Promise<number> {
  const force = flags.force ?? false;
  if (force && !flags.yes && !flags.json && !flags.quiet && canAsk() && !(await agreed(name, flags))) {
    process.stdout.write("Nothing was removed.\n");
    return 1;
  }
  try {
    const report = await working(flags, (workspaces, options) =>
      workspaces.delete(name, { ...options, force, keepBranch: flags.keepBranch ?? false }),
    );
    if (flags.json) printJson(report);
    else process.stdout.write(rendered(report, flags));
    return report.kept.length > 0 ? 1 : 0;
  } catch (cause) {
    if (isBerthError(cause, "workspace.would_lose_work") && !flags.json) {
      const { hint, context } = cause;
      process.stderr.write(`In ${visible(name)}, and nowhere else:\n${refusalLines(cause)}`);
      // Its own message lists them in one line.
      throw berthError("workspace.would_lose_work", { hint, context, cause });
    }
    throw cause;
  }
}

/** Shows what would be lost, and asks; no question where that is nothing. */
async function agreed(name: string, flags: DeleteFlags): Promise<boolean> {
  const status = await working(flags, (workspaces, options) => workspaces.status(name, options)).catch(
    (cause) => {
      // What can't be looked at is removed for that very reason.
      if (isBerthError(cause, "workspace.unknown")) throw cause;
      return undefined;
    },
  );
  const lines = status === undefined ? "  what is in it could not be seen\n" : lossLines(status);
  if (lines === "") return true;
  process.stdout.write(`Lost with ${name}:\n${lines}`);
  const answer = (await askLine(`Remove ${visible(name)} all the same? (yes, no) `))?.trim();
  return answer === "yes" || answer === "y";
}

function rendered({ workspace, removed, kept }: DeleteReport, { quiet }: DeleteFlags): string {
  const rows = [
    ...(quiet ? [] : removed.map((what) => ["removed", what, ""])),
    ...kept.map(({ what, reason }) => ["stays", what, reason]),
  ];
  return rows.length === 0 && !quiet
    ? `${workspace.name} is no workspace any more; nothing was there to remove\n`
    : table(rows);
}
