import { join } from "node:path";
import type { Command } from "commander";
import { INIT_HOOK } from "../../workspaces/git/init-hook.ts";
import { findHooks, type ProjectHooks } from "../../workspaces/hooks.ts";
import { usageError } from "../errors.ts";
import { printJson, table, terminalColumns, visible } from "../print.ts";
import { askLine, canAsk } from "../prompt.ts";
import { withWorkspaces } from "../workspaces.ts";

/** Lines of `.berth/init` that are shown. */
const SHOWN_LINES = 12;

interface Flags {
  readonly revoke?: boolean;
  readonly list?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

export function addTrustCommand(program: Command): void {
  program
    .command("trust")
    .description("let the hooks of a project run: git's own and .berth/init; shows them and asks first")
    .argument("[directory]", "a directory in the project", ".")
    .option("--revoke", "they run no longer")
    .option("--list", "list the projects that are trusted")
    .option("-y, --yes", "don't ask")
    .option("--json", "as JSON; asks nobody")
    .addHelpText(
      "after",
      "\nUntil then git runs with hooks disabled, in every place, and .berth/init does not run. Places of its berth.yaml that would run programs here or open this machine are refused, too. Trust is of the project and of whatever is committed in it, now and later.",
    )
    .action(async (directory: string, flags: Flags) => {
      if (flags.list && flags.revoke) throw usageError("--list and --revoke exclude each other");
      if (flags.list) await list(flags);
      else if (flags.revoke) await revoke(directory, flags);
      else process.exitCode = await trust(directory, flags);
    });
}

async function list(flags: Flags): Promise<void> {
  const projects = (await withWorkspaces((workspaces) => workspaces.projects())).filter(
    ({ trusted }) => trusted,
  );
  if (flags.json) printJson(projects);
  else if (projects.length === 0) process.stderr.write("No project is trusted.\n");
  else {
    const rows = projects.map(({ name, path }) => [name, path]);
    process.stdout.write(table([["PROJECT", "PATH"], ...rows], terminalColumns()));
  }
}

async function revoke(directory: string, flags: Flags): Promise<void> {
  const project = await withWorkspaces((workspaces) => workspaces.trust(directory, false));
  if (flags.json) printJson(project);
  else process.stdout.write(`${visible(project.name)} is not trusted: its hooks do not run.\n`);
}

async function trust(directory: string, flags: Flags): Promise<number> {
  const hooks = await findHooks(directory);
  if (!flags.json) process.stdout.write(rendered(hooks));
  if (!flags.yes) {
    if (flags.json || !canAsk()) {
      throw usageError(
        "nobody is here to say whether the project is trusted",
        "Give --yes, or run it in a terminal.",
      );
    }
    const answer = (await askLine("Trust it? (yes, no) "))?.trim();
    if (answer !== "yes" && answer !== "y") {
      process.stdout.write("Nothing was changed.\n");
      return 1;
    }
  }
  const project = await withWorkspaces((workspaces) => workspaces.trust(directory, true));
  if (flags.json) printJson({ project, hooks });
  else {
    process.stdout.write(
      `${visible(project.name)} is trusted. \`berth workspace init NAME\` runs the set-up of a workspace that is there.\n`,
    );
  }
  return 0;
}

/** What would run, as it is in the checkout now. */
function rendered({ root, directory, hooksPath, hooks, init }: ProjectHooks): string {
  const where = hooksPath === undefined ? "" : `, by core.hooksPath = ${visible(hooksPath)}`;
  const gitHooks =
    hooks.length === 0
      ? `git hooks: none in ${visible(directory)}${where}\n`
      : `git hooks${where}:\n${hooks.map((name) => `  ${visible(join(directory, name))}\n`).join("")}`;
  return `${visible(root)} would run, here and wherever a workspace of it is:\n${gitHooks}${renderedInit(init)}`;
}

function renderedInit(init: ProjectHooks["init"]): string {
  if (init === undefined) return `${INIT_HOOK}: none in this checkout; other branches may have one\n`;
  const lines = init.text.trimEnd().split("\n");
  const shown = lines.slice(0, SHOWN_LINES).map((line) => `  │ ${visible(line)}\n`);
  const more = lines.length > SHOWN_LINES ? `  … ${lines.length - SHOWN_LINES} more lines\n` : "";
  return `${INIT_HOOK}, when a workspace is set up:\n${shown.join("")}${more}`;
}
