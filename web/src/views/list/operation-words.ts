import type { Operation } from "../../state/store.ts";

const VERBS: Readonly<Record<Operation["kind"], readonly [running: string, done: string, noun: string]>> = {
  create: ["Creating", "Created", "Creating"],
  init: ["Setting up", "Set up", "Set-up of"],
  fork: ["Forking to", "Forked to", "Fork to"],
  rename: ["Renaming", "Renamed", "Renaming"],
  stop: ["Stopping", "Stopped", "Stopping"],
  start: ["Starting", "Started", "Starting"],
  delete: ["Deleting", "Deleted", "Deleting"],
  pull: ["Pulling from", "Pulled from", "Pull from"],
  push: ["Pushing to", "Pushed to", "Push to"],
  apply: ["Applying the work of", "Applied the work of", "Applying the work of"],
};

const ENDS: Readonly<Partial<Record<Operation["state"], string>>> = {
  failed: "failed",
  cancelled: "was cancelled",
  interrupted: "was interrupted",
};

/** How it is; a set-up whose hook failed has come to its end, and failed all the same. */
export function outcomeOf({ state, result }: Operation): Operation["state"] {
  const exit = result?.init?.exit;
  const isWell = exit === null || exit === undefined || exit.exit_code === 0;
  return state === "succeeded" && !isWell ? "failed" : state;
}

/** How a program ended, in words. */
export function exitWords(exit: {
  readonly exit_code: number | null;
  readonly signal: string | null;
}): string {
  return exit.signal === null ? `exit code ${exit.exit_code}` : `ended by ${exit.signal}`;
}

/** What an operation does, or how it ended, as a heading. */
export function operationTitle(operation: Operation): string {
  const { kind, workspace_name: name } = operation;
  const state = outcomeOf(operation);
  const [running, done, noun] = VERBS[kind];
  if (state === "running") return `${running} ${name}`;
  const end = ENDS[state];
  return end === undefined ? `${done} ${name}` : `${noun} ${name} ${end}`;
}

/** What came of it, where there is more to say than that it is done. */
export function operationResult({ kind, result }: Operation): string | undefined {
  if (result === null) return undefined;
  const { transfer, files, init, deletion, workspace } = result;
  if (workspace?.state === "init_failed") return "Its set-up failed";
  if (transfer !== undefined) {
    const { commits, branch } = transfer;
    return commits === 0 ? "Nothing was missing there" : `${counted(commits, "commit")} of ${branch}`;
  }
  if (kind === "apply" && files !== undefined) {
    return files.length === 0 ? "There is nothing uncommitted" : `${counted(files.length, "file")} changed`;
  }
  if (init !== undefined && init.skipped === "untrusted")
    return "The project is not trusted: its set-up did not run";
  if (init !== undefined && init.exit === null) return "There is no set-up hook to run";
  if (init?.exit != null && init.exit.exit_code !== 0) return exitWords(init.exit);
  const kept = deletion?.kept.map(({ what, reason }) => `${what} stays: ${reason}`).join("; ");
  return kept === "" ? undefined : kept;
}

export function counted(count: number, what: string): string {
  return `${count.toLocaleString()} ${what}${count === 1 ? "" : "s"}`;
}
