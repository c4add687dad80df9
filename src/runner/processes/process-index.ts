import { sql } from "kysely";
import { berthError, isBerthError } from "../../contract/errors.ts";
import type { ProcessInfo } from "../../contract/process.ts";
import type { Workspace } from "../../contract/workspace.ts";
import { forEachParallel } from "../../files/parallel.ts";
import { databasePath } from "../../store/engine.ts";
import { openStore, type Store } from "../../store/open.ts";
import type {
  Caller,
  FoundProcess,
  ProcessIndex,
  RunnerContext,
  RunnerOptions,
  RuntimePool,
} from "../context.ts";
import { callConcerns } from "../http/cause.ts";

const DAY_MS = 24 * 3_600_000;
/** What was not seen for so long is forgotten; ids are found again by asking open places. */
const KEEP_MS = 30 * DAY_MS;
/** Ids in memory; older ones are in the database. */
const MAX_REMEMBERED = 20_000;
/** Ids that are written in one transaction. */
const GROUP_MS = 3;
/** Open places that are asked at a time for an id that nobody knows. */
const ASKED_AT_A_TIME = 16;
const ID = /^[0-9a-hjkmnp-tv-z]{12}$/;

export interface ProcessIndexOptions {
  readonly options: Pick<RunnerOptions, "stateDirectory" | "database">;
  readonly runtimes: RuntimePool;
  readonly workspace: RunnerContext["workspace"];
}

export interface OpenProcessIndex extends ProcessIndex, AsyncDisposable {}

/** @throws store.*, errors of files */
export async function openProcessIndex(given: ProcessIndexOptions): Promise<OpenProcessIndex> {
  const { stateDirectory, database } = given.options;
  const store = await openStore(database ?? databasePath(stateDirectory));
  try {
    // A loss of power, which is what a sync to the disk guards against, ends the processes as well.
    if (store.engine === "sqlite") await sql`pragma synchronous = normal`.execute(store.db);
    const before = new Date(Date.now() - KEEP_MS).toISOString();
    await store.db.deleteFrom("process").where("seen_at", "<", before).execute();
    return new Index(given, store);
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}

class Index implements OpenProcessIndex {
  readonly #runtimes: RuntimePool;
  readonly #workspace: RunnerContext["workspace"];
  readonly #store: Store;
  /** Of each id its workspace and the day on which that was written, the newest last. */
  readonly #known = new Map<string, { readonly workspaceId: string; readonly day: number }>();
  #unsaved = new Map<string, string>();
  #saving: Promise<void> | undefined;

  constructor({ runtimes, workspace }: ProcessIndexOptions, store: Store) {
    this.#runtimes = runtimes;
    this.#workspace = workspace;
    this.#store = store;
  }

  async add(workspaceId: string, ...processes: readonly Pick<ProcessInfo, "id">[]): Promise<void> {
    const day = Math.floor(Date.now() / DAY_MS);
    for (const { id } of processes) {
      if (this.#known.get(id)?.day === day) continue;
      this.#remember(id, workspaceId, day);
      this.#unsaved.set(id, workspaceId);
    }
    if (this.#unsaved.size > 0) this.#saving ??= this.#saveSoon();
    await this.#saving;
  }

  #remember(id: string, workspaceId: string, day: number): void {
    this.#known.delete(id);
    this.#known.set(id, { workspaceId, day });
    if (this.#known.size <= MAX_REMEMBERED) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }

  async #saveSoon(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, GROUP_MS));
    this.#saving = undefined;
    const ids = [...this.#unsaved];
    this.#unsaved = new Map();
    const seenAt = new Date().toISOString();
    const rows = ids.map(([id, workspaceId]) => ({ id, workspace_id: workspaceId, seen_at: seenAt }));
    await this.#store.db.transaction().execute(async (transaction) => {
      for (let at = 0; at < rows.length; at += 500) {
        await transaction
          .insertInto("process")
          .values(rows.slice(at, at + 500))
          .onConflict((conflict) => conflict.column("id").doUpdateSet({ seen_at: seenAt }))
          .execute();
      }
    });
  }

  async workspaces(): Promise<ReadonlySet<string>> {
    const rows = await this.#store.db.selectFrom("process").select("workspace_id").distinct().execute();
    return new Set(rows.map((row) => row.workspace_id));
  }

  async find(id: string, caller: Caller, signal?: AbortSignal): Promise<FoundProcess> {
    if (!ID.test(id)) throw unknown(id);
    const workspaceId = this.#known.get(id)?.workspaceId ?? (await this.#saved(id));
    if (workspaceId === undefined) return await this.#ask(id, caller, signal);
    if (caller.workspaces !== undefined && !caller.workspaces.has(workspaceId)) throw unknown(id);
    callConcerns({ workspace: workspaceId, processId: id });
    try {
      const found = await this.#findIn(workspaceId, id, caller, signal);
      void this.add(workspaceId, found.info).catch(() => undefined);
      return found;
    } catch (error) {
      // It was there, so it is not unknown.
      if (isBerthError(error, "process.unknown"))
        throw berthError("process.reaped", { hop: "runner", context: { id } });
      if (isBerthError(error, "workspace.unknown")) throw unknown(id);
      throw error;
    }
  }

  async #saved(id: string): Promise<string | undefined> {
    const row = await this.#store.db
      .selectFrom("process")
      .select(["workspace_id", "seen_at"])
      .where("id", "=", id)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    this.#remember(id, row.workspace_id, Math.floor(Date.parse(row.seen_at) / DAY_MS));
    return row.workspace_id;
  }

  async #findIn(
    workspaceId: string,
    id: string,
    caller: Caller,
    signal: AbortSignal | undefined,
  ): Promise<FoundProcess> {
    const workspace = await this.#workspace(workspaceId, caller);
    const lease = await this.#runtimes.lease(workspace, signal);
    try {
      const process = await lease.runtime.process(id, signal === undefined ? {} : { signal });
      // Names are of workspaces; here only ids are meant.
      if (process.id !== id) throw unknown(id);
      return found(workspace, process, lease);
    } catch (error) {
      lease[Symbol.dispose]();
      throw error;
    }
  }

  /** Started by the command, or by another program: the places that are open know. */
  async #ask(id: string, caller: Caller, signal: AbortSignal | undefined): Promise<FoundProcess> {
    const open = this.#runtimes
      .health()
      .filter(({ state, workspace }) => state === "connected" && (caller.workspaces?.has(workspace) ?? true));
    let first: FoundProcess | undefined;
    let reaped: unknown;
    await forEachParallel(open, ASKED_AT_A_TIME, async ({ workspace }) => {
      if (first !== undefined) return;
      try {
        const found = await this.#findIn(workspace, id, caller, signal);
        if (first === undefined) first = found;
        else found[Symbol.dispose]();
      } catch (error) {
        // What can't answer now does not know it either.
        if (isBerthError(error, "process.reaped")) reaped = error;
        else signal?.throwIfAborted();
      }
    });
    if (first === undefined) {
      // Which of the places was asked last says nothing.
      callConcerns({ workspace: undefined });
      throw reaped ?? unknown(id);
    }
    callConcerns({ workspace: first.workspace.id, processId: id });
    void this.add(first.workspace.id, first.info).catch(() => undefined);
    return first;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#saving?.catch(() => undefined);
    await this.#store[Symbol.asyncDispose]();
  }
}

function found(workspace: Workspace, process: FoundProcess["process"], lease: Disposable): FoundProcess {
  return { workspace, process, info: process.found, [Symbol.dispose]: () => lease[Symbol.dispose]() };
}

function unknown(id: string): Error {
  return berthError("process.unknown", { hop: "runner", context: { id } });
}
