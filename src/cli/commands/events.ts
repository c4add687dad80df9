import { existsSync } from "node:fs";
import { styleText } from "node:util";
import type { Command } from "commander";
import { WORKSPACE_ID } from "../../contract/config-fields.ts";
import { parseDuration } from "../../contract/duration.ts";
import { isBerthError } from "../../contract/errors.ts";
import { EVENT_TYPES } from "../../contract/event-types.ts";
import { stateDirectoryPath } from "../../runtimes/state-directory.ts";
import { databasePath } from "../../store/engine.ts";
import { collect, wholeNumber } from "../arguments.ts";
import { usageError } from "../errors.ts";
import {
  type EventQuery,
  type EventSource,
  eventsHere,
  eventsOfRunner,
  logHere,
  type ShownEvent,
  storedEvents,
} from "../event-source.ts";
import { visible, writeAll } from "../print.ts";
import { addRunnerOptions, type RunnerFlags, type RunnerTarget, runnerTarget } from "../runner/target.ts";
import { withWorkspaces } from "../workspaces.ts";
import { addExportCommand, addPruneCommand, addSignCommand, addVerifyCommand } from "./events-chain.ts";

interface Flags extends RunnerFlags {
  readonly follow?: boolean;
  readonly workspace?: string;
  readonly process?: string;
  readonly type?: string[];
  readonly since?: string;
  readonly until?: string;
  readonly limit?: number;
  readonly json?: boolean;
}

const DEFAULT_LIMIT = 100;
/** What is shown before the new ones. */
const DEFAULT_TAIL = 10;

export function addEventsCommand(program: Command): void {
  const events = program
    .command("events")
    .description("what happened to runtimes, workspaces, processes, files and connections");
  addRunnerOptions(events, "words")
    .option("-f, --follow", "go on with those that come")
    .option("-w, --workspace <workspace>", "only of this workspace; also the id of one that is gone")
    .option("--process <id>", "only of this process")
    .option("--type <type>", 'only of this type: "process" takes "process.started" (repeatable)', collect)
    .option("--since <time>", "from an ISO time on, or so long ago: 2h, 30m")
    .option("--until <time>", "up to an ISO time, or so long ago")
    .option("--limit <number>", "the newest so many; default: 100, with -f 10, with --since all", wholeNumber)
    .option("--json", "a line of JSON each, as the API has them")
    .action(async (flags: Flags) => {
      await using source = await sourceOf(runnerTarget(flags));
      await show(source, flags);
    });
  addVerifyCommand(events);
  addExportCommand(events);
  addSignCommand(events);
  addPruneCommand(events);
}

/** A runner that works here writes the same log as this command reads. */
async function sourceOf(target: RunnerTarget | undefined): Promise<EventSource> {
  return target === undefined || target.isLocal ? eventsHere(await logHere()) : eventsOfRunner(target);
}

async function show(source: EventSource, flags: Flags): Promise<void> {
  if (flags.follow && flags.until !== undefined) throw usageError("--follow has no end: leave --until out");
  if (flags.limit !== undefined && flags.limit < 0) throw usageError("--limit has to be 0 or more");
  const isElsewhere = runnerTarget(flags)?.isLocal === false;
  const query: EventQuery = {
    workspace: isElsewhere ? flags.workspace : await workspaceId(flags.workspace),
    processId: flags.process,
    // A runner elsewhere may be newer, and know more of them.
    types: isElsewhere ? flags.type : flags.type?.map(knownType),
    since: timeOf(flags.since, "--since"),
    until: timeOf(flags.until, "--until"),
  };
  const names = isElsewhere ? new Map<string, string>() : await namesHere();
  const print = async (events: readonly ShownEvent[]) => {
    const lines = events.map((event) => (flags.json ? `${JSON.stringify(event)}\n` : lineOf(event, names)));
    if (lines.length > 0) await writeAll(process.stdout, lines.join(""));
  };
  // Before the pages: what comes meanwhile is followed.
  const end = await source.last();
  const limit =
    flags.limit ?? (query.since === undefined ? (flags.follow ? DEFAULT_TAIL : DEFAULT_LIMIT) : undefined);
  for await (const events of storedEvents(source, query, limit)) {
    await print(flags.follow ? events.filter(({ sequence }) => sequence <= end) : events);
  }
  if (!flags.follow) return;
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  const { since: _, ...live } = query;
  try {
    for await (const event of source.follow(live, end, stop.signal)) await print([event]);
  } catch (cause) {
    if (!stop.signal.aborted) throw cause;
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}

/** The id of a workspace, which may be gone. */
async function workspaceId(selector: string | undefined): Promise<string | undefined> {
  if (selector === undefined) return undefined;
  try {
    return await withWorkspaces(async (workspaces) => (await workspaces.get(selector)).id);
  } catch (cause) {
    if (WORKSPACE_ID.test(selector) && isBerthError(cause, "workspace.unknown")) return selector;
    throw cause;
  }
}

/** Names of the workspaces that there are. */
async function namesHere(): Promise<ReadonlyMap<string, string>> {
  if (!existsSync(databasePath(stateDirectoryPath())) && !process.env.BERTH_DATABASE) return new Map();
  const list = await withWorkspaces((workspaces) => workspaces.list());
  return new Map(list.map(({ id, name }) => [id, name]));
}

/** A type that there is not would be followed in vain. @throws cli.usage */
function knownType(text: string): string {
  const types = Object.keys(EVENT_TYPES);
  if (types.some((type) => type === text || type.startsWith(`${text}.`))) return text;
  const families = [...new Set(types.map((type) => type.slice(0, type.indexOf("."))))];
  throw usageError(
    `--type: there are no events of the type "${text}"`,
    `Give one as \`berth events\` shows it, or all of a kind: ${families.join(", ")}.`,
  );
}

function timeOf(text: string | undefined, option: string): string | undefined {
  if (text === undefined) return undefined;
  const time = /^\d+(?:\.\d+)?(?:ms|s|m|h|d)$/.test(text)
    ? Date.now() - parseDuration(text)
    : Date.parse(text);
  if (Number.isNaN(time))
    throw usageError(`${option}: "${text}" is no time`, "Give an ISO time, or how long ago: 2h, 30m, 7d.");
  return new Date(time).toISOString();
}

/** "2026-11-21 20:44:38  process.exited  fix-login  exit code 0"; colours only on a terminal that wants them. */
function lineOf(event: ShownEvent, names: ReadonlyMap<string, string>): string {
  const { time, type, message, workspace, actor } = event;
  const style = (format: Parameters<typeof styleText>[0], text: string) =>
    styleText(format, text, { stream: process.stdout });
  const at = new Date(time);
  const day = [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((part) =>
    String(part).padStart(2, "0"),
  );
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) =>
    String(part).padStart(2, "0"),
  );
  const isTrouble = /(?:failed|lost|refused|gap|ended)$/.test(type);
  const cells = [
    style("dim", `${day.join("-")} ${clock.join(":")}`),
    style(isTrouble ? "yellow" : "cyan", visible(type).padEnd(22)),
    ...(workspace === undefined ? [] : [style("bold", visible(names.get(workspace) ?? workspace))]),
    visible(message),
    ...(actor === undefined || actor === "cli" ? [] : [style("dim", `(${visible(actor)})`)]),
  ];
  return `${cells.join("  ")}\n`;
}
