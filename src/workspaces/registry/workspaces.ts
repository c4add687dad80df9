import { randomInt } from "node:crypto";
import type { Kysely } from "kysely";
import { type BerthError, berthError } from "../../contract/errors.ts";
import type { Workspace } from "../../contract/workspace.ts";
import { nearest } from "../../runtimes/runtime-names.ts";
import { isUniqueViolation, type Store } from "../../store/open.ts";
import type { Schema, WorkspaceTable } from "../../store/schema.ts";
import type { Operations } from "./operations.ts";
import type { Operation, Reservation, WorkspacePatch } from "./registry.ts";
import { nameKey, projectOf, timestamp, toInteger, toJson, workspaceOf } from "./rows.ts";

const ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";

/** An id that no workspace had before: see WORKSPACE_ID. */
export function newWorkspaceId(): string {
  return `w${Array.from({ length: 10 }, () => ID_ALPHABET[randomInt(ID_ALPHABET.length)]).join("")}`;
}

export interface WorkspaceFilter {
  readonly projectId?: string | undefined;
  readonly id?: string | undefined;
  /** Those that it may mean, and perhaps some others. */
  readonly selector?: string | undefined;
}

/** The rows of workspaces. */
export class WorkspaceRows {
  readonly #store: Store;
  readonly #operations: Operations;

  constructor(store: Store, operations: Operations) {
    this.#store = store;
    this.#operations = operations;
  }

  async reserve(reservation: Reservation, operation: Operation): Promise<Workspace> {
    const { id, name, projectId } = reservation;
    if (operation.workspaceId !== id) throw new TypeError("the operation is one on another workspace");
    const at = timestamp();
    const row = {
      id,
      project_id: projectId,
      name,
      name_key: nameKey(name),
      branch: reservation.branch,
      start_commit: reservation.startCommit,
      state: reservation.state ?? "creating",
      runtime: JSON.stringify(reservation.runtime),
      place: toJson(reservation.place),
      owns_checkout: toInteger(reservation.ownsCheckout),
      owns_branch: toInteger(reservation.ownsBranch),
      init: null,
      forked_from: reservation.forkedFrom ?? null,
      created_at: at,
      updated_at: at,
    };
    await this.#namedOnce(name, async (transaction) => {
      await this.#requireFree(transaction, projectId, name, id);
      await transaction.insertInto("workspace").values(row).execute();
    });
    return await this.#required(id);
  }

  async update(id: string, patch: WorkspacePatch): Promise<Workspace> {
    const changes = { ...columnsOf(patch), updated_at: timestamp() };
    await this.#namedOnce(patch.name ?? id, async (transaction) => {
      const row = await transaction
        .selectFrom("workspace")
        .select("project_id")
        .where("id", "=", id)
        .executeTakeFirst();
      if (row === undefined) throw unknownWorkspace(id, []);
      if (patch.name !== undefined) await this.#requireFree(transaction, row.project_id, patch.name, id);
      await transaction.updateTable("workspace").set(changes).where("id", "=", id).execute();
    });
    return await this.#required(id);
  }

  /** By project and name. */
  async list(filter: WorkspaceFilter = {}): Promise<Workspace[]> {
    const { db } = this.#store;
    let query = db.selectFrom("workspace").selectAll();
    if (filter.projectId !== undefined) query = query.where("project_id", "=", filter.projectId);
    if (filter.id !== undefined) query = query.where("id", "=", filter.id);
    if (filter.selector !== undefined) {
      const { selector } = filter;
      const key = nameKey(selector);
      const names = [key, key.slice(key.lastIndexOf("/") + 1)];
      query = query.where(({ or, eb }) => or([eb("name_key", "in", names), eb("id", "=", selector)]));
    }
    const rows = await query.orderBy("name_key").execute();
    if (rows.length === 0) return [];
    const operations = await this.#operations.all();
    const projects = new Map(
      (await db.selectFrom("project").selectAll().execute()).map((row) => [row.id, projectOf(row)] as const),
    );
    return rows
      .flatMap((row) => {
        const project = projects.get(row.project_id);
        return project === undefined ? [] : [workspaceOf(row, project, operations.get(row.id))];
      })
      .sort((a, b) => compare(a.project.name, b.project.name) || compare(a.project.id, b.project.id));
  }

  async find(selector: string, projectId: string | undefined): Promise<Workspace> {
    const key = nameKey(selector);
    const likely = await this.list({ selector });
    const named = likely.filter(({ name }) => nameKey(name) === key);
    const here = named.find(({ project }) => project.id === projectId);
    if (here !== undefined) return here;
    const qualified = likely.filter((workspace) => nameKey(qualifiedName(workspace)) === key);
    const found = [qualified, named, likely.filter(({ id }) => id === selector)].find(
      ({ length }) => length > 0,
    );
    const [first, ...others] = found ?? [];
    if (first === undefined) throw unknownWorkspace(selector, await this.list());
    if (others.length > 0) throw ambiguous(selector, [first, ...others]);
    return first;
  }

  /** The workspace goes; its history, and what its journal holds, stay. */
  async remove(id: string): Promise<void> {
    await this.#store.db.deleteFrom("workspace").where("id", "=", id).execute();
  }

  async #required(id: string): Promise<Workspace> {
    const [workspace] = await this.list({ id });
    if (workspace === undefined) throw unknownWorkspace(id, []);
    return workspace;
  }

  /** @throws workspace.name_taken */
  async #namedOnce(name: string, work: (transaction: Kysely<Schema>) => Promise<void>): Promise<void> {
    try {
      await this.#store.db.transaction().execute(work);
    } catch (error) {
      // PostgreSQL lets two transactions look at once.
      throw isUniqueViolation(error) ? nameTaken(name, error) : error;
    }
  }

  async #requireFree(db: Kysely<Schema>, projectId: string, name: string, id: string): Promise<void> {
    const taken = await db
      .selectFrom("workspace")
      .select("name")
      .where("project_id", "=", projectId)
      .where("name_key", "=", nameKey(name))
      .where("id", "!=", id)
      .executeTakeFirst();
    if (taken !== undefined) throw nameTaken(taken.name);
  }
}

function columnsOf(patch: WorkspacePatch): Partial<WorkspaceTable> {
  return {
    ...(patch.name === undefined ? {} : { name: patch.name, name_key: nameKey(patch.name) }),
    ...(patch.branch === undefined ? {} : { branch: patch.branch }),
    ...(patch.startCommit === undefined ? {} : { start_commit: patch.startCommit }),
    ...(patch.state === undefined ? {} : { state: patch.state }),
    ...(patch.runtime === undefined ? {} : { runtime: JSON.stringify(patch.runtime) }),
    ...("place" in patch ? { place: toJson(patch.place) } : {}),
    ...(patch.ownsCheckout === undefined ? {} : { owns_checkout: toInteger(patch.ownsCheckout) }),
    ...(patch.ownsBranch === undefined ? {} : { owns_branch: toInteger(patch.ownsBranch) }),
    ...("init" in patch ? { init: toJson(patch.init) } : {}),
  };
}

function qualifiedName({ project, name }: Workspace): string {
  return `${project.name}/${name}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function nameTaken(name: string, cause?: unknown): BerthError {
  return berthError("workspace.name_taken", { context: { name }, cause });
}

function unknownWorkspace(selector: string, all: readonly Workspace[]): BerthError {
  const names = all.map(({ name }) => name);
  const near = nearest(selector, names) ?? nearest(selector, all.map(qualifiedName));
  return berthError("workspace.unknown", {
    ...(near === undefined ? {} : { hint: `Did you mean ${near}? \`berth workspace list\` shows all.` }),
    context: { name: selector, ...(near === undefined ? {} : { suggestion: near }) },
  });
}

function ambiguous(selector: string, candidates: readonly Workspace[]): BerthError {
  const names = candidates.map((workspace) => `${qualifiedName(workspace)} (${workspace.id})`);
  return berthError("workspace.ambiguous", {
    message: `${selector} may be ${names.join(" or ")}`,
    context: { name: selector, candidates: names },
  });
}
