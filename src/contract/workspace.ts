import type { RuntimeConfig } from "./config.ts";
import type { ExitStatus } from "./process.ts";

/** A configuration as it is stored: also of a type that this version does not know, which is kept and shown. */
export type StoredRuntimeConfig =
  | RuntimeConfig
  | (Readonly<Record<string, unknown>> & { readonly type: string });

/**
 * "creating": its place is being made; "initializing": the checkout is there, the project's set-up runs; "ready";
 * "init_failed": usable, but the set-up did not succeed; "stopped": its container is stopped; "deleting".
 */
export type WorkspaceState = "creating" | "initializing" | "ready" | "init_failed" | "stopped" | "deleting";

/** A project: a git repository on this machine. */
export interface Project {
  /** Of its repository (git's common directory) and of this state directory. */
  readonly id: string;
  readonly name: string;
  /** Absolute path of its main working tree; of a bare repository, of that. */
  readonly path: string;
  /** Its hooks (git's and `.berth/init`) may run. */
  readonly trusted: boolean;
}

/** What the last run of the project's set-up said. */
export interface InitResult {
  readonly startedAt: string;
  readonly endedAt: string;
  /** null: there was no hook to run. */
  readonly exit: ExitStatus | null;
  /** The end of its output, at most 64 KiB. */
  readonly output: string;
  /** Why the hook did not run, although the project has one. */
  readonly skipped?: "untrusted" | undefined;
}

/** Where a workspace stands. */
export interface WorkspacePlace {
  /** Absolute path of the checkout in the place. */
  readonly path: string;
  /** Absolute path of the repository in the place that the checkout is a worktree of; null: a checkout of its own. */
  readonly base: string | null;
  /** Docker: name of the container and of the volume that Berth made for it. */
  readonly container?: string | undefined;
  readonly volume?: string | undefined;
}

export interface Workspace {
  /** See WORKSPACE_ID. */
  readonly id: string;
  /** Unique in its project, also on file systems that ignore case. */
  readonly name: string;
  readonly project: Project;
  readonly branch: string;
  /** Commit that the branch was at when the workspace was made; null in an empty repository. */
  readonly startCommit: string | null;
  readonly state: WorkspaceState;
  /** The configuration as it was given; `place` and the rest come from Berth. */
  readonly runtime: StoredRuntimeConfig;
  /** undefined until it has been decided. */
  readonly place: WorkspacePlace | undefined;
  /** The checkout, the branch: made by Berth, and removed by it. */
  readonly ownsCheckout: boolean;
  readonly ownsBranch: boolean;
  readonly init: InitResult | undefined;
  /** Id of the workspace that it was forked from. */
  readonly forkedFrom?: string | undefined;
  /** Another Berth is working on it now, or one was and died: then `alive` is false, and `berth gc` tidies up. */
  readonly operation?: WorkspaceOperation | undefined;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface WorkspaceOperation {
  readonly kind: "create" | "init" | "fork" | "rename" | "delete" | "stop" | "start" | "config";
  readonly startedAt: string;
  readonly pid: number;
  readonly alive: boolean;
}

export interface WorkspaceEvent {
  readonly at: string;
  readonly workspaceId: string;
  readonly type: string;
  readonly message: string;
  readonly data?: Readonly<Record<string, unknown>> | undefined;
}

/** A step of something that takes a while, for progress displays. */
export interface WorkspaceProgress {
  readonly step:
    | "place"
    | "look"
    | "sync"
    | "checkout"
    | "changes"
    | "submodules"
    | "update"
    | "init"
    | "fetch"
    | "remove"
    | "ready";
  /** A sentence for people. */
  readonly message: string;
  readonly bytesDone?: number | undefined;
  readonly bytesTotal?: number | undefined;
}

/** What is in a workspace and what would be lost with it. */
export interface WorkspaceStatus {
  readonly branch: string | null;
  readonly head: string | null;
  /** Paths with changes in the index or the working tree. */
  readonly changed: readonly string[];
  readonly untracked: readonly string[];
  /** Subjects of stashes made in it. */
  readonly stashes: readonly string[];
  /** Commits that are nowhere else: not in the project's repository, on no remote branch, and not merged by content. */
  readonly unpublished: readonly { readonly commit: string; readonly subject: string }[];
  /** "merge", "rebase", "cherry-pick", …: something is under way in it. */
  readonly underWay?: string | undefined;
  /** The checkout has been damaged or removed by hand; in words. */
  readonly problem?: string | undefined;
  /** Commits of the branch and of trunk that the other side lacks. */
  readonly ahead?: number | undefined;
  readonly behind?: number | undefined;
}

/** A file that a workspace has otherwise than the commit that it is compared with. */
export interface WorkspaceChange {
  /** Relative to the checkout; bytes that are no UTF-8 are replaced. */
  readonly path: string;
  /** Of a renamed or copied one. */
  readonly oldPath: string | null;
  readonly status:
    | "added"
    | "modified"
    | "deleted"
    | "renamed"
    | "copied"
    | "type_changed"
    | "untracked"
    | "conflicted";
  /** Lines; null of a binary file. */
  readonly added: number | null;
  readonly deleted: number | null;
  readonly binary: boolean;
}

/** What a workspace has that a commit has not, uncommitted and untracked files included. */
export interface WorkspaceChanges {
  /** The commit that it is compared with; null where there is none yet. */
  readonly base: string | null;
  /** In the order of git, at most 10,000. */
  readonly files: readonly WorkspaceChange[];
  /** Lines of all files, also of those that are not listed. */
  readonly added: number;
  readonly deleted: number;
  /** There are more files than are listed. */
  readonly truncated: boolean;
}
