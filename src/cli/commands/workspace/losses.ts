import type { BerthError } from "../../../contract/errors.ts";
import type { WorkspaceStatus } from "../../../contract/workspace.ts";
import { visible } from "../../print.ts";

/** Entries of a kind that are listed; `--json` has all. */
const LISTED = 20;

/** What exists only in a workspace, for people: by kind, a line each; "" when there is nothing. */
export function lossLines({ changed, untracked, stashes, unpublished }: WorkspaceStatus): string {
  const commits = unpublished.map(({ commit, subject }) => `${commit} ${subject}`);
  return groups({ changed, untracked, stashes, commits });
}

/** The same of the error of a deletion that is refused, and what runs there. */
export function refusalLines({ context }: BerthError): string {
  const listed = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
  return groups({
    changed: listed(context.changed),
    untracked: listed(context.untracked),
    stashes: listed(context.stashes),
    commits: listed(context.commits),
    processes: listed(context.processes),
  }).concat(
    ...(typeof context.underWay === "string" ? [`  a ${visible(context.underWay)} is under way\n`] : []),
    ...(typeof context.problem === "string" ? [`  it can't be told: ${visible(context.problem)}\n`] : []),
  );
}

function groups(kinds: {
  readonly changed: readonly string[];
  readonly untracked: readonly string[];
  readonly stashes: readonly string[];
  /** Full name, blank, subject. */
  readonly commits: readonly string[];
  readonly processes?: readonly string[];
}): string {
  return [
    group("changed file", kinds.changed),
    group("untracked file", kinds.untracked),
    group("stash", kinds.stashes, "stashes"),
    group(
      "commit",
      kinds.commits.map((line) => line.replace(/^([0-9a-f]{10})[0-9a-f]*/, "$1")),
    ),
    group("process that runs", kinds.processes ?? [], "processes that run"),
  ].join("");
}

function group(one: string, entries: readonly string[], many = `${one}s`): string {
  if (entries.length === 0) return "";
  const more = entries.length - LISTED;
  const lines = entries.slice(0, LISTED).map((entry) => `    ${visible(entry)}\n`);
  return `  ${entries.length} ${entries.length === 1 ? one : many}\n${lines.join("")}${more > 0 ? `    … and ${more} more\n` : ""}`;
}
