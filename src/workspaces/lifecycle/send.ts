import { posix } from "node:path";
import { located } from "../../contract/located.ts";
import { lookAtBase, type Repository } from "../git/base.ts";
import { changesRef } from "../git/changes.ts";
import { type Submodule, sendSubmodules } from "../git/submodules.ts";
import { listTags } from "../git/tags.ts";
import { transfer } from "../git/transfer.ts";
import { reporter } from "./context.ts";
import { keepPlace, type Making, type Notes, type Target } from "./make.ts";
import { startRef } from "./refs.ts";
import type { OpenSite } from "./site.ts";

/**
 * The base repository in a place that has one of its own, with every commit that the checkout needs: one round trip when
 * nothing is lacking.
 */
export async function sendTo(
  making: Making,
  { git, place }: OpenSite,
  notes: Notes,
  found: readonly Submodule[],
): Promise<Target> {
  const { facts, start, source, workspace, options } = making;
  const { signal } = options;
  if (place.base === null) throw new Error("a checkout that is made is a worktree of a base repository");
  const note = await notes.plan({ kind: "base", in: notes.in(place) });
  reporter(options)("look", `looking at ${place.base} ${located(git.description)}`);
  const refs = refsToSend(making);
  const wanted = [start.commit, source.changes?.tree, ...refs.map(({ commit }) => commit)];
  const tags = await listTags(source.repository.git, source.repository.gitDir, { signal });
  const look = await lookAtBase(git, {
    base: place.base,
    path: place.path,
    origin: facts.origin,
    wanted: wanted.filter((commit) => commit !== null && commit !== undefined),
    refs: refs.map(({ name }) => name),
    tags,
    create: true,
    objectFormat: facts.objectFormat,
    signal,
  });
  if (look.made) await notes.done(note);
  else if (note.isNew) await notes.forget(note);
  const target: Repository = { git, gitDir: look.gitDir };
  const kept = { ...place, base: look.gitDir, path: look.path ?? place.path };
  await keepPlace(making, kept);
  // What is there is kept by the branch as soon as it is made.
  const { commit } = start;
  const isLacking = commit !== null && !look.present.includes(commit);
  const isKept = refs.some((ref) => ref.commit === commit);
  const begin = isLacking && !isKept ? [{ name: startRef(workspace.id), commit }] : [];
  const own = [startRef(workspace.id), changesRef(workspace.id)];
  const sent = new Set([...refs, ...begin].map(({ name }) => name));
  const left = own.filter((name) => sent.has(name) || look.refs.has(name));
  await notes.planRefs(left.map((ref) => ({ kind: "ref", gitDir: look.gitDir, ref, in: notes.in(kept) })));
  await transfer({
    from: source.repository,
    to: target,
    look,
    refs: [...refs, ...begin],
    tags,
    untrusted: !source.isHome,
    onProgress: (bytesDone) =>
      options.onProgress?.({ step: "sync", message: `sending commits to ${git.description}`, bytesDone }),
    signal,
  });
  const submodules =
    found.length === 0
      ? []
      : await sendSubmodules({
          from: source.repository.git,
          to: git,
          base: look.gitDir,
          submodules: found,
          onProgress: (bytesDone) =>
            options.onProgress?.({
              step: "sync",
              message: `sending submodules to ${git.description}`,
              bytesDone,
            }),
          signal,
        });
  return {
    repository: target,
    place: kept,
    hasBranch: look.refs.has(`refs/heads/${start.branch}`),
    submodules,
    kept: left,
  };
}

/** The project's own repository, with every commit that a worktree of it needs and that is elsewhere yet. */
export async function bringHome(
  making: Making,
  { repository, place }: OpenSite,
  notes: Notes,
  found: readonly Submodule[],
): Promise<Target> {
  const { start, source, workspace, options } = making;
  const { signal } = options;
  const { commit } = start;
  await keepPlace(making, place);
  const begin = commit === null ? [] : [{ name: startRef(workspace.id), commit }];
  const changes =
    source.changes === undefined ? [] : [{ name: source.changes.ref, commit: source.changes.tree }];
  const refs = [...begin, ...changes];
  const { gitDir } = repository;
  await notes.planRefs(refs.map(({ name }) => ({ kind: "ref", gitDir, ref: name })));
  const look = await lookAtBase(repository.git, {
    base: repository.gitDir,
    wanted: refs.map((ref) => ref.commit),
    create: false,
    signal,
  });
  await transfer({ from: source.repository, to: repository, look, refs, untrusted: true, signal });
  const submodules =
    found.length === 0
      ? []
      : await sendSubmodules({
          from: source.repository.git,
          to: repository.git,
          // Theirs stand beside it.
          base: posix.join(posix.dirname(place.path), ".base.git"),
          submodules: found,
          signal,
        });
  return { repository, place, hasBranch: start.isHere, submodules, kept: refs.map(({ name }) => name) };
}

/** Trunk and the branch as origin has them, and the uncommitted changes. */
function refsToSend({ facts, start, source }: Making): { readonly name: string; readonly commit: string }[] {
  const { trunk } = facts;
  const refs = new Map<string, string>();
  if (source.isHome) {
    if (trunk !== undefined) refs.set(`refs/remotes/origin/${trunk.branch}`, trunk.commit);
    if (start.upstream !== undefined)
      refs.set(`refs/remotes/origin/${start.upstream.branch}`, start.upstream.commit);
  }
  if (source.changes !== undefined) refs.set(source.changes.ref, source.changes.tree);
  return [...refs].map(([name, commit]) => ({ name, commit }));
}
