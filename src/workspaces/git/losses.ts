import { join } from "node:path";
import type { WorkspaceStatus } from "../../contract/workspace.ts";
import { gitArgv } from "./environment.ts";
import type { GitPlace } from "./git-place.ts";
import { mergedByContent } from "./merged.ts";
import { OBJECTS_AS_THEY_ARE } from "./objects.ts";
import { succeed } from "./places.ts";
import { shown } from "./state-script.ts";
import type { Commit, RawStatus } from "./status.ts";

/** Branches of a workspace that are compared with trunk. More count as not merged. */
const MAX_TIPS = 50;
const MAX_BYTES = 256 * 1024 * 1024;

export interface FindLosses {
  /** The project's repository here. */
  readonly home: { readonly git: GitPlace; readonly gitDir: string };
  readonly status: RawStatus;
  /** The project's checkout here, whose submodules may have what those of the workspace have. */
  readonly root?: string | undefined;
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
    unpublished: [...(await unpublished(options)), ...(await unpublishedWithin(options))].map(
      ({ commit, subject }) => ({ commit, subject }),
    ),
    underWay: status.underWay,
    problem: status.problem,
    ahead: status.ahead,
    behind: status.behind,
  };
}

/** Of commits, those that no branch, tag or remote-tracking branch of a repository here has; and those that are here. */
async function nowhereIn(
  git: GitPlace,
  place: readonly string[],
  commits: readonly string[],
  ownBranches: readonly string[],
  signal: AbortSignal | undefined,
) {
  const ask = async (args: readonly string[], input: Iterable<string>): Promise<string[]> => {
    const lines = [...input].map((line) => `${line}\n`).join("");
    const run = { signal, env: OBJECTS_AS_THEY_ARE, input: lines, maxBytes: MAX_BYTES };
    return (await succeed(git, gitArgv([...place, ...args]), run)).split("\n");
  };
  const kinds = await ask(["cat-file", "--batch-check=%(objectname) %(objecttype)"], commits);
  const here = new Set(
    kinds.filter((line) => line.endsWith(" commit")).map((line) => line.split(" ")[0] ?? ""),
  );
  if (here.size === 0) return { here, nowhere: new Set(commits) };
  const own = ownBranches.map((branch) => `--exclude=${branch}`);
  const lost = new Set(
    await ask(["rev-list", "--stdin", "--not", ...own, "--branches", "--tags", "--remotes"], here),
  );
  return { here, nowhere: new Set(commits.filter((commit) => !here.has(commit) || lost.has(commit))) };
}

/** Commits of repositories within, that those of the same path here have not. */
async function unpublishedWithin({ home, root, status, signal }: FindLosses): Promise<Commit[]> {
  const found: Commit[] = [];
  for (const { path, commits } of status.submodules) {
    let nowhere = new Set(commits.map(({ commit }) => commit));
    const inside = path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
    if (root !== undefined && inside) {
      const directory = join(root, path);
      const isThere = await home.git.run(["test", "-e", join(directory, ".git")], { signal });
      if (isThere.exitCode === 0) {
        nowhere = (await nowhereIn(home.git, ["-C", directory], [...nowhere], [], signal)).nowhere;
      }
    }
    const lost = commits.filter(({ commit }) => nowhere.has(commit));
    found.push(...lost.map((commit) => ({ ...commit, subject: `${shown(path)}: ${commit.subject}` })));
  }
  return found;
}

async function unpublished(options: FindLosses): Promise<readonly Commit[]> {
  const { home, status, signal } = options;
  if (status.candidates.length === 0) return [];
  const commits = status.candidates.map(({ commit }) => commit);
  const place = [`--git-dir=${home.gitDir}`];
  const { here, nowhere: missing } = await nowhereIn(home.git, place, commits, options.ownBranches, signal);
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
