import { posix } from "node:path";
import { isBerthError } from "../../contract/errors.ts";
import { located } from "../../contract/located.ts";
import type { WorkOptions } from "../api.ts";
import { changesRef } from "../git/changes.ts";
import { localGitPlace } from "../git/places.ts";
import { removeCheckout } from "../git/remove-checkout.ts";
import type { JournalEntry } from "../registry/registry.ts";
import { type Lifecycle, openOptions } from "./context.ts";
import { describe, type MadeIn, type MadeItem, madeItem, placeKey } from "./made.ts";
import { dropRefs, pushedRef, startRef } from "./refs.ts";
import { removeBase } from "./remove-base.ts";
import { type OpenSite, openSite, repositoryIn, type Site, siteOf } from "./site.ts";
import { reasonToKeep } from "./work-there.ts";

export interface UndoOptions extends WorkOptions {
  /** What is there since longer than this process: something may have been done in it, so it is looked at first. */
  readonly careful?: boolean;
}

interface Reason {
  readonly what: string;
  readonly reason: string;
  /** Somebody may have worked in it. */
  readonly worked?: boolean;
}

export interface Undone {
  readonly removed: readonly string[];
  /** What is not Berth's, or not its alone: it stays for good. */
  readonly kept: readonly Reason[];
  /** What could not be removed now: it is still in the journal. */
  readonly left: readonly Reason[];
}

/**
 * Removes what the journal of a workspace holds, the latest first, and forgets it there. What can't be removed now stays
 * in the journal and is told with its reason; nothing is thrown for it.
 */
export async function undo(lifecycle: Lifecycle, id: string, options: UndoOptions): Promise<Undone> {
  const journal = lifecycle.registry.journal(id);
  const removed: string[] = [];
  const kept: Reason[] = [];
  const left: Reason[] = [];
  await using open = new AsyncDisposableStack();
  const sites = new Map<string, Promise<OpenSite>>();
  const siteFor = async (made: MadeIn) => siteOfItem(lifecycle, id, made);
  const openFor = (made: MadeIn): Promise<OpenSite> => {
    const key = placeKey(made);
    const known = sites.get(key) ?? siteFor(made).then((site) => openSite(lifecycle, site, options));
    if (!sites.has(key)) known.then((site) => open.use(site)).catch(() => {});
    sites.set(key, known);
    return known;
  };
  const entries = await journal.entries();
  // With a container goes all that is in it; to remove that first, it would have to be made again.
  const whole = new Set(
    entries
      .map(madeItem)
      .filter((item) => item?.kind === "container")
      .map((item) => placeKey(item.in)),
  );
  for (const entry of entries.toReversed()) {
    const item = madeItem(entry);
    if (item === undefined) {
      left.push({ what: entry.item.kind, reason: "another version of Berth has made it" });
      continue;
    }
    if (item.kind !== "ref" && item.kind !== "container" && whole.has(placeKey(item.in))) continue;
    try {
      const done = await undoItem(lifecycle, id, item, { ...options, siteFor, openFor });
      removed.push(...done.removed);
      kept.push(...done.kept);
      left.push(...done.left);
      if (done.left.length > 0) continue;
      await journal.forget(...(item.kind === "container" ? inside(entries, item.in) : [entry]));
    } catch (cause) {
      left.push({ what: describe(item), reason: reasonOf(cause) });
    }
  }
  return { removed, kept, left };
}

interface UndoContext extends UndoOptions {
  readonly siteFor: (made: MadeIn) => Promise<Site>;
  readonly openFor: (made: MadeIn) => Promise<OpenSite>;
}

const NOTHING: Undone = { removed: [], kept: [], left: [] };

async function undoItem(
  lifecycle: Lifecycle,
  id: string,
  item: MadeItem,
  options: UndoContext,
): Promise<Undone> {
  switch (item.kind) {
    case "ref": {
      const git = item.in === undefined ? localGitPlace() : (await options.openFor(item.in)).git;
      await dropRefs(git, item.gitDir, [item.ref], options.signal);
      return NOTHING;
    }
    case "container": {
      const site = await options.siteFor(item.in);
      const removed = await site.placement.discard(site.request, openOptions(lifecycle, options));
      return { ...NOTHING, removed };
    }
    case "base": {
      if (await hasNeighbours(lifecycle, id, item.in)) return NOTHING;
      const { git, place } = await options.openFor(item.in);
      if (place.base === null) return NOTHING;
      const gone = await removeBase(git, { gitDir: place.base, signal: options.signal });
      return gone ? { ...NOTHING, removed: [`${place.base} ${located(git.description)}`] } : NOTHING;
    }
    case "worktree":
      return undoWorktree(id, item, options);
  }
}

async function undoWorktree(
  id: string,
  item: Extract<MadeItem, { kind: "worktree" }>,
  options: UndoContext,
): Promise<Undone> {
  const { place } = item.in;
  if (place === undefined) return NOTHING;
  const { git, site } = await options.openFor(item.in);
  const { gitDir } = repositoryIn(site, git, place);
  const reason = options.careful ? await reasonToKeep(git, place.path, item.commit, options) : undefined;
  if (reason !== undefined) return { ...NOTHING, left: [{ what: describe(item), reason, worked: true }] };
  const { removed, kept } = await removeCheckout(git, {
    gitDir,
    path: place.path,
    ...(item.ownsBranch ? { branch: item.branch, branchCommit: item.commit ?? undefined } : {}),
    force: true,
    below: belowOf(place.path),
    signal: options.signal,
  });
  await dropRefs(git, gitDir, [startRef(id), changesRef(id), pushedRef(id)], options.signal);
  const nameOf = (what: string) =>
    `${what === "branch" ? `the branch ${item.branch}` : place.path} ${located(git.description)}`;
  return {
    removed: removed.filter((what) => what !== "entry").map(nameOf),
    kept: kept.map(({ what, reason }) => ({ what: nameOf(what), reason })),
    left: [],
  };
}

/** The directory of the project's workspaces goes with the last of them. */
function belowOf(path: string): string {
  return posix.dirname(posix.dirname(path));
}

function siteOfItem(lifecycle: Lifecycle, id: string, made: MadeIn): Promise<Site> {
  return lifecycle.registry.project(made.projectId).then((project) => {
    if (project === undefined) throw new Error("its project is not known any more");
    return siteOf(lifecycle, project, {
      id: made.id ?? id,
      name: made.name,
      runtime: made.runtime,
      place: made.place,
    });
  });
}

/** Whether other workspaces of the project stand, or are being made, in such a place: they share its base repository. */
async function hasNeighbours(lifecycle: Lifecycle, id: string, made: MadeIn): Promise<boolean> {
  const all = await lifecycle.registry.list({ projectId: made.projectId });
  return all.some((other) => other.id !== id && other.runtime.type === made.runtime.type);
}

function inside(entries: readonly JournalEntry[], made: MadeIn): JournalEntry[] {
  const key = placeKey(made);
  return entries.filter((entry) => {
    const item = madeItem(entry);
    return item !== undefined && item.kind !== "ref" && placeKey(item.in) === key;
  });
}

/** Why something did not succeed, for a sentence: without code and hint. */
export function reasonOf(cause: unknown): string {
  if (isBerthError(cause)) return cause.message;
  return cause instanceof Error ? cause.message : String(cause);
}
