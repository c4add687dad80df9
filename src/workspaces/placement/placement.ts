import type { RuntimeConfig } from "../../contract/config.ts";
import type { OpenOptions, Runtime } from "../../contract/runtime.ts";
import type { Project, WorkspacePlace } from "../../contract/workspace.ts";
import type { GitPlace } from "../git/git-place.ts";

/** What a placement has to know of a workspace. */
export interface PlacementRequest {
  readonly workspaceId: string;
  readonly name: string;
  readonly project: Project;
  /** The project's repository on this machine: git's common directory, absolute. */
  readonly gitDir: string;
  /** Id of this state directory: a host may be shared by several. */
  readonly ownerId: string;
  readonly config: RuntimeConfig;
  /** As decided before, when this is a repetition. */
  readonly place: WorkspacePlace | undefined;
  /** A checkout that is already in the place, by its absolute path there. */
  readonly existing?: string | undefined;
  readonly stateDirectory: string;
}

/** A place in which a workspace can be checked out. */
export interface PreparedPlace {
  readonly place: WorkspacePlace;
  /** git there. On this machine it needs no runtime, so that no daemon is started for a worktree. */
  readonly git: GitPlace;
  /**
   * Open, without the workspace's checkout as workdir: that need not exist yet. undefined: this machine, where git is a
   * child of this process. Whoever called closes it.
   */
  readonly runtime: Runtime | undefined;
}

/**
 * How workspaces stand in a kind of runtime. The checkout itself (a worktree of `place.base`) is not its business: it is
 * the same in every kind.
 */
export interface Placement {
  /** The base repository is the project's own: nothing is sent, branches are the project's. */
  readonly sharesRepository: boolean;
  /** A place that can be stopped and started. */
  readonly stoppable: boolean;
  /**
   * Makes what the checkout will stand in (docker: volume and container; elsewhere nothing) and opens it. Idempotent:
   * after a cut it finds what is there. What it made in this call is removed again when it throws. Costs no round trip of
   * its own over SSH.
   */
  prepare(request: PlacementRequest, options: OpenOptions): Promise<PreparedPlace>;
  /** The configuration that opens the workspace: with its checkout as workdir, and its id. */
  configOf(request: PlacementRequest, place: WorkspacePlace): RuntimeConfig;
  /**
   * Removes what `prepare` made, and nothing else: proves ownership first. Idempotent, also when it is not known whether
   * `prepare` came to its end. Returns what was removed, in words.
   */
  discard(request: PlacementRequest, options: OpenOptions): Promise<readonly string[]>;
  stop?(request: PlacementRequest, options: OpenOptions): Promise<void>;
  start?(request: PlacementRequest, options: OpenOptions): Promise<void>;
}
