import type { Command } from "commander";
import { formatDuration } from "../../../contract/duration.ts";
import { isBerthError } from "../../../contract/errors.ts";
import type { InitResult, Workspace, WorkspaceEvent, WorkspaceStatus } from "../../../contract/workspace.ts";
import type { Workspaces } from "../../../workspaces/api.ts";
import { printJson, table, terminalColumns, visible } from "../../print.ts";
import type { RunnerFlags } from "../../runner/target.ts";
import {
  projectOption,
  stateText,
  type WorkspaceFlags,
  whereText,
  withWorkspaces,
  working,
} from "../../workspaces.ts";
import { lossLines } from "./losses.ts";

/** Lines of a set-up's output that `show` prints; `--json` has all that is kept. */
const SHOWN_LINES = 20;

interface ListFlags extends RunnerFlags {
  readonly all?: boolean;
  readonly project?: string;
  readonly json?: boolean;
}

export function addListWord(workspace: Command): void {
  workspace
    .command("list")
    .alias("ls")
    .description("list the workspaces of this project; outside of any, of all")
    .option("-a, --all", "of all projects")
    .option("--project <directory>", "a directory in the project; default: the current one")
    .option("--json", "as JSON")
    .action(async (flags: ListFlags) => {
      const { list, all } = await withWorkspaces((workspaces) => listed(workspaces, flags), flags);
      if (flags.json) printJson(list);
      else if (list.length === 0) {
        process.stderr.write(
          `No workspaces${all ? "" : " of this project; --all lists those of others"}. \`berth workspace create NAME\` makes one.\n`,
        );
      } else {
        const head = ["NAME", ...(all ? ["PROJECT"] : []), "BRANCH", "PLACE", "STATE", "AGE"];
        const rows = list.map((one) => [
          one.name,
          ...(all ? [one.project.name] : []),
          one.branch,
          whereText(one),
          stateText(one),
          age(one.createdAt),
        ]);
        process.stdout.write(table([head, ...rows], terminalColumns()));
      }
    });
}

/** Those of the project, or where there is none, all. */
async function listed(
  workspaces: Workspaces,
  flags: ListFlags,
): Promise<{ list: Workspace[]; all: boolean }> {
  if (flags.all) return { list: await workspaces.list(), all: true };
  try {
    const project = projectOption(flags.project ?? process.cwd());
    return { list: await workspaces.list(project), all: false };
  } catch (cause) {
    if (flags.project !== undefined || !isBerthError(cause, "workspace.not_a_project")) throw cause;
    return { list: await workspaces.list(), all: true };
  }
}

export function addShowWord(workspace: Command): void {
  workspace
    .command("show")
    .description("all about a workspace: place, state, how its set-up ended")
    .argument("<workspace>")
    .option("--history", "what happened to it, too")
    .option("--json", "as JSON")
    .action(async (name: string, flags: RunnerFlags & { history?: boolean; json?: boolean }) => {
      const { one, history } = await withWorkspaces(
        async (workspaces) => ({
          one: await workspaces.get(name),
          history: flags.history ? await workspaces.history(name) : undefined,
        }),
        flags,
      );
      if (flags.json) printJson(history === undefined ? one : { ...one, history });
      else process.stdout.write(shown(one) + (history === undefined ? "" : `\n${historyTable(history)}`));
    });
}

function shown(one: Workspace): string {
  const { project, place } = one;
  const started = one.startCommit === null ? "" : `, started at ${one.startCommit.slice(0, 10)}`;
  const rows = [
    ["state", stateText(one)],
    ["id", one.id],
    [
      "project",
      `${project.name}, ${project.path}, ${project.trusted ? "trusted" : "not trusted: hooks are off"}`,
    ],
    ["branch", `${one.branch}${started}${one.ownsBranch ? "" : "; not made by Berth"}`],
    ["runtime", whereText(one)],
    ...(place === undefined
      ? []
      : [
          ["path", `${place.path}${one.ownsCheckout ? "" : "  (not made by Berth)"}`],
          ...(place.base === null ? [] : [["repository", place.base]]),
          ...(place.container === undefined ? [] : [["container", place.container]]),
          ...(place.volume === undefined ? [] : [["volume", place.volume]]),
        ]),
    ...(one.forkedFrom === undefined ? [] : [["forked from", one.forkedFrom]]),
    ["made", `${one.createdAt}, ${age(one.createdAt)} ago`],
    ...operationRow(one),
    ...(one.init === undefined ? [] : [["set-up", initText(one.init)]]),
  ];
  return `${one.name}\n${table(rows.map(([label = "", text = ""]) => [`  ${label}`, text]))}${outputEnd(one.init)}`;
}

/** What is done with it now, or what to do about what was not done to its end. */
function operationRow({ name, state, operation }: Workspace): string[][] {
  if (operation?.alive) {
    const { kind, pid, startedAt } = operation;
    return [["operation", `${kind} by process ${pid}, for ${age(startedAt)}`]];
  }
  if (state === "initializing") {
    return [["operation", `its set-up was interrupted: \`berth workspace init ${name}\` goes on`]];
  }
  const interrupted = operation !== undefined || state === "creating" || state === "deleting";
  if (!interrupted) return [];
  const what = operation?.kind ?? (state === "creating" ? "create" : "delete");
  return [["operation", `${what} was interrupted: \`berth gc\` completes or removes what is there`]];
}

function initText(init: InitResult): string {
  if (init.skipped === "untrusted") return "did not run: the project is not trusted (`berth trust`)";
  if (init.exit === null) return "done; the project has no .berth/init";
  const time = formatDuration(Date.parse(init.endedAt) - Date.parse(init.startedAt));
  const { exitCode, signal, timedOut } = init.exit;
  const how = timedOut ? "took too long" : signal !== null ? signal : `exit code ${exitCode}`;
  return `.berth/init: ${how} after ${time}, ${age(init.endedAt)} ago`;
}

/** The last lines of what the set-up said, without what could steer the terminal. */
function outputEnd(init: InitResult | undefined): string {
  const lines = (init?.output ?? "").trimEnd().split("\n");
  if (lines.length === 1 && lines[0] === "") return "";
  const cut = lines.length > SHOWN_LINES ? "    …\n" : "";
  return (
    cut +
    lines
      .slice(-SHOWN_LINES)
      .map((line) => `    ${visible(line)}\n`)
      .join("")
  );
}

function historyTable(history: readonly WorkspaceEvent[]): string {
  return table(history.map(({ at, type, message }) => [at, type, message]));
}

export function addStatusWord(workspace: Command): void {
  workspace
    .command("status")
    .description("what is in a workspace, and what would be lost with it")
    .argument("<workspace>")
    .option("-q, --quiet", "no progress and no questions on the terminal")
    .option("--json", "as JSON")
    .action(async (name: string, flags: WorkspaceFlags) => {
      const status = await working(flags, (workspaces, options) => workspaces.status(name, options));
      if (flags.json) printJson(status);
      else process.stdout.write(`${statusLine(status)}\n${statusLosses(status)}`);
    });
}

function statusLine({ branch, head, ahead, behind }: WorkspaceStatus): string {
  const at = head === null ? "no commit yet" : head.slice(0, 10);
  const count = (commits: number | undefined): string =>
    `${commits ?? 0} ${commits === 1 ? "commit" : "commits"}`;
  const trunk =
    ahead === undefined && behind === undefined
      ? ""
      : `, ${count(ahead)} ahead of trunk and ${count(behind)} behind`;
  return `${branch === null ? "no branch" : `branch ${visible(branch)}`} at ${at}${trunk}`;
}

function statusLosses(status: WorkspaceStatus): string {
  const notes = [
    ...(status.problem === undefined ? [] : [`problem: ${visible(status.problem)}\n`]),
    ...(status.underWay === undefined ? [] : [`a ${visible(status.underWay)} is under way\n`]),
  ].join("");
  const lines = lossLines(status);
  if (lines !== "") return `${notes}Here, and nowhere else:\n${lines}`;
  return notes === "" ? "Nothing would be lost with it.\n" : notes;
}

export function addPathWord(workspace: Command): void {
  workspace
    .command("path")
    .description('print where the checkout is in its place: cd "$(berth workspace path NAME)"')
    .argument("<workspace>")
    .action(async (name: string, flags: RunnerFlags) => {
      const one = await withWorkspaces((workspaces) => workspaces.get(name), flags);
      if (one.place !== undefined) process.stdout.write(`${one.place.path}\n`);
      else {
        process.stderr.write(`berth: the place of ${name} has not been decided yet\n`);
        process.exitCode = 1;
        return;
      }
      const { type } = one.runtime;
      if (process.stderr.isTTY && (type === "ssh" || type === "docker")) {
        process.stderr.write(`berth: in ${visible(whereText(one))}; \`berth shell -w ${name}\` goes there\n`);
      }
    });
}

function age(since: string): string {
  return formatDuration(Math.max(1000, Date.now() - Date.parse(since)));
}
