/** An error as it is told, with its details. */
export interface DetailedError {
  readonly code: string;
  readonly context?: Readonly<Record<string, unknown>> | undefined;
}

/** What deleting would lose, and what keeps it. */
export interface Loss {
  readonly what: string;
  readonly items: readonly string[];
  readonly ways: readonly Way[];
}

/** By a button, or in words where it is done by hand. */
export type Way = "pull" | "apply" | "keep-branch" | { readonly words: string };

/** The lists of workspace.would_lose_work; undefined for any other error. */
export function lossesOf(error: DetailedError, sharesRepository: boolean): readonly Loss[] | undefined {
  if (error.code !== "workspace.would_lose_work") return undefined;
  const { context = {} } = error;
  const list = (field: string): readonly string[] => {
    const value = context[field];
    return Array.isArray(value) ? value.map(String) : [];
  };
  const lists: readonly Loss[] = [
    { what: "Changed files", items: list("changed"), ways: ["apply"] },
    { what: "Untracked files", items: list("untracked"), ways: ["apply"] },
    {
      what: "Stashes",
      items: list("stashes"),
      ways: [{ words: "Apply a stash in the workspace and commit it: git stash apply" }],
    },
    {
      what: "Commits that are nowhere else",
      items: list("commits").map((text) => text.replace(/^([0-9a-f]{9})[0-9a-f]+ /, "$1 ")),
      ways: [sharesRepository ? "keep-branch" : "pull"],
    },
  ];
  const found = lists.filter(({ items }) => items.length > 0);
  const byHand = (what: string, words: string) => found.push({ what, items: [], ways: [{ words }] });
  const { underWay, problem } = context;
  if (typeof underWay === "string")
    byHand(`A ${underWay} that is under way`, "Finish or abort it in the workspace.");
  if (typeof problem === "string")
    byHand("What else there is can't be told", `${problem}. Look at it in a terminal.`);
  return found;
}

/** Processes that deleting ends. */
export function processesOf({ context }: DetailedError): readonly string[] {
  const processes = context?.processes;
  return Array.isArray(processes) ? processes.map(String) : [];
}
