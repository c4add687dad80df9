import { located } from "../../contract/located.ts";
import type { Workspace, WorkspacePlace } from "../../contract/workspace.ts";
import { throwIfAborted } from "../../transports/abort.ts";
import type { WorkOptions } from "../api.ts";
import type { Repository } from "../git/base.ts";
import { type Changes, restoreChanges } from "../git/changes.ts";
import { addCheckout } from "../git/checkout.ts";
import type { ProjectFacts } from "../git/project.ts";
import { checkOutSubmodules } from "../git/submodule-checkout.ts";
import { findSubmodules, type Submodule } from "../git/submodules.ts";
import type { JournalEntry } from "../registry/registry.ts";
import { type Lifecycle, record, reporter } from "./context.ts";
import { hasHooks } from "./hooks.ts";
import type { MadeIn, MadeItem } from "./made.ts";
import { dropRefs } from "./refs.ts";
import { type OpenSite, openSite, type Site } from "./site.ts";
import type { Start } from "./start.ts";

/** A checkout of a big project takes minutes. */
const TURN_WAIT_MS = 600_000;

/** Where a workspace's commits and uncommitted changes come from. */
export interface Source {
  readonly repository: Repository;
  readonly changes: Changes | undefined;
  /** It is the project's own repository, on this machine. */
  readonly isHome: boolean;
  /** A working tree of it, where submodules may be checked out. */
  readonly root: string;
  /** The workspace is to stand in the same place, as a worktree of the same repository: nothing has to be sent. */
  readonly isTarget?: boolean;
  /** `isTarget`: the repository has a branch of that name already. */
  readonly hasBranch?: boolean;
}

export interface Making {
  readonly lifecycle: Lifecycle;
  readonly workspace: Workspace;
  readonly site: Site;
  readonly facts: ProjectFacts;
  readonly start: Start;
  readonly source: Source;
  readonly options: WorkOptions;
}

export interface Made {
  readonly place: WorkspacePlace;
  readonly ownsBranch: boolean;
  readonly startCommit: string | null;
}

/**
 * Makes the place, the branch and the checkout of a reserved workspace, each written down before it is made. Safe to
 * repeat after it was cut anywhere; what it has made when it throws is in the journal.
 */
export async function make(making: Making): Promise<Made> {
  const { lifecycle, site, facts, start, source, options } = making;
  const { project } = site;
  const { signal } = options;
  const report = reporter(options);
  const notes = await notesOf(making);
  if (site.placement.stoppable) await notes.plan({ kind: "container", in: notes.in(undefined) });
  await using open = await openSite(lifecycle, site, options);
  throwIfAborted(signal);
  const { git } = open;
  const target = await getReady(making, open, notes);
  report("checkout", `checking out ${start.branch} ${located(git.description)}`);
  const item: MadeItem = {
    kind: "worktree",
    in: notes.in(target.place),
    branch: start.branch,
    commit: start.commit,
    ownsBranch: !target.hasBranch,
  };
  const note = await notes.plan(item);
  // git looks whether a branch is checked out elsewhere, and then checks it out: two at once both would.
  const turn = `branch/${project.id}/${start.branch.toLowerCase()}`;
  await using _turn = await lifecycle.registry.lock(turn, { signal, waitMs: TURN_WAIT_MS });
  const added = await addCheckout(git, {
    gitDir: target.repository.gitDir,
    path: target.place.path,
    branch: start.branch,
    commit: start.commit,
    newBranch: start.newBranch,
    ownsBase: !site.placement.sharesRepository,
    upstream: start.upstream?.branch,
    remote: site.placement.sharesRepository ? facts.remote : undefined,
    origin: site.placement.sharesRepository ? undefined : facts.origin,
    hooks: project.trusted,
    hooksPath: facts.hooksPath,
    identity: { name: facts.config.get("user.name")?.at(-1), email: facts.config.get("user.email")?.at(-1) },
    signal,
  });
  await notes.done(note);
  if (!project.trusted && (await hasHooks(facts))) {
    const message = "git's hooks do not run in it: the project is not trusted (berth trust)";
    report("checkout", message);
    await record(lifecycle, making.workspace, "workspace.hooks_disabled", message);
  }
  const place = { ...target.place, path: added.path };
  if (target.submodules.length > 0) {
    report("submodules", `checking out ${target.submodules.length} submodules`);
    const { submodules } = target;
    await checkOutSubmodules(git, { path: place.path, submodules, hooks: project.trusted, signal });
  }
  if (source.changes !== undefined) {
    report("changes", "bringing the uncommitted changes along");
    await restoreChanges(git, place.path, source.changes, signal);
    await tellOf(source.changes, making);
  }
  await dropRefs(git, target.repository.gitDir, target.kept, signal);
  await notes.forgetRefs(target.kept);
  throwIfAborted(signal);
  return { place, ownsBranch: added.branchMade, startCommit: added.commit };
}

/** What came along besides, and what did not; that stays in the workspace's history. */
async function tellOf({ included, leftBehind }: Changes, { lifecycle, workspace }: Making): Promise<void> {
  if (included.files > 0) {
    const size = Math.ceil(included.bytes / 1024);
    const message = `${included.files} ignored files came along by .berth/include (${size} KiB)`;
    await record(lifecycle, workspace, "workspace.files_included", message, included);
  }
  if (leftBehind.length > 0) {
    const message = `left behind: ${leftBehind.join(", ")}`;
    await record(lifecycle, workspace, "workspace.left_behind", message, { leftBehind });
  }
}

export interface Target {
  readonly repository: Repository;
  readonly place: WorkspacePlace;
  /** The repository there has a branch of that name which this workspace did not make. */
  readonly hasBranch: boolean;
  /** As they are in the place. */
  readonly submodules: readonly Submodule[];
  /** Refs that keep commits there until the checkout has them. */
  readonly kept: readonly string[];
}

/** The repository in the place, with every commit that the checkout needs. */
async function getReady(making: Making, open: OpenSite, notes: Notes): Promise<Target> {
  const { source, start } = making;
  const submodules = await submodulesOf(making);
  const shares = open.site.placement.sharesRepository;
  if (source.isTarget || (shares && source.isHome)) {
    await keepPlace(making, open.place);
    const hasBranch = source.hasBranch ?? start.isHere;
    return { repository: open.repository, place: open.place, hasBranch, submodules, kept: [] };
  }
  const { bringHome, sendTo } = await import("./send.ts");
  return shares ? bringHome(making, open, notes, submodules) : sendTo(making, open, notes, submodules);
}

/** Submodules of the commit that are in the source's place; those that are not are left out, and told. */
async function submodulesOf({ lifecycle, workspace, start, source, options }: Making): Promise<Submodule[]> {
  if (start.commit === null) return [];
  const { repository, root } = source;
  const all = await findSubmodules(repository.git, {
    gitDir: repository.gitDir,
    root,
    commit: start.commit,
    base: repository.gitDir,
    signal: options.signal,
  });
  const missing = all.filter(({ gitDir }) => gitDir === undefined).map(({ path }) => path);
  if (missing.length > 0) {
    const message = `left out, as they are not ${located(repository.git.description)}: submodules ${missing.join(", ")}`;
    reporter(options)("submodules", message);
    await record(lifecycle, workspace, "workspace.submodules_missing", message, { submodules: missing });
  }
  return all.filter(({ gitDir }) => gitDir !== undefined);
}

/** The place as it was decided, so that a repetition goes on there. */
export async function keepPlace({ lifecycle, workspace }: Making, place: WorkspacePlace): Promise<void> {
  await lifecycle.registry.update(workspace.id, { place });
}

export interface Note {
  readonly entry: Pick<JournalEntry, "id">;
  /** Not written down by an interrupted attempt. */
  readonly isNew: boolean;
}

/** The journal of what is made, which an interrupted attempt may have begun. */
export interface Notes {
  in(place: WorkspacePlace | undefined): MadeIn;
  /** Writes an item down, once. */
  plan(item: MadeItem): Promise<Note>;
  done(note: Note): Promise<void>;
  forget(note: Note): Promise<void>;
  planRefs(items: readonly Extract<MadeItem, { kind: "ref" }>[]): Promise<void>;
  forgetRefs(names: readonly string[]): Promise<void>;
}

async function notesOf({ lifecycle, workspace, site }: Making): Promise<Notes> {
  const journal = lifecycle.registry.journal(workspace.id);
  const before = await journal.entries();
  return {
    in: (place) => ({
      projectId: site.project.id,
      name: workspace.name,
      runtime: workspace.runtime,
      place,
    }),
    plan: async (item) => {
      const known = before.find(({ item: { kind } }) => kind === item.kind);
      const [entry = known] = known === undefined ? await journal.plan(item) : [];
      if (entry === undefined) throw new Error("the journal gives an entry for every item");
      return { entry, isNew: known === undefined };
    },
    done: ({ entry }) => journal.done(entry),
    forget: ({ entry }) => journal.forget(entry),
    planRefs: async (items) => {
      const known = refsIn(await journal.entries());
      const unknown = items.filter(({ gitDir, ref }) => !known.has(`${gitDir} ${ref}`));
      if (unknown.length > 0) await journal.plan(...unknown);
    },
    forgetRefs: async (names) => {
      if (names.length === 0) return;
      const entries = (await journal.entries()).filter(
        ({ item }) => item.kind === "ref" && item.in !== undefined,
      );
      await journal.forget(...entries.filter(({ item }) => names.includes(String(item.ref))));
    },
  };
}

function refsIn(entries: readonly JournalEntry[]): ReadonlySet<string> {
  return new Set(entries.map(({ item }) => (item.kind === "ref" ? `${item.gitDir} ${item.ref}` : "")));
}
