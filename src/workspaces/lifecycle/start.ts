import { berthError } from "../../contract/errors.ts";
import { gitArgv } from "../git/environment.ts";
import { localGitPlace, succeed } from "../git/places.ts";
import { type ProjectFacts, resolveCommit } from "../git/project.ts";

/** What a workspace's branch starts from. */
export interface Start {
  readonly branch: string;
  /** null in an empty repository. */
  readonly commit: string | null;
  /** The project has no branch of that name yet, neither here nor at its remote. */
  readonly newBranch: boolean;
  /** The project's own repository has it. */
  readonly isHere: boolean;
  /** The branch of that name at origin, as it was fetched. */
  readonly upstream: { readonly branch: string; readonly commit: string } | undefined;
}

interface Asked {
  readonly branch: string;
  readonly start?: string | undefined;
  /** The branch has to start where the uncommitted changes belong. */
  readonly changes?: boolean | undefined;
  /** The workspace will be a worktree of the project's own repository. */
  readonly sharesRepository: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Where the branch of a new workspace starts: an existing branch where it is, a new one at the start point, else at
 * trunk as it is here, else at HEAD. Reads only.
 * @throws workspace.start_unknown, workspace.branch_exists, workspace.branch_in_use, workspace.unsupported
 */
export async function findStart(facts: ProjectFacts, asked: Asked): Promise<Start> {
  const { branch } = asked;
  const { here, theirs, path } = await lookForBranch(facts, branch, asked.signal);
  if (asked.sharesRepository && path !== undefined) {
    throw berthError("workspace.branch_in_use", { context: { branch, path } });
  }
  const wanted =
    asked.start === undefined
      ? undefined
      : await resolveCommit(localGitPlace(), facts.root, asked.start, {
          remote: facts.remote,
          signal: asked.signal,
        });
  const existing = here ?? (wanted === undefined ? theirs : undefined);
  if (here !== undefined && wanted !== undefined && wanted !== here) {
    throw berthError("workspace.branch_exists", { context: { branch } });
  }
  const trunk = asked.changes ? facts.head : (facts.trunk?.commit ?? facts.head);
  const commit = existing ?? wanted ?? trunk;
  if (asked.changes && commit !== facts.head) {
    throw berthError("workspace.unsupported", {
      message: `uncommitted changes travel only to the commit that they belong on, and ${branch} would start elsewhere`,
      hint: "Leave --start out, or give HEAD; a branch of another commit gets them by berth workspace apply.",
      context: { operation: "create", branch },
    });
  }
  return {
    branch,
    commit,
    newBranch: existing === undefined,
    isHere: here !== undefined,
    upstream: theirs === undefined ? undefined : { branch, commit: theirs },
  };
}

async function lookForBranch(facts: ProjectFacts, branch: string, signal: AbortSignal | undefined) {
  const local = `refs/heads/${branch}`;
  const remote = `refs/remotes/${facts.remote}/${branch}`;
  const format = "--format=%(refname)%00%(objectname)%00%(worktreepath)%00";
  const argv = gitArgv([`--git-dir=${facts.gitDir}`, "for-each-ref", format, local, remote]);
  const lines = (await succeed(localGitPlace(), argv, { signal })).split("\n");
  // A ref of a longer name that starts with this one and a slash matches, too.
  const rowOf = (ref: string) => lines.map((line) => line.split("\0")).find(([name]) => name === ref);
  const path = rowOf(local)?.[2];
  return { here: rowOf(local)?.[1], theirs: rowOf(remote)?.[1], path: path === "" ? undefined : path };
}
