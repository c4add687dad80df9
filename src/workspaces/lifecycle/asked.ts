import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { WorkspaceSettings } from "../../contract/berth-file.ts";
import type { RuntimeConfig } from "../../contract/config.ts";
import { berthError } from "../../contract/errors.ts";
import type { Workspace } from "../../contract/workspace.ts";
import { branchProblem, isWorkspaceName, slug } from "../../contract/workspace-name.ts";
import { findBerthFile } from "../../runtimes/find-berth-file.ts";
import { resolveRuntime } from "../../runtimes/open.ts";
import { checkBranchName, checkWorkspaceName, defaultBranch } from "../git/names.ts";

const WORKTREE: RuntimeConfig = { type: "worktree" };

/** The settings of the project that a directory is in. */
export async function settingsOf(directory: string): Promise<WorkspaceSettings> {
  return (await findBerthFile(directory))?.workspaces ?? {};
}

/**
 * Name and branch of a workspace by what was asked for: a name that is none but is a branch's becomes the branch.
 * @throws workspace.name_invalid, workspace.branch_invalid
 */
export function nameAndBranch(
  asked: { readonly name: string; readonly branch?: string | undefined },
  settings: WorkspaceSettings,
): { readonly name: string; readonly branch: string } {
  const { name, branch } = asked;
  if (branch !== undefined) return { name: checkWorkspaceName(name), branch: checkBranchName(branch) };
  if (isWorkspaceName(name)) {
    return { name, branch: checkBranchName(defaultBranch(name, settings.branchPrefix)) };
  }
  if (branchProblem(name) !== undefined) checkWorkspaceName(name);
  return { name: slug(name), branch: name };
}

/**
 * The configuration that a workspace gets: what is asked for, else that of berth.yaml, else a worktree.
 * @throws config.*, runtime.uri_invalid, runtime.type_unsupported
 */
export async function runtimeFor(
  asked: RuntimeConfig | string | undefined,
  settings: WorkspaceSettings,
  directory: string,
): Promise<RuntimeConfig> {
  const { config } = await resolveRuntime(asked ?? settings.runtime ?? WORKTREE, {
    projectDirectory: resolve(directory),
  });
  // What a runner's workspace means here, its placement says.
  if (config.type === "remote" || config.workspace === undefined) return config;
  throw berthError("config.invalid", {
    message: "workspace: is set by Berth alone",
    hint: "Leave it out; the new workspace gets an id of its own.",
    context: { fields: ["workspace"] },
  });
}

/** Whether an interrupted creation was of the same workspace, so that it can be gone on with. */
export function isSame(
  previous: Workspace,
  asked: {
    readonly branch: string;
    readonly runtime: RuntimeConfig;
    readonly start: string | null | undefined;
    readonly existing?: string | undefined;
    /** The branch is whichever is checked out there. */
    readonly adopts: boolean;
    readonly forkedFrom?: string | undefined;
  },
): boolean {
  return (
    (asked.adopts || previous.branch === asked.branch) &&
    previous.forkedFrom === asked.forkedFrom &&
    previous.ownsCheckout === !asked.adopts &&
    (asked.existing === undefined || previous.place?.path === asked.existing) &&
    (asked.start === undefined || asked.start === previous.startCommit) &&
    isDeepStrictEqual(previous.runtime, asked.runtime)
  );
}
