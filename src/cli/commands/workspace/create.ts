import type { Command } from "commander";
import type { RuntimeConfig } from "../../../contract/config.ts";
import { formatDuration } from "../../../contract/duration.ts";
import { isBerthError } from "../../../contract/errors.ts";
import type { InitResult, Workspace } from "../../../contract/workspace.ts";
import { findBerthFile } from "../../../runtimes/find-berth-file.ts";
import { resolveRuntime } from "../../../runtimes/open.ts";
import type { Workspaces } from "../../../workspaces/api.ts";
import { usageError } from "../../errors.ts";
import {
  addContainerOptions,
  hasPlaceOptions,
  type RuntimeOptions,
  withPlaceOptions,
} from "../../options.ts";
import { printJson, visible } from "../../print.ts";
import { addSshOptions } from "../../ssh-options.ts";
import { projectOption, stateText, type WorkspaceFlags, whereText, working } from "../../workspaces.ts";

interface CreateFlags extends Omit<RuntimeOptions, "project" | "workspace" | "keep"> {
  readonly branch?: string;
  readonly start?: string;
  readonly changes?: boolean;
  readonly existing?: string;
  readonly trust?: boolean;
  readonly skipInit?: boolean;
  readonly project?: string;
}

/** Where a new workspace is put; `-r` and what belongs to it. */
function addNewPlaceOptions(command: Command, defaultText: string): Command {
  command
    .option("-r, --runtime <runtime>", `where: a name of berth.yaml or a URI; default: ${defaultText}`)
    .option("--no-daemon", "use no daemon in the place: fewer capabilities, nothing outlives a command");
  return addContainerOptions(addSshOptions(command))
    .option("-q, --quiet", "no progress, no output of the set-up, no questions on the terminal")
    .option("--json", "print the workspace as JSON");
}

export function addCreateWord(workspace: Command): void {
  const command = workspace
    .command("create")
    .description("make a workspace: the project on a branch of its own, in any place, set up")
    .argument("<name>", "letters, digits, dot, dash and underscore; the branch gets this name")
    .option("-b, --branch <branch>", "the branch: an existing one is checked out, another one is made")
    .option("--start <revision>", "what a new branch starts at; default: trunk as it is here")
    .option("--changes", "the uncommitted changes of the project travel too; ignored files by .berth/include")
    .option("--existing <path>", "a checkout that is already in the place, which is never removed")
    .option("--trust", "trust the project: its hooks and .berth/init run from now on (see `berth trust`)")
    .option("--skip-init", "leave the set-up for `berth workspace init`")
    .option("--project <directory>", "a directory in the project; default: the current one");
  addNewPlaceOptions(command, "that of workspaces in berth.yaml, else worktree:")
    .addHelpText(
      "after",
      "\nExit code: 1 when the set-up did not succeed; the workspace is there all the same.\nExamples:\n  berth workspace create fix-login\n  berth workspace create fix-login -r ssh://box --changes",
    )
    .action(async (name: string, flags: CreateFlags) => {
      const { project, ...place } = flags;
      const runtime = await newPlace(place, project);
      const made = await working(flags, (workspaces, options) =>
        sayingWhatIsLeft(workspaces, name, project, () =>
          workspaces.create({
            ...options,
            name,
            ...projectOption(project),
            ...(runtime === undefined ? {} : { runtime }),
            ...(flags.branch === undefined ? {} : { branch: flags.branch }),
            ...(flags.start === undefined ? {} : { start: flags.start }),
            ...(flags.existing === undefined ? {} : { existing: flags.existing }),
            changes: flags.changes ?? false,
            trust: flags.trust ?? false,
            skipInit: flags.skipInit ?? false,
          }),
        ),
      );
      report(made, flags);
    });
}

export function addForkWord(workspace: Command): void {
  const command = workspace
    .command("fork")
    .description("make another workspace of one, uncommitted changes included; it goes on from there")
    .argument("<workspace>", "the one to start from")
    .argument("<name>", "name of the new one")
    .option("-b, --branch <branch>", "the branch of the new one; default: as for create")
    .option("--no-changes", "leave the uncommitted changes where they are")
    .option("--skip-init", "leave the set-up for `berth workspace init`");
  addNewPlaceOptions(command, "that of the workspace").action(
    async (
      from: string,
      name: string,
      flags: Omit<CreateFlags, "project"> & { readonly changes: boolean },
    ) => {
      const runtime = await newPlace(flags, undefined);
      const made = await working(flags, (workspaces, options) =>
        sayingWhatIsLeft(workspaces, name, undefined, () =>
          workspaces.fork(from, {
            ...options,
            name,
            ...(runtime === undefined ? {} : { runtime }),
            ...(flags.branch === undefined ? {} : { branch: flags.branch }),
            changes: flags.changes,
            skipInit: flags.skipInit ?? false,
          }),
        ),
      );
      report(made, flags);
    },
  );
}

export function addInitWord(workspace: Command): void {
  workspace
    .command("init")
    .description("run the set-up of a workspace again: submodules, git pull --ff-only, .berth/init")
    .argument("<workspace>")
    .option("-q, --quiet", "no progress, no output, no questions on the terminal")
    .option("--json", "print how it ended as JSON")
    .addHelpText("after", "\nExit code: 1 when .berth/init did not succeed.")
    .action(async (name: string, flags: WorkspaceFlags) => {
      const result = await working(flags, (workspaces, options) => workspaces.init(name, options));
      if (flags.json) printJson(result);
      sayInit(name, result, flags);
    });
}

/** An interrupt in the set-up leaves the workspace; before, nothing. Which of them it was is worth a word. */
async function sayingWhatIsLeft<T>(
  workspaces: Workspaces,
  name: string,
  project: string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isBerthError(cause, "operation.aborted")) {
      const selection = project === undefined ? {} : { directory: project };
      const left = await workspaces.get(name, selection).catch(() => undefined);
      if (left !== undefined) {
        process.stderr.write(
          `berth: ${left.name} is there: ${stateText(left)}\n  \`berth workspace init ${left.name}\` goes on, \`berth workspace delete ${left.name}\` removes it\n`,
        );
      }
    }
    throw cause;
  }
}

/** What `-r` and the options of the place say; undefined: what is usual. */
async function newPlace(
  flags: Omit<CreateFlags, "project">,
  project: string | undefined,
): Promise<RuntimeConfig | string | undefined> {
  if (!hasPlaceOptions(flags)) return flags.runtime;
  const at = project === undefined ? {} : { projectDirectory: project };
  const asked = flags.runtime ?? (await findBerthFile(project ?? process.cwd()))?.workspaces.runtime;
  if (asked === undefined) {
    throw usageError(
      "options of a place without a place",
      "Say which by -r, such as -r ssh://box or -r docker-image:debian:12.",
    );
  }
  const { config } = await resolveRuntime(asked, at);
  return withPlaceOptions(config, flags);
}

/** The new workspace on stdout; what to know of it on stderr. */
function report(made: Workspace, flags: { quiet?: boolean; json?: boolean }): void {
  if (flags.json) printJson(made);
  else if (flags.quiet) process.stdout.write(`${made.name}\n`);
  else {
    const path = made.place === undefined ? "" : visible(made.place.path);
    process.stdout.write(
      `${made.name}: ${stateText(made)}, branch ${visible(made.branch)}\n  ${visible(whereText(made))}  ${path}\n`,
    );
  }
  if (made.init !== undefined) sayInit(made.name, made.init, flags);
  else if (made.state === "init_failed") process.exitCode = 1;
}

/** What there is to know of a set-up that did not run or did not succeed; sets the exit code. */
function sayInit(name: string, init: InitResult, flags: { quiet?: boolean; json?: boolean }): void {
  const quiet = flags.quiet === true || flags.json === true;
  if (init.skipped === "untrusted") {
    if (!quiet)
      process.stderr.write(
        `berth: hooks are off and .berth/init did not run: the project is not trusted\n  \`berth trust\` shows what would run and asks; then \`berth workspace init ${name}\`\n`,
      );
    return;
  }
  const { exit } = init;
  if (exit === null || exit.exitCode === 0) return;
  process.exitCode = 1;
  if (flags.json) return;
  const how = exit.timedOut ? "took too long" : `ended with ${exit.signal ?? `exit code ${exit.exitCode}`}`;
  const time = formatDuration(Date.parse(init.endedAt) - Date.parse(init.startedAt));
  if (flags.quiet) process.stderr.write(visible(init.output).replaceAll("⏎", "\n"));
  process.stderr.write(
    `berth: .berth/init ${how} after ${time}; the workspace can be used\n  \`berth workspace init ${name}\` runs it again\n`,
  );
}
