import { berthError } from "../../contract/errors.ts";
import type { Workspace, WorkspaceStatus } from "../../contract/workspace.ts";
import { throwIfAborted } from "../../transports/abort.ts";
import type { DeleteOptions, DeleteReport, Selection } from "../api.ts";
import { changesRef } from "../git/changes.ts";
import { isProtected } from "../git/names.ts";
import type { ProjectFacts } from "../git/project.ts";
import { settingsOf } from "./asked.ts";
import { type Lifecycle, record, reporter } from "./context.ts";
import { factsOf, type Looked, lookAt } from "./look-at.ts";
import type { MadeIn, MadeItem } from "./made.ts";
import { runningIn } from "./processes.ts";
import { pullFrom } from "./pull.ts";
import { select } from "./select.ts";
import { type OpenSite, openSite, type Site, siteOfWorkspace } from "./site.ts";
import { reasonOf, type Undone, undo } from "./undo.ts";

/** Another one of the project may be looked at, which takes as long as its place does. */
const TURN_WAIT_MS = 600_000;

/**
 * Deletes a workspace, when nothing is lost with it or that is asked for. With `force` a workspace whose place can't be
 * reached is forgotten, and what stays there is written down for `garbage`.
 * @throws workspace.would_lose_work, workspace.busy, what the way to the place throws
 */
export async function deleteWorkspace(
  lifecycle: Lifecycle,
  selector: string,
  options: DeleteOptions & Selection,
): Promise<DeleteReport> {
  const { registry } = lifecycle;
  const found = await select(lifecycle, selector, options);
  await using operation = await registry.operation(found.id, "delete", { signal: options.signal });
  const workspace = await registry.get(operation.workspaceId);
  // Another one was faster.
  if (workspace === undefined) throw berthError("workspace.unknown", { context: { name: found.name } });
  if (workspace.state !== "creating" && workspace.state !== "deleting") {
    await prepare(lifecycle, workspace, options);
  }
  reporter(options)("remove", `removing ${workspace.name}`);
  const careful = workspace.state === "creating" && !options.force;
  const done = await undo(lifecycle, workspace.id, { ...options, careful });
  throwIfAborted(options.signal);
  const [left] = done.left;
  if (left !== undefined && !options.force) {
    throw berthError("workspace.interrupted", {
      message: `${left.what} could not be removed: ${left.reason}`,
      hint: `berth workspace delete ${workspace.name} again goes on, as does berth gc.`,
      context: { operation: "delete", name: workspace.name },
    });
  }
  return await forget(lifecycle, workspace, done);
}

async function forget(
  { registry, ...lifecycle }: Lifecycle,
  workspace: Workspace,
  done: Undone,
): Promise<DeleteReport> {
  await record({ registry, ...lifecycle }, workspace, "workspace.deleted", `${workspace.name} was deleted`, {
    removed: done.removed,
  });
  await registry.remove(workspace.id);
  const later = done.left.map(({ what, reason }) => ({
    what,
    reason: `${reason}; berth gc removes it later`,
  }));
  return {
    workspace: { ...workspace, operation: undefined },
    removed: done.removed,
    kept: [...done.kept, ...later],
  };
}

/** Looks whether something would be lost, ends what runs there, and writes down what is to be removed. */
async function prepare(lifecycle: Lifecycle, workspace: Workspace, options: DeleteOptions): Promise<void> {
  const { registry } = lifecycle;
  await using turn = new AsyncDisposableStack();
  const site = await siteOfWorkspace(lifecycle, workspace).catch((cause) => {
    // A later version may remove it: what is there is written down all the same.
    if (!options.force) throw cause;
    return undefined;
  });
  const facts = await factsOf(workspace, options);
  const branchGoes = workspace.ownsBranch && !options.keepBranch && !(await isKept(workspace, facts));
  let looked: Looked | undefined;
  if (workspace.ownsCheckout && site !== undefined) {
    try {
      await using open = await openSite(lifecycle, site, options);
      // Of two that have the same commits, each would count on the other.
      const name = `delete/${workspace.project.id}`;
      turn.use(await registry.lock(name, { signal: options.signal, waitMs: TURN_WAIT_MS }));
      looked = await checked(lifecycle, workspace, open, facts, branchGoes, options);
    } catch (cause) {
      if (!options.force || options.signal?.aborted) throw cause;
      reporter(options)("remove", `${workspace.name} can't be looked at: ${reasonOf(cause)}`);
    }
  }
  const items = itemsOf(workspace, site, branchGoes, looked);
  await registry.update(workspace.id, { state: "deleting" });
  if (items.length > 0) await registry.journal(workspace.id).plan(...items);
}

async function checked(
  lifecycle: Lifecycle,
  workspace: Workspace,
  open: OpenSite,
  facts: ProjectFacts | undefined,
  branchGoes: boolean,
  options: DeleteOptions,
): Promise<Looked> {
  const { site } = open;
  if (options.keepBranch && !site.placement.sharesRepository) {
    await pullFrom(lifecycle, workspace, open, options);
  }
  const doomed = await doomedBranches(lifecycle, workspace);
  const look = async (running: readonly string[]): Promise<Looked> => {
    const looked = await lookAt(workspace, open, facts, { ...options, branchGoes, doomed });
    const losses = lossesOf(looked);
    if (losses.length > 0 && !options.force) throw wouldLose(workspace, site, looked.status, losses, running);
    return looked;
  };
  await using running = await runningIn(lifecycle, workspace, site, options);
  const looked = await look(running.names);
  if (running.names.length === 0) return looked;
  reporter(options)("remove", `ending ${running.names.join(", ")}`);
  await running.end();
  // They may have worked until they ended.
  return await look([]);
}

/** Branches of the project's workspaces that are half made or half deleted: they go, or may. */
async function doomedBranches({ registry }: Lifecycle, { id, project }: Workspace): Promise<string[]> {
  const all = await registry.list({ projectId: project.id });
  return all
    .filter((other) => other.id !== id && (other.state === "creating" || other.state === "deleting"))
    .map(({ branch }) => branch);
}

/** What is to be removed, for the journal. */
function itemsOf(
  workspace: Workspace,
  site: Site | undefined,
  branchGoes: boolean,
  looked: Looked | undefined,
): MadeItem[] {
  const { id, name, runtime, place, branch, project } = workspace;
  const made: MadeIn = { projectId: project.id, name, runtime, place };
  if (site?.placement.stoppable) return [{ kind: "container", in: made }];
  if (!workspace.ownsCheckout) return [];
  const commit = looked === undefined ? workspace.startCommit : looked.raw.branchCommit;
  const worktree: MadeItem = { kind: "worktree", in: made, branch, commit, ownsBranch: branchGoes };
  if (site === undefined) return [worktree];
  return [{ kind: "ref", gitDir: site.request.gitDir, ref: changesRef(id) }, worktree];
}

async function isKept(workspace: Workspace, facts: ProjectFacts | undefined): Promise<boolean> {
  const { protectedBranches } = await settingsOf(workspace.project.path);
  return isProtected(workspace.branch, {
    patterns: protectedBranches,
    trunk: facts?.trunk?.branch,
    checkedOut: facts?.branch,
  });
}

/** What would be lost, in words. */
function lossesOf({ raw, status }: Looked): string[] {
  const losses: string[] = [];
  const some = (count: number, what: string, names: readonly string[]) => {
    if (count === 0) return;
    const shown = names.slice(0, 5).join(", ");
    losses.push(`${count} ${what}${count === 1 ? "" : "s"} (${shown}${count > 5 ? ", …" : ""})`);
  };
  some(raw.changedCount, "changed file", status.changed);
  some(raw.untrackedCount, "untracked file", status.untracked);
  some(status.stashes.length, "stash", status.stashes);
  some(
    status.unpublished.length,
    "commit",
    status.unpublished.map(({ commit, subject }) => `${commit.slice(0, 9)} ${subject}`),
  );
  if (status.underWay !== undefined) losses.push(`a ${status.underWay} that is under way`);
  if (status.problem !== undefined && !raw.missing) losses.push(`it can't be told what: ${status.problem}`);
  return losses;
}

function wouldLose(
  workspace: Workspace,
  site: Site,
  status: WorkspaceStatus,
  losses: readonly string[],
  processes: readonly string[],
) {
  const { name } = workspace;
  const { changed, untracked, stashes, unpublished } = status;
  return berthError("workspace.would_lose_work", {
    hint: lossHint(workspace, site, status),
    message: `deleting ${name} would lose work: ${losses.join("; ")}`,
    context: {
      name,
      changed,
      untracked,
      stashes,
      commits: unpublished.map(({ commit, subject }) => `${commit} ${subject}`),
      processes,
      ...(status.underWay === undefined ? {} : { underWay: status.underWay }),
      ...(status.problem === undefined ? {} : { problem: status.problem }),
    },
  });
}

/** How what would be lost is kept. A pull brings nothing home from a worktree: its branch is there already. */
function lossHint(
  { name, branch }: Workspace,
  { placement }: Site,
  { branch: current, changed, untracked, stashes, unpublished }: WorkspaceStatus,
): string {
  const commits =
    placement.sharesRepository && current === branch
      ? "--keep-branch leaves the commits on their branch"
      : placement.sharesRepository
        ? "commits that are on no branch stay with one: git branch NAME COMMIT"
        : `berth workspace pull ${name} brings the commits home`;
  const ways = [
    ...(unpublished.length > 0 ? [commits] : []),
    ...(changed.length + untracked.length > 0
      ? [`berth workspace apply ${name} takes a copy of what is not committed`]
      : []),
    ...(stashes.length > 0 ? ["a stash can be applied and committed there"] : []),
  ];
  return `${ways.length === 0 ? "" : `To keep it: ${ways.join("; ")}. `}--force deletes all the same.`;
}
