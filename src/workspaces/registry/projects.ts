import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import type { Kysely } from "kysely";
import { berthError } from "../../contract/errors.ts";
import { isUniqueViolation, type Store } from "../../store/open.ts";
import type { Schema } from "../../store/schema.ts";
import type { EnsuredProject, FoundProject, StoredProject } from "./registry.ts";
import { projectOf, timestamp, toInteger } from "./rows.ts";

/** Digits of a project's id. */
const ID_LENGTH = 12;

/** The repositories of this machine that Berth knows, by their common directories. */
export class Projects {
  readonly #store: Store;
  readonly #ownerId: string;

  constructor(store: Store, ownerId: string) {
    this.#store = store;
    this.#ownerId = ownerId;
  }

  async ensure(found: FoundProject): Promise<EnsuredProject> {
    const identity = await identityOf(found.gitDir);
    const known = await this.#at(found.gitDir);
    if (known !== undefined) return await this.#refresh(known.id, found, identity);
    const moved = await this.#movedHere(identity);
    if (moved !== undefined)
      return { ...(await this.#refresh(moved.id, found, identity)), movedFrom: moved.git_dir };
    try {
      return await this.#insert(found, identity);
    } catch (error) {
      const other = isUniqueViolation(error) ? await this.#at(found.gitDir) : undefined;
      if (other === undefined) throw error;
      return projectOf(other);
    }
  }

  async isKnown(gitDir: string): Promise<boolean> {
    const known = (await this.#at(gitDir)) ?? (await this.#movedHere(await identityOf(gitDir)));
    return known !== undefined;
  }

  async get(id: string): Promise<StoredProject | undefined> {
    const row = await this.#store.db
      .selectFrom("project")
      .selectAll()
      .where("id", "=", id)
      .executeTakeFirst();
    return row && projectOf(row);
  }

  async list(): Promise<StoredProject[]> {
    const rows = await this.#store.db
      .selectFrom("project")
      .selectAll()
      .orderBy("name")
      .orderBy("git_dir")
      .execute();
    return rows.map(projectOf);
  }

  async setTrusted(id: string, trusted: boolean): Promise<StoredProject> {
    const row = await this.#store.db
      .updateTable("project")
      .set({ trusted: toInteger(trusted) })
      .where("id", "=", id)
      .returningAll()
      .executeTakeFirst();
    if (row === undefined)
      throw berthError("internal", { message: `there is no project ${id}`, context: { id } });
    return projectOf(row);
  }

  async #at(gitDir: string) {
    return await this.#store.db
      .selectFrom("project")
      .selectAll()
      .where("git_dir", "=", gitDir)
      .executeTakeFirst();
  }

  /** Writes only what differs: this runs at the start of every command. */
  async #refresh(id: string, found: FoundProject, identity: string | null): Promise<StoredProject> {
    const { db } = this.#store;
    const row = await db.selectFrom("project").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
    const now = { git_dir: found.gitDir, path: found.path, identity };
    if (row.git_dir === now.git_dir && row.path === now.path && row.identity === identity)
      return projectOf(row);
    await db.updateTable("project").set(now).where("id", "=", id).execute();
    return projectOf({ ...row, ...now });
  }

  /**
   * The project whose common directory this is, when it is not where it was: moved with `mv`, then, and not copied or
   * mounted twice.
   */
  async #movedHere(identity: string | null) {
    if (identity === null) return undefined;
    const rows = await this.#store.db
      .selectFrom("project")
      .selectAll()
      .where("identity", "=", identity)
      .execute();
    for (const row of rows) {
      if ((await identityOf(row.git_dir)) !== identity) return row;
    }
    return undefined;
  }

  async #insert(found: FoundProject, identity: string | null): Promise<StoredProject> {
    return await this.#store.db.transaction().execute(async (transaction) => {
      const row = {
        id: await this.#freeId(transaction, found.gitDir),
        name: found.name,
        git_dir: found.gitDir,
        path: found.path,
        identity,
        trusted: 0,
        created_at: timestamp(),
      };
      await transaction.insertInto("project").values(row).execute();
      return projectOf(row);
    });
  }

  /** Of the state directory and the common directory; another one where a project that has moved away has that. */
  async #freeId(transaction: Kysely<Schema>, gitDir: string): Promise<string> {
    for (let salt = ""; ; salt += "\0") {
      const id = createHash("sha256")
        .update(`${this.#ownerId}\0${gitDir}${salt}`)
        .digest("hex")
        .slice(0, ID_LENGTH);
      const taken = await transaction
        .selectFrom("project")
        .select("id")
        .where("id", "=", id)
        .executeTakeFirst();
      if (taken === undefined) return id;
    }
  }
}

/**
 * Tells a directory from every other one that was or will be anywhere: its inode with the time at which it was made, as
 * numbers of inodes are used again; null where the file system keeps no such time, or the directory is gone.
 */
async function identityOf(directory: string): Promise<string | null> {
  const found = await stat(directory, { bigint: true }).catch(() => undefined);
  if (found === undefined || found.birthtimeNs === 0n) return null;
  return `${found.dev}:${found.ino}:${found.birthtimeNs}`;
}
