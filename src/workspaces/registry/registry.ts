import type {
  InitResult,
  Project,
  StoredRuntimeConfig,
  Workspace,
  WorkspaceEvent,
  WorkspaceOperation,
  WorkspacePlace,
  WorkspaceState,
} from "../../contract/workspace.ts";
import type { EventSink } from "../../events/event-log.ts";

export type OperationKind = WorkspaceOperation["kind"];

/** A project with what only this machine needs of it. */
export interface StoredProject extends Project {
  /** Absolute path of its common directory (`git rev-parse --git-common-dir`). */
  readonly gitDir: string;
}

export interface FoundProject {
  /** Absolute path of the common directory, links resolved. */
  readonly gitDir: string;
  /** Of the main working tree; of a bare repository, of that. */
  readonly path: string;
  /** Slug of that directory's name. */
  readonly name: string;
}

export interface EnsuredProject extends StoredProject {
  /** Where its common directory was when it was last seen: it has been moved since, and worktrees of it want repair. */
  readonly movedFrom?: string | undefined;
}

/** A workspace that is to be. */
export interface Reservation {
  /** Of `newWorkspaceId`, and of the operation that is given besides. */
  readonly id: string;
  /** Already valid as a name. */
  readonly name: string;
  readonly projectId: string;
  readonly branch: string;
  readonly startCommit: string | null;
  readonly runtime: StoredRuntimeConfig;
  readonly place?: WorkspacePlace | undefined;
  readonly ownsCheckout: boolean;
  readonly ownsBranch: boolean;
  readonly forkedFrom?: string | undefined;
  /** Default "creating". */
  readonly state?: WorkspaceState | undefined;
}

/** What changes of a workspace; a field that is missing stays, `undefined` empties it. */
export interface WorkspacePatch {
  readonly name?: string;
  readonly branch?: string;
  readonly startCommit?: string | null;
  readonly state?: WorkspaceState;
  /** Replaces the whole configuration; left out, what is stored stays to the letter. */
  readonly runtime?: StoredRuntimeConfig;
  readonly place?: WorkspacePlace | undefined;
  readonly ownsCheckout?: boolean;
  readonly ownsBranch?: boolean;
  readonly init?: InitResult | undefined;
}

/**
 * The right to work on a workspace. Disposing ends it; the kernel ends it when the process dies, however it dies. The
 * workspace's row need not be there.
 */
export interface Operation extends AsyncDisposable {
  readonly workspaceId: string;
  readonly kind: OperationKind;
  readonly startedAt: string;
  /** The operation that this one found dead: it did not come to its end. */
  readonly interrupted: { readonly kind: OperationKind; readonly startedAt: string } | undefined;
}

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** How long another holder is waited for. Default 0: not at all. */
  readonly waitMs?: number | undefined;
  /** Called once, when it has to be waited. */
  readonly onWait?: ((holder: WorkspaceOperation | undefined) => void) | undefined;
}

export type JournalKind = "worktree" | "branch" | "container" | "volume" | "base" | "ref" | "directory";

/** Something that is made for a workspace, outside of the registry; the rest is as its maker needs to find it again. */
export interface JournalItem {
  readonly kind: JournalKind;
  readonly [key: string]: unknown;
}

export interface JournalEntry {
  readonly id: number;
  readonly at: string;
  /** "planned": it may be there, or in part, or not; "done": it is there. */
  readonly state: "planned" | "done";
  readonly item: JournalItem;
}

/**
 * What a workspace's operations make outside of the registry. Everything is on the disk when a call returns. It is
 * independent of the workspace's row: what could not be removed stays in it when the workspace is gone.
 */
export interface Journal {
  /** Before it is made. */
  plan(...items: readonly JournalItem[]): Promise<JournalEntry[]>;
  /** It has been made. */
  done(...entries: readonly Pick<JournalEntry, "id">[]): Promise<void>;
  /** It has been removed, or is not Berth's business any more. */
  forget(...entries: readonly Pick<JournalEntry, "id">[]): Promise<void>;
  /** In the order in which they were planned. */
  entries(): Promise<JournalEntry[]>;
}

/**
 * Projects, workspaces, locks, journals and history of one state directory. Every call is atomic and safe beside other
 * processes of the same user. Nothing in it is a secret: configurations hold references to secrets, and callers put
 * none into messages, items or data.
 */
export interface Registry extends AsyncDisposable {
  readonly stateDirectory: string;
  /** Identity of the state directory. */
  readonly ownerId: string;
  /** The log of everything that happens. */
  readonly events: EventSink;

  /** The project of a repository, made known when it is not. One that was moved keeps its id, workspaces and trust. */
  ensureProject(found: FoundProject): Promise<EnsuredProject>;
  /** Whether a common directory is that of a project, which may have been moved there. */
  isKnownProject(gitDir: string): Promise<boolean>;
  project(id: string): Promise<StoredProject | undefined>;
  /** By name. */
  projects(): Promise<StoredProject[]>;
  setTrusted(id: string, trusted: boolean): Promise<StoredProject>;

  /** "w" and ten letters and digits. */
  newWorkspaceId(): string;
  /**
   * Takes the name for a workspace.
   * @throws workspace.name_taken
   */
  reserve(reservation: Reservation, operation: Operation): Promise<Workspace>;
  /** @throws workspace.unknown, workspace.name_taken */
  update(id: string, patch: WorkspacePatch): Promise<Workspace>;
  get(id: string): Promise<Workspace | undefined>;
  /**
   * By name in the project, PROJECT/NAME, name that only one project has, or id, in this order.
   * @throws workspace.unknown, workspace.ambiguous
   */
  find(selector: string, options?: { readonly projectId?: string | undefined }): Promise<Workspace>;
  /** By project and name. */
  list(options?: { readonly projectId?: string | undefined }): Promise<Workspace[]>;
  /** Forgets the workspace; its history stays, and so does what its journal still holds. */
  remove(id: string): Promise<void>;

  /**
   * Begins to work on a workspace.
   * @throws workspace.busy, operation.aborted
   */
  operation(workspaceId: string, kind: OperationKind, options?: LockOptions): Promise<Operation>;
  /**
   * A lock of any name, such as one for a project's base repository in a place.
   * @throws workspace.busy, operation.aborted
   */
  lock(name: string, options?: LockOptions): Promise<AsyncDisposable>;
  /** Resolves to true as soon as nobody works on the workspace, to false when that takes longer than `timeoutMs`. */
  whenFree(
    workspaceId: string,
    options?: { readonly signal?: AbortSignal | undefined; readonly timeoutMs?: number | undefined },
  ): Promise<boolean>;

  journal(workspaceId: string): Journal;
  /** Ids whose journal is not empty, workspaces that are gone included. */
  journaled(): Promise<string[]>;

  /** Into the log, as something that happened to the workspace; it is on the disk when this returns. */
  record(
    workspaceId: string,
    event: {
      readonly type: string;
      readonly message: string;
      readonly data?: Readonly<Record<string, unknown>> | undefined;
    },
  ): Promise<void>;
  /** Records of the types "workspace.*", oldest first, the newest 10,000 at most; also of a workspace that is gone. */
  history(workspaceId: string): Promise<WorkspaceEvent[]>;

  /** Removes what killed processes left: lock files that nobody needs. */
  sweep(): Promise<void>;
}
