import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type BerthError, berthError } from "../../contract/errors.ts";
import type { WorkspaceOperation } from "../../contract/workspace.ts";
import { privateDirectory } from "../../runtimes/state-directory.ts";
import { type FileLock, isLocked, lockIsFree, takeLock } from "../../store/file-lock.ts";
import type { Store } from "../../store/open.ts";
import type { LockOptions, Operation, OperationKind } from "./registry.ts";
import { operationOf, timestamp } from "./rows.ts";

/** How long `whenFree` waits unless told otherwise: the longest that a set-up may take. */
const DEFAULT_FREE_TIMEOUT_MS = 3_600_000;

/**
 * Who works on what: a lock's file each, which says whether somebody does, and a row, which says who. Locks are of this
 * machine, whatever the database is.
 */
export class Operations {
  readonly #store: Store;
  readonly #directory: string;

  private constructor(store: Store, directory: string) {
    this.#store = store;
    this.#directory = directory;
  }

  static async open(store: Store, stateDirectory: string): Promise<Operations> {
    return new Operations(store, await privateDirectory(join(stateDirectory, "locks")));
  }

  async begin(workspaceId: string, kind: OperationKind, options: LockOptions): Promise<Operation> {
    const lock = await this.#take(this.#workspaceLock(workspaceId), options, () => this.current(workspaceId));
    if (lock === undefined) throw await this.#busy(workspaceId);
    try {
      const row = { kind, pid: process.pid, started_at: timestamp() };
      const dead = await this.#row(workspaceId);
      await this.#store.db
        .insertInto("operation")
        .values({ workspace_id: workspaceId, ...row })
        .onConflict((conflict) => conflict.column("workspace_id").doUpdateSet(row))
        .execute();
      return {
        workspaceId,
        kind,
        startedAt: row.started_at,
        interrupted: dead && { kind: dead.kind as OperationKind, startedAt: dead.started_at },
        [Symbol.asyncDispose]: () => this.#finish(workspaceId, lock),
      };
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** A lock whose holders leave no trace. */
  async lock(name: string, options: LockOptions): Promise<AsyncDisposable> {
    const file = `named-${createHash("sha256").update(name).digest("hex").slice(0, 32)}.lock`;
    const lock = await this.#take(join(this.#directory, file), options, async () => undefined);
    if (lock === undefined) {
      throw berthError("workspace.busy", {
        message: `another Berth is working on ${name} now`,
        context: { name },
      });
    }
    return { [Symbol.asyncDispose]: async () => lock.release({ remove: true }) };
  }

  async whenFree(
    workspaceId: string,
    options: { signal?: AbortSignal | undefined; timeoutMs?: number | undefined },
  ) {
    const { signal, timeoutMs = DEFAULT_FREE_TIMEOUT_MS } = options;
    return await lockIsFree(this.#workspaceLock(workspaceId), { signal, timeoutMs });
  }

  /** The operation on a workspace: one that works, or one that died. */
  async current(workspaceId: string): Promise<WorkspaceOperation | undefined> {
    const row = await this.#row(workspaceId);
    return row && operationOf(row, this.isAlive(workspaceId));
  }

  /** All of them, by workspace. */
  async all(): Promise<Map<string, WorkspaceOperation>> {
    const rows = await this.#store.db.selectFrom("operation").selectAll().execute();
    return new Map(
      rows.map((row) => [row.workspace_id, operationOf(row, this.isAlive(row.workspace_id))] as const),
    );
  }

  isAlive(workspaceId: string): boolean {
    return isLocked(this.#workspaceLock(workspaceId));
  }

  /** Removes the locks that nobody holds and whose workspace is gone, with the rows of who died holding them. */
  async sweep(): Promise<void> {
    for (const file of await readdir(this.#directory)) {
      const name = /^(.+)\.lock$/.exec(file)?.[1];
      if (name === undefined || (await this.#isOfWorkspace(name))) continue;
      const lock = await takeLock(join(this.#directory, file));
      if (lock !== undefined) await this.#finish(name, lock);
    }
  }

  /** Releases a workspace's lock after its row; the file goes too unless there is such a workspace. */
  async #finish(workspaceId: string, lock: FileLock): Promise<void> {
    // Disposed before: the row is that of the next one.
    if (!lock.isHeld) return;
    let gone = false;
    try {
      const { db } = this.#store;
      await db.deleteFrom("operation").where("workspace_id", "=", workspaceId).execute();
      gone = !(await this.#isOfWorkspace(workspaceId));
    } finally {
      lock.release({ remove: gone });
    }
  }

  #workspaceLock(workspaceId: string): string {
    return join(this.#directory, `${workspaceId}.lock`);
  }

  async #take(
    path: string,
    { signal, waitMs, onWait }: LockOptions,
    holder: () => Promise<WorkspaceOperation | undefined>,
  ): Promise<FileLock | undefined> {
    const tell = onWait && (() => void holder().then(onWait, () => onWait(undefined)));
    return await takeLock(path, { signal, waitMs, onWait: tell });
  }

  async #isOfWorkspace(id: string): Promise<boolean> {
    const row = await this.#store.db
      .selectFrom("workspace")
      .select("id")
      .where("id", "=", id)
      .executeTakeFirst();
    return row !== undefined;
  }

  async #row(workspaceId: string) {
    return await this.#store.db
      .selectFrom("operation")
      .selectAll()
      .where("workspace_id", "=", workspaceId)
      .executeTakeFirst();
  }

  async #busy(workspaceId: string): Promise<BerthError> {
    const { db } = this.#store;
    const holder = await this.#row(workspaceId);
    const workspace = await db
      .selectFrom("workspace")
      .select("name")
      .where("id", "=", workspaceId)
      .executeTakeFirst();
    const name = workspace?.name ?? workspaceId;
    return holder === undefined
      ? berthError("workspace.busy", {
          message: `another Berth is working on ${name} now`,
          context: { name },
        })
      : berthError("workspace.busy", { context: { name, pid: holder.pid, operation: holder.kind } });
  }
}
