import { berthError } from "../../contract/errors.ts";
import type { Workspace } from "../../contract/workspace.ts";
import type { WorkOptions } from "../api.ts";
import { nameKey } from "../git/names.ts";
import type { ProjectFacts } from "../git/project.ts";
import type { Operation } from "../registry/registry.ts";
import type { Lifecycle } from "./context.ts";
import { madeItem } from "./made.ts";
import { undo } from "./undo.ts";

/** A creation that did not come to its end, taken over. Disposing lets it go. */
export interface Interrupted extends AsyncDisposable {
  readonly workspace: Workspace;
  readonly operation: Operation;
  /** What its branch was to start at, and whether it was made for it; undefined: it had not come that far. */
  readonly branch: { readonly commit: string | null; readonly made: boolean } | undefined;
}

/**
 * The interrupted creation of a workspace of that name: taken over when it was of the same workspace, else what it
 * left is removed first.
 * @throws workspace.name_taken, workspace.busy, workspace.interrupted: what it left could not be removed
 */
export async function interruptedOf(
  lifecycle: Lifecycle,
  asked: { readonly name: string; readonly facts: ProjectFacts },
  options: WorkOptions,
  isSame: (previous: Workspace) => boolean,
): Promise<Interrupted | undefined> {
  const { registry } = lifecycle;
  const project = (await registry.projects()).find(({ gitDir }) => gitDir === asked.facts.gitDir);
  if (project === undefined) return undefined;
  const all = await registry.list({ projectId: project.id });
  const known = all.find(({ name }) => nameKey(name) === nameKey(asked.name));
  if (known === undefined) return undefined;
  const taken = () => berthError("workspace.name_taken", { context: { name: known.name } });
  if (!isUnfinished(known) || (known.state === "initializing" && !isSame(known))) throw taken();
  const operation = await registry.operation(known.id, "create", { signal: options.signal });
  await using mine = new AsyncDisposableStack();
  mine.use(operation);
  // It may have come to its end, or have been removed, before it was this process's turn.
  const workspace = await registry.get(known.id);
  if (workspace === undefined) return undefined;
  if (!isUnfinished({ ...workspace, operation: undefined })) throw taken();
  if (!isSame(workspace)) {
    if (workspace.state === "initializing") throw taken();
    await tidyUp(lifecycle, workspace, options);
    return undefined;
  }
  const items = (await registry.journal(workspace.id).entries()).map(madeItem);
  const worktree = items.find((item) => item?.kind === "worktree");
  const branch = worktree === undefined ? undefined : { commit: worktree.commit, made: worktree.ownsBranch };
  const stack = mine.move();
  return { workspace, operation, branch, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Its creation was cut, or its set-up was. */
function isUnfinished({ state, operation }: Workspace): boolean {
  return state === "creating" || (state === "initializing" && !operation?.alive);
}

async function tidyUp(lifecycle: Lifecycle, workspace: Workspace, options: WorkOptions): Promise<void> {
  const { left } = await undo(lifecycle, workspace.id, { ...options, careful: true });
  const [first] = left;
  if (first !== undefined) {
    throw berthError("workspace.interrupted", {
      message: `an earlier creation of ${workspace.name} did not come to its end, and ${first.what} can't be removed: ${first.reason}`,
      context: { operation: "create", name: workspace.name },
    });
  }
  await lifecycle.registry.remove(workspace.id);
}
