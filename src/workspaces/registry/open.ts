import type { Workspace } from "../../contract/workspace.ts";
import type { EventSink } from "../../events/event-log.ts";
import { lazyEventLog } from "../../events/lazy.ts";
import { ownerId } from "../../runtimes/owner-id.ts";
import { databasePath } from "../../store/engine.ts";
import { openStore, type Store } from "../../store/open.ts";
import { History } from "./history.ts";
import { journaledIds, WorkspaceJournal } from "./journal.ts";
import { Operations } from "./operations.ts";
import { Projects } from "./projects.ts";
import type {
  FoundProject,
  Journal,
  LockOptions,
  Operation,
  OperationKind,
  Registry,
  Reservation,
  WorkspacePatch,
} from "./registry.ts";
import { newWorkspaceId, WorkspaceRows } from "./workspaces.ts";

export interface OpenRegistryOptions {
  /** A `postgres://` URL. Default: the file `berth.db` in the state directory. */
  readonly database?: string | undefined;
  /** How long other programs may hold the database. Default 10,000. */
  readonly busyTimeoutMs?: number | undefined;
  /** Where events are kept. Default: the log of the state directory, which is closed with the registry. */
  readonly events?: EventSink | undefined;
}

/**
 * Opens the registry of a state directory, made if it is missing.
 * @throws store.newer, store.damaged, store.busy, store.unreachable, provision.no_directory, provision.no_space, errors
 * of files
 */
export async function openRegistry(
  stateDirectory: string,
  options: OpenRegistryOptions = {},
): Promise<Registry> {
  const owner = await ownerId(stateDirectory);
  const { database = databasePath(stateDirectory), busyTimeoutMs } = options;
  const store = await openStore(database, { busyTimeoutMs });
  await using stack = new AsyncDisposableStack();
  stack.use(store);
  const events =
    options.events ?? stack.use(lazyEventLog({ stateDirectory, database: options.database, busyTimeoutMs }));
  const operations = await Operations.open(store, stateDirectory);
  return new StoredRegistry(stateDirectory, owner, { store, events, operations, stack: stack.move() });
}

interface Parts {
  readonly store: Store;
  readonly events: EventSink;
  readonly operations: Operations;
  /** What is closed with the registry. */
  readonly stack: AsyncDisposableStack;
}

class StoredRegistry implements Registry {
  readonly stateDirectory: string;
  readonly ownerId: string;
  readonly #store: Store;
  readonly #projects: Projects;
  readonly #operations: Operations;
  readonly #workspaces: WorkspaceRows;
  readonly #history: History;
  readonly events: EventSink;
  readonly #stack: AsyncDisposableStack;

  constructor(stateDirectory: string, owner: string, { store, events, operations, stack }: Parts) {
    this.stateDirectory = stateDirectory;
    this.ownerId = owner;
    this.#store = store;
    this.events = events;
    this.#stack = stack;
    this.#operations = operations;
    this.#projects = new Projects(store, owner);
    this.#workspaces = new WorkspaceRows(store, operations);
    this.#history = new History(events);
  }

  ensureProject = (found: FoundProject) => this.#projects.ensure(found);
  isKnownProject = (gitDir: string) => this.#projects.isKnown(gitDir);
  project = (id: string) => this.#projects.get(id);
  projects = () => this.#projects.list();
  setTrusted = (id: string, trusted: boolean) => this.#projects.setTrusted(id, trusted);

  newWorkspaceId = () => newWorkspaceId();
  reserve = (reservation: Reservation, operation: Operation) =>
    this.#workspaces.reserve(reservation, operation);
  update = (id: string, patch: WorkspacePatch) => this.#workspaces.update(id, patch);
  get = async (id: string): Promise<Workspace | undefined> => (await this.#workspaces.list({ id }))[0];
  find: Registry["find"] = (selector, options = {}) => this.#workspaces.find(selector, options.projectId);
  list: Registry["list"] = (options = {}) => this.#workspaces.list({ projectId: options.projectId });
  remove = (id: string) => this.#workspaces.remove(id);

  operation = (workspaceId: string, kind: OperationKind, options: LockOptions = {}) =>
    this.#operations.begin(workspaceId, kind, options);
  lock = (name: string, options: LockOptions = {}) => this.#operations.lock(name, options);
  whenFree: Registry["whenFree"] = (workspaceId, options = {}) =>
    this.#operations.whenFree(workspaceId, options);

  journal = (workspaceId: string): Journal => new WorkspaceJournal(this.#store, workspaceId);
  journaled = () => journaledIds(this.#store);

  record: Registry["record"] = (workspaceId, event) => this.#history.record(workspaceId, event);
  history: Registry["history"] = (workspaceId) => this.#history.of(workspaceId);

  async sweep(): Promise<void> {
    await this.#operations.sweep();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
