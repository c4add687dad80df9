import { isBerthError } from "../../contract/errors.ts";
import type { Workspace, WorkspacePlace } from "../../contract/workspace.ts";
import type { GarbageReport, WorkOptions } from "../api.ts";
import { moveCheckout } from "../git/move-checkout.ts";
import type { JournalEntry, Operation } from "../registry/registry.ts";
import { type Lifecycle, record } from "./context.ts";
import { examine, strays } from "./doctor.ts";
import { describe, madeItem } from "./made.ts";
import { openSite, siteOfWorkspace } from "./site.ts";
import { undo } from "./undo.ts";

interface Report {
  readonly completed: { workspace: string; what: string }[];
  readonly removed: { what: string; reason: string }[];
  readonly kept: { what: string; reason: string }[];
}

interface Tidying {
  readonly lifecycle: Lifecycle;
  readonly options: WorkOptions & { readonly dryRun?: boolean };
  readonly report: Report;
}

/**
 * Completes or removes what operations left that did not come to their end, and repairs checkouts. Nothing that somebody
 * may have worked in is removed, but what its deletion was asked for.
 */
export async function garbage(
  lifecycle: Lifecycle,
  options: WorkOptions & { readonly dryRun?: boolean },
): Promise<GarbageReport> {
  const { registry } = lifecycle;
  const tidying: Tidying = { lifecycle, options, report: { completed: [], removed: [], kept: [] } };
  const { report } = tidying;
  const all = await registry.list();
  const dead = all.filter(
    ({ state, operation }) =>
      !operation?.alive && (state === "creating" || state === "deleting" || operation !== undefined),
  );
  for (const id of new Set([...dead.map((workspace) => workspace.id), ...(await registry.journaled())])) {
    options.signal?.throwIfAborted();
    try {
      await using operation = await registry.operation(id, "delete", { signal: options.signal });
      await tidy(tidying, operation);
    } catch (cause) {
      // Somebody works on it.
      if (!isBerthError(cause, "workspace.busy")) throw cause;
    }
  }
  for (const workspace of await registry.list()) {
    const { left, repaired } = await examine(lifecycle, workspace, options.dryRun ? "plan" : "repair");
    report.completed.push(...repaired.map((what) => ({ workspace: workspace.name, what })));
    report.kept.push(
      ...left.map(({ problem, remedy }) => ({ what: workspace.name, reason: `${problem}. ${remedy}` })),
    );
  }
  for (const { problem, remedy } of await strays(lifecycle, all))
    report.kept.push({ what: problem, reason: remedy });
  if (!options.dryRun) await registry.sweep();
  return report;
}

async function tidy(tidying: Tidying, operation: Operation): Promise<void> {
  const { lifecycle, options, report } = tidying;
  const { registry } = lifecycle;
  const id = operation.workspaceId;
  const workspace = await registry.get(id);
  const entries = await registry.journal(id).entries();
  const state = workspace?.state;
  if (workspace !== undefined && state !== "creating" && state !== "deleting") {
    return finish(tidying, workspace, entries);
  }
  if (workspace !== undefined && isWhole(workspace, entries)) return complete(tidying, workspace, entries);
  const reason =
    state === "creating" ? "making it did not come to its end" : "deleting it did not come to its end";
  if (options.dryRun) {
    const items = entries.map(madeItem).filter((item) => item !== undefined);
    report.removed.push(...items.map((item) => ({ what: describe(item), reason })));
    if (items.length === 0 && workspace !== undefined) report.removed.push({ what: workspace.name, reason });
    return;
  }
  const done = await undo(lifecycle, id, { ...options, maxWaitMs: 0, careful: state === "creating" });
  if (workspace !== undefined && hasCheckout(workspace, entries) && done.left.some(({ worked }) => worked)) {
    return complete(tidying, workspace, entries);
  }
  report.removed.push(...done.removed.map((what) => ({ what, reason })));
  report.kept.push(...[...done.kept, ...done.left].map(({ what, reason: why }) => ({ what, reason: why })));
  if (workspace === undefined || done.left.length > 0) return;
  if (done.removed.length === 0) report.removed.push({ what: workspace.name, reason });
  await record(lifecycle, workspace, "workspace.deleted", `what was left of ${workspace.name} was removed`);
  await registry.remove(id);
}

/** What is left of making it is its set-up. */
async function complete(
  { lifecycle, options, report }: Tidying,
  workspace: Workspace,
  entries: readonly JournalEntry[],
): Promise<void> {
  const { registry } = lifecycle;
  report.completed.push({
    workspace: workspace.name,
    what: "its checkout is whole; opening it runs its set-up",
  });
  if (options.dryRun) return;
  const worktree = entries.map(madeItem).find((item) => item?.kind === "worktree");
  const ownsBranch = worktree?.ownsBranch ?? false;
  await registry.update(workspace.id, { state: "initializing", ownsBranch });
  await registry.journal(workspace.id).forget(...entries);
  await record(lifecycle, workspace, "workspace.created", `${workspace.name} was completed`);
}

function hasCheckout({ state }: Workspace, entries: readonly JournalEntry[]): boolean {
  return (
    state === "creating" && entries.some(({ item, state: how }) => item.kind === "worktree" && how === "done")
  );
}

/** Everything but its set-up was done, and its changes have come, if any were to. */
function isWhole(workspace: Workspace, entries: readonly JournalEntry[]): boolean {
  return hasCheckout(workspace, entries) && !entries.some(({ item }) => item.kind === "ref");
}

/** Of a workspace that is there: a move that was begun, and notes that nobody needs any more. */
async function finish(
  { lifecycle, options, report }: Tidying,
  workspace: Workspace,
  entries: readonly JournalEntry[],
): Promise<void> {
  const journal = lifecycle.registry.journal(workspace.id);
  for (const entry of entries) {
    const to = entry.item.kind === "directory" ? (entry.item.place as WorkspacePlace) : undefined;
    if (to !== undefined && workspace.place !== undefined && to.path !== workspace.place.path) {
      const what = `its checkout is at ${to.path} now`;
      report.completed.push({ workspace: workspace.name, what });
      if (options.dryRun) continue;
      const site = await siteOfWorkspace(lifecycle, workspace);
      await using open = await openSite(lifecycle, site, { ...options, maxWaitMs: 0 });
      const { gitDir } = open.repository;
      const path = await moveCheckout(open.git, { gitDir, path: workspace.place.path, to: to.path });
      await lifecycle.registry.update(workspace.id, { place: { ...to, path } });
    }
    if (!options.dryRun) await journal.forget(entry);
  }
}
