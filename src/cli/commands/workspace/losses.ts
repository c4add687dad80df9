import type { WorkspaceStatus } from "../../../contract/workspace.ts";
import { visible } from "../../print.ts";

/** Entries of a kind that are listed; `--json` has all. */
const LISTED = 20;

type Losses = Pick<WorkspaceStatus, "changed" | "untracked" | "stashes" | "unpublished">;

/** What exists only in a workspace, for people: by kind, a line each; "" when there is nothing. */
export function lossLines({ changed, untracked, stashes, unpublished }: Losses): string {
  return [
    group("changed file", changed),
    group("untracked file", untracked),
    group("stash", stashes, "stashes"),
    group(
      "commit",
      unpublished.map(({ commit, subject }) => `${commit.slice(0, 10)} ${subject}`),
    ),
  ].join("");
}

function group(one: string, entries: readonly string[], many = `${one}s`): string {
  if (entries.length === 0) return "";
  const more = entries.length - LISTED;
  const lines = entries.slice(0, LISTED).map((entry) => `    ${visible(entry)}\n`);
  return `  ${entries.length} ${entries.length === 1 ? one : many}\n${lines.join("")}${more > 0 ? `    … and ${more} more\n` : ""}`;
}
