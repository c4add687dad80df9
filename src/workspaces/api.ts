import type { RuntimeConfig } from "../contract/config.ts";
import type { BerthEventInput } from "../contract/events.ts";
import type { OpenOptions, Runtime } from "../contract/runtime.ts";
import type {
  InitResult,
  Project,
  StoredRuntimeConfig,
  Workspace,
  WorkspaceChanges,
  WorkspaceEvent,
  WorkspaceProgress,
  WorkspaceStatus,
} from "../contract/workspace.ts";
import type { EventSink } from "../events/event-log.ts";

/** Options of everything that takes a while. */
export interface WorkOptions extends Pick<OpenOptions, "signal" | "onPrompt" | "maxWaitMs" | "onWait"> {
  readonly onProgress?: (progress: WorkspaceProgress) => void;
  /** Live output of the set-up hook. */
  readonly onOutput?: (chunk: Uint8Array, stream: "stdout" | "stderr") => void;
}

export interface CreateOptions extends WorkOptions {
  /** Letters, digits, dot, dash and underscore, at most 60; anything else that is a branch name becomes the branch, and the name is made of it. */
  readonly name: string;
  /** Directory in the project. Default: the current one. */
  readonly project?: string;
  /** Configuration, name of berth.yaml or URI. Default: that of berth.yaml, else worktree. */
  readonly runtime?: RuntimeConfig | string;
  /** Default: the prefix of berth.yaml and the name. An existing branch is checked out, another one is made. */
  readonly branch?: string;
  /** What a new branch starts at. Default: trunk as it is here (the newer of the local and the fetched one), else HEAD. */
  readonly start?: string;
  /** The project's uncommitted changes (tracked, untracked, and ignored files by `.berth/include`) travel too. Default false. */
  readonly changes?: boolean;
  /** A checkout that is already in the place, by its absolute path there; it is never removed by Berth. */
  readonly existing?: string;
  /** The project is trusted from now on. Default false: its hooks do not run until `trust`. */
  readonly trust?: boolean;
  /** The set-up is left for `init`. Default false. */
  readonly skipInit?: boolean;
}

export interface ForkOptions extends WorkOptions {
  readonly name: string;
  readonly branch?: string;
  /** Default: the configuration of the workspace that is forked. */
  readonly runtime?: RuntimeConfig | string;
  /** Uncommitted state travels too. Default true. */
  readonly changes?: boolean;
  readonly skipInit?: boolean;
}

export interface DeleteOptions extends WorkOptions {
  /** Deletes although work would be lost. What is under the names of protected branches stays all the same. */
  readonly force?: boolean;
  /** The branch stays where it is in the project's repository (worktrees) or is fetched there first. Default false. */
  readonly keepBranch?: boolean;
}

export interface DeleteReport {
  readonly workspace: Workspace;
  /** What was removed, and what was not although it was Berth's, each with its reason. */
  readonly removed: readonly string[];
  readonly kept: readonly { readonly what: string; readonly reason: string }[];
}

export interface PullReport {
  readonly branch: string;
  readonly from: string | null;
  readonly to: string;
  readonly commits: number;
  readonly bytes: number;
  /** Where the commits are when they could not go on the branch itself. */
  readonly ref: string;
}

export interface DiffOptions extends WorkOptions {
  /** "trunk": since the branch left trunk, uncommitted changes included; "head": only these; or a commit. Default "trunk". */
  readonly base?: string;
  readonly format?: "patch" | "stat" | "name-status";
  readonly paths?: readonly string[];
}

export interface GarbageReport {
  readonly completed: readonly { readonly workspace: string; readonly what: string }[];
  readonly removed: readonly { readonly what: string; readonly reason: string }[];
  readonly kept: readonly { readonly what: string; readonly reason: string }[];
}

/** Something that `berth doctor` tells about workspaces. */
export interface WorkspaceFinding {
  readonly workspace: string;
  readonly problem: string;
  readonly remedy: string;
}

/**
 * A selector: id, name, or PROJECT/NAME. A bare name is looked for in the project of `directory` first (default: the
 * current directory); null: in no project before the others.
 */
export interface Selection {
  readonly directory?: string | null;
}

export interface OpenWorkspaceOptions extends OpenOptions {
  /** Waits for a set-up that runs now. Default true. */
  readonly waitForInit?: boolean;
}

/** A project's branches in any place. One object a program; every call is safe beside other Berths of this user. */
export interface Workspaces extends AsyncDisposable {
  /** Those of all projects, or of the one that a directory is in. @throws workspace.not_a_project */
  list(options?: { readonly project?: string }): Promise<Workspace[]>;
  /** @throws workspace.unknown, workspace.ambiguous */
  get(selector: string, selection?: Selection): Promise<Workspace>;
  /** What happened to it, oldest first. */
  history(selector: string, selection?: Selection): Promise<WorkspaceEvent[]>;
  /**
   * Makes a workspace and runs its set-up; a set-up that fails leaves it usable. What fails before is undone; where the
   * place can't be reached for that, it is written down, and the same call again goes on with it.
   * @throws workspace.*, config.*, operation.aborted, what the way to the place throws
   */
  create(options: CreateOptions): Promise<Workspace>;
  /** Repeats the set-up. @throws workspace.init_running, workspace.busy, workspace.interrupted */
  init(selector: string, options?: WorkOptions & Selection): Promise<InitResult>;
  /** A workspace of another one, on a branch of its own; in the same place nothing crosses the network. */
  fork(selector: string, options: ForkOptions & Selection): Promise<Workspace>;
  /** Its directory gets the name, too; its branch keeps its own. */
  rename(selector: string, name: string, options?: WorkOptions & Selection): Promise<Workspace>;
  /** Stops the container that Berth made for it; the checkout stays. @throws workspace.not_stoppable */
  stop(selector: string, options?: WorkOptions & Selection): Promise<Workspace>;
  /** @throws workspace.not_stoppable */
  start(selector: string, options?: WorkOptions & Selection): Promise<Workspace>;
  /** @throws workspace.would_lose_work: what would be lost is in message and context */
  delete(selector: string, options?: DeleteOptions & Selection): Promise<DeleteReport>;
  /** What is in it, and what would be lost with it. A checkout that is gone is a `problem` and no error. */
  status(selector: string, options?: WorkOptions & Selection): Promise<WorkspaceStatus>;
  /**
   * Its commits into the project's repository, on its branch there; a clean checkout on that branch moves along.
   * @throws workspace.diverged: nothing was moved; where the commits are is in message and context
   */
  pull(selector: string, options?: WorkOptions & Selection): Promise<PullReport>;
  /** The commits of its branch here, or of another one, into the workspace. @throws workspace.diverged */
  push(
    selector: string,
    options?: WorkOptions & Selection & { readonly branch?: string },
  ): Promise<PullReport>;
  /** What was changed in it, as git prints it. @throws workspace.start_unknown, workspace.missing */
  diff(selector: string, options?: DiffOptions & Selection): AsyncIterable<Uint8Array>;
  /** The files of the diff with the same base, with their numbers of lines. @throws what `diff` throws */
  changes(
    selector: string,
    options?: Pick<DiffOptions, "base" | keyof WorkOptions> & Selection,
  ): Promise<WorkspaceChanges>;
  /** The uncommitted work as a patch on the project's checkout here. @throws workspace.apply_conflict: nothing was changed */
  apply(
    selector: string,
    options?: WorkOptions & Selection & { readonly dryRun?: boolean },
  ): Promise<{ readonly files: readonly string[] }>;
  /** The configuration of its runtime, also one of a type that this version does not know. */
  config(selector: string, selection?: Selection): Promise<StoredRuntimeConfig>;
  /**
   * Validated, then stored; undefined removes a field.
   * @throws config.invalid; workspace.config_immutable: it would move the workspace elsewhere
   */
  setConfig(
    selector: string,
    changes: Readonly<Record<string, unknown>>,
    selection?: Selection,
  ): Promise<StoredRuntimeConfig>;
  /**
   * The configuration that opens the workspace as a runtime: in its checkout, with its environment. Changes nothing.
   * @throws workspace.interrupted: its place has not been decided
   */
  runtimeConfig(selector: string, selection?: Selection): Promise<RuntimeConfig>;
  /** The workspace as a runtime. A stopped one is started. */
  open(selector: string, options?: OpenWorkspaceOptions & Selection): Promise<Runtime>;
  /** Lets the hooks of a directory's project run from now on, or not any more. @throws workspace.not_a_project */
  trust(directory: string, trusted: boolean): Promise<Project>;
  /** Projects that had a workspace, or were trusted. */
  projects(): Promise<Project[]>;
  /** What is wrong with workspaces and their places, and what to do about it. Changes nothing. */
  doctor(): Promise<WorkspaceFinding[]>;
  /** Completes or removes what was cut, and repairs checkouts; nothing that somebody may have worked in is removed. */
  garbage(options?: WorkOptions & { readonly dryRun?: boolean }): Promise<GarbageReport>;
  close(): Promise<void>;
}

export interface OpenWorkspacesOptions {
  /** Berth's own state. Default: BERTH_HOME, else the XDG state directory. */
  readonly stateDirectory?: string;
  /** A `postgres://` URL; needs the package pg. Default: the file `berth.db` in the state directory. */
  readonly database?: string;
  /**
   * Told of everything that happens. It is in the log already: workspaces write each event there once. A call that is
   * given an `onEvent` of its own leaves the events of the place that it opens to that one.
   */
  readonly onEvent?: (event: BerthEventInput) => void;
  /** Where events are kept. Default: the log of the state directory, as long as the workspaces are open. */
  readonly events?: EventSink;
}
