import type { WorkspaceStatus } from "../../contract/workspace.ts";
import { gitArgv } from "./environment.ts";
import type { GitPlace } from "./git-place.ts";
import { mergedByContent } from "./merged.ts";
import { OBJECTS_AS_THEY_ARE } from "./objects.ts";
import { succeed } from "./places.ts";
import type { Commit, RawStatus } from "./status.ts";

/** Branches of a workspace that are compared with trunk. More count as not merged. */
const MAX_TIPS = 50;

export interface FindLosses {
  /** The project's repository here. */
  readonly home: { readonly git: GitPlace; readonly gitDir: string };
  readonly status: RawStatus;
  /** Branches here that go with the workspace, and prove nothing: those of worktrees of this repository. */
  readonly ownBranches: readonly string[];
  /** Trunk as it is here and as it was at origin, commits of the project's repository. */
  readonly trunks: readonly string[];
  /** Brings commits of the workspace here, so that their content can be looked at. Default: they are here. */
  readonly bring?: (commits: readonly string[]) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What would be lost with a workspace: of the commits that are nowhere else in its place, those that no branch, tag or
 * remote-tracking branch of the project has, and whose content trunk does not have either (mergedByContent). What Berth
 * itself keeps under refs/berth does not count.
 * @throws workspace.git_failed, and what `bring` throws
 */
export async function findLosses(options: FindLosses): Promise<WorkspaceStatus> {
  const { status } = options;
  return {
    branch: status.branch,
    head: status.head,
    changed: status.changed,
    untracked: status.untracked,
    stashes: status.stashes,
    unpublished: (await unpublished(options)).map(({ commit, subject }) => ({ commit, subject })),
    underWay: status.underWay,
    problem: status.problem,
    ahead: status.ahead,
    behind: status.behind,
  };
}

async function unpublished(options: FindLosses): Promise<readonly Commit[]> {
  const { home, status, signal } = options;
  if (status.candidates.length === 0) return [];
  const run = { signal, env: OBJECTS_AS_THEY_ARE };
  const git = async (args: readonly string[], input: readonly string[]) =>
    (
      await succeed(home.git, gitArgv([`--git-dir=${home.gitDir}`, ...args]), {
        ...run,
        input: input.map((line) => `${line}\n`).join(""),
      })
    ).split("\n");

  const commits = status.candidates.map(({ commit }) => commit);
  const kinds = await git(["cat-file", "--batch-check=%(objectname) %(objecttype)"], commits);
  const here = new Set(
    kinds.filter((line) => line.endsWith(" commit")).map((line) => line.split(" ")[0] ?? ""),
  );
  let missing = new Set(commits);
  if (here.size > 0) {
    const own = options.ownBranches.map((branch) => `--exclude=${branch}`);
    const known = ["--not", ...own, "--branches", "--tags", "--remotes"];
    const nowhere = new Set(await git(["rev-list", "--stdin", ...known], [...here]));
    missing = new Set(commits.filter((commit) => !here.has(commit) || nowhere.has(commit)));
  }
  const left = status.candidates.filter(({ commit }) => missing.has(commit));
  if (left.length === 0 || options.trunks.length === 0 || status.moreCandidates) return left;

  const parents = new Set(left.flatMap((commit) => commit.parents));
  const tips = left.map(({ commit }) => commit).filter((commit) => !parents.has(commit));
  if (tips.length > MAX_TIPS) return left;
  const absent = tips.filter((tip) => !here.has(tip));
  if (absent.length > 0) {
    if (options.bring === undefined) return left;
    await options.bring(absent);
  }
  const merged = new Set<string>();
  for (const tip of tips) {
    for (const commit of await mergedByContent(home, { tip, trunks: options.trunks, signal }))
      merged.add(commit);
  }
  return left.filter(({ commit }) => !merged.has(commit));
}
