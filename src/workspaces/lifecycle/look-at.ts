import { isBerthError } from "../../contract/errors.ts";
import type { Workspace, WorkspaceStatus } from "../../contract/workspace.ts";
import type { WorkOptions } from "../api.ts";
import { lookAtBase, type Repository } from "../git/base.ts";
import { gitArgv } from "../git/environment.ts";
import { findLosses } from "../git/losses.ts";
import { localGitPlace, succeed } from "../git/places.ts";
import { type ProjectFacts, readProject } from "../git/project.ts";
import { type RawStatus, readStatus } from "../git/status.ts";
import { transfer } from "../git/transfer.ts";
import { settingsOf } from "./asked.ts";
import { homeOf, type OpenSite } from "./site.ts";

export interface Looked {
  readonly raw: RawStatus;
  readonly status: WorkspaceStatus;
}

/** The project as it is now, by what berth.yaml says of its trunk; undefined: its repository is gone. */
export async function factsOf(
  workspace: Pick<Workspace, "project">,
  options: Pick<WorkOptions, "signal">,
): Promise<ProjectFacts | undefined> {
  const { path } = workspace.project;
  try {
    const { trunk } = await settingsOf(path);
    return await readProject(localGitPlace(), path, { trunk, signal: options.signal });
  } catch (cause) {
    if (isBerthError(cause, "workspace.not_a_project")) return undefined;
    throw cause;
  }
}

/**
 * What is in a workspace, and what would be lost with it.
 * @param branchGoes whether its branch would go with it
 * @param doomed branches that are going, too
 * @throws what the way to the place throws
 */
export async function lookAt(
  workspace: Workspace,
  open: OpenSite,
  facts: ProjectFacts | undefined,
  options: Pick<WorkOptions, "signal"> & {
    readonly branchGoes: boolean;
    readonly doomed?: readonly string[];
  },
): Promise<Looked> {
  const { signal } = options;
  const shares = open.site.placement.sharesRepository;
  const doomed = options.doomed ?? [];
  const home = homeOf(open.site.project);
  const raw = await readStatus(open.git, {
    path: open.place.path,
    base: shares ? open.repository.gitDir : open.place.base,
    branch: workspace.branch,
    trunk: facts?.trunk?.commit,
    // The repository is in the volume that goes with the container.
    alone: open.place.volume !== undefined,
    visited: !shares,
    sent: shares ? undefined : await sentTrunk(workspace, home, facts, signal),
    doomed,
    signal,
  });
  const refs: string[] = [];
  const bring = async (commits: readonly string[]): Promise<void> => {
    const wanted = commits.map((commit) => ({ name: `refs/berth/looked/${workspace.id}/${commit}`, commit }));
    refs.push(...wanted.map(({ name }) => name));
    const look = await lookAtBase(home.git, { base: home.gitDir, wanted: commits, create: false, signal });
    await transfer({ from: open.repository, to: home, look, refs: wanted, untrusted: true, signal });
  };
  try {
    const status = await findLosses({
      home,
      status: raw,
      root: facts?.root,
      ownBranches: shares ? [...(options.branchGoes ? [workspace.branch] : []), ...doomed] : [],
      trunks: facts === undefined ? [] : await trunksOf(facts, signal),
      ...(shares ? {} : { bring }),
      signal,
    });
    return { raw, status };
  } finally {
    const input = refs.map((ref) => `delete ${ref}\n`).join("");
    if (input !== "") {
      await succeed(home.git, gitArgv([`--git-dir=${home.gitDir}`, "update-ref", "--stdin"]), { input });
    }
  }
}

/**
 * Trunk as Berth has set it in a repository of its own, "origin/main", when the workspace started at what the project
 * had then on no remote, and has nowhere any more.
 */
async function sentTrunk(
  { startCommit }: Workspace,
  home: Repository,
  facts: ProjectFacts | undefined,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  if (startCommit === null || facts?.trunk === undefined) return undefined;
  const args = ["rev-list", "--max-count=1", startCommit, "--not", "--branches", "--tags", "--remotes", "--"];
  const { exitCode, stdout } = await home.git.run(gitArgv([`--git-dir=${home.gitDir}`, ...args]), { signal });
  return exitCode === 0 && stdout.length === 0 ? undefined : `origin/${facts.trunk.branch}`;
}

/** Trunk as it is here, and as it was at the remote. */
export async function trunksOf(facts: ProjectFacts, signal: AbortSignal | undefined): Promise<string[]> {
  const { trunk, remote, gitDir } = facts;
  if (trunk === undefined) return [];
  const names = [`refs/heads/${trunk.branch}`, `refs/remotes/${remote}/${trunk.branch}`];
  const argv = gitArgv([
    `--git-dir=${gitDir}`,
    "for-each-ref",
    "--format=%(objectname) %(refname)",
    ...names,
  ]);
  const lines = (await succeed(localGitPlace(), argv, { signal })).split("\n");
  const commits = lines.map((line) => line.split(" ")).filter(([, name]) => names.includes(name ?? ""));
  return [...new Set([trunk.commit, ...commits.map(([commit = ""]) => commit)])];
}
