import type { Store } from "../../store/open.ts";
import type { Journal, JournalEntry, JournalItem } from "./registry.ts";
import { timestamp } from "./rows.ts";

/** The journal of one workspace, in the registry's database; it is there also when the workspace is not. */
export class WorkspaceJournal implements Journal {
  readonly #store: Store;
  readonly #workspaceId: string;

  constructor(store: Store, workspaceId: string) {
    this.#store = store;
    this.#workspaceId = workspaceId;
  }

  async plan(...items: readonly JournalItem[]): Promise<JournalEntry[]> {
    const at = timestamp();
    const row = { workspace_id: this.#workspaceId, state: "planned", at };
    return await this.#store.db.transaction().execute(async (transaction) => {
      const entries: JournalEntry[] = [];
      for (const item of items) {
        const { id } = await transaction
          .insertInto("journal")
          .values({ ...row, item: JSON.stringify(item) })
          .returning("id")
          .executeTakeFirstOrThrow();
        entries.push({ id, at, state: "planned", item });
      }
      return entries;
    });
  }

  async done(...entries: readonly Pick<JournalEntry, "id">[]): Promise<void> {
    if (entries.length === 0) return;
    await this.#store.db
      .updateTable("journal")
      .set({ state: "done" })
      .where("workspace_id", "=", this.#workspaceId)
      .where("id", "in", idsOf(entries))
      .execute();
  }

  async forget(...entries: readonly Pick<JournalEntry, "id">[]): Promise<void> {
    if (entries.length === 0) return;
    await this.#store.db
      .deleteFrom("journal")
      .where("workspace_id", "=", this.#workspaceId)
      .where("id", "in", idsOf(entries))
      .execute();
  }

  async entries(): Promise<JournalEntry[]> {
    const rows = await this.#store.db
      .selectFrom("journal")
      .selectAll()
      .where("workspace_id", "=", this.#workspaceId)
      .orderBy("id")
      .execute();
    return rows.map(({ id, at, state, item }) => ({
      id,
      at,
      state: state === "done" ? "done" : "planned",
      item: JSON.parse(item) as JournalItem,
    }));
  }
}

function idsOf(entries: readonly Pick<JournalEntry, "id">[]): number[] {
  return entries.map(({ id }) => id);
}

/** Ids of the workspaces, those that are gone included, whose journal holds something. */
export async function journaledIds(store: Store): Promise<string[]> {
  const rows = await store.db
    .selectFrom("journal")
    .select("workspace_id")
    .distinct()
    .orderBy("workspace_id")
    .execute();
  return rows.map((row) => row.workspace_id);
}
