import type { WorkspaceEvent } from "../../contract/workspace.ts";
import type { Store } from "../../store/open.ts";
import { timestamp, toJson } from "./rows.ts";

/** Events that are kept of one workspace; an agent that works on it for a year makes fewer. */
const MAX_EVENTS = 10_000;
/** How long the history of a workspace that is gone can be read. */
const GONE_HISTORY_MS = 90 * 24 * 3_600_000;

/** What happened to workspaces. It is kept as it is given: who records puts no secrets into it. */
export class History {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async record(
    workspaceId: string,
    event: Pick<WorkspaceEvent, "type" | "message" | "data">,
    maxEvents = MAX_EVENTS,
  ): Promise<void> {
    const row = { type: event.type, message: event.message, data: toJson(event.data) };
    await this.#store.db.transaction().execute(async (transaction) => {
      await transaction
        .insertInto("event")
        .values({ workspace_id: workspaceId, at: timestamp(), ...row })
        .execute();
      await transaction
        .deleteFrom("event")
        .where("workspace_id", "=", workspaceId)
        .where("id", "<=", (query) =>
          query
            .selectFrom("event as newest")
            .select("newest.id")
            .where("newest.workspace_id", "=", workspaceId)
            .orderBy("newest.id", "desc")
            .limit(1)
            .offset(maxEvents),
        )
        .execute();
    });
  }

  async of(workspaceId: string): Promise<WorkspaceEvent[]> {
    const rows = await this.#store.db
      .selectFrom("event")
      .selectAll()
      .where("workspace_id", "=", workspaceId)
      .orderBy("id")
      .execute();
    return rows.map(({ at, type, message, data }) => ({
      at,
      workspaceId,
      type,
      message,
      ...(data === null ? {} : { data: JSON.parse(data) as Record<string, unknown> }),
    }));
  }

  /** Forgets workspaces that have been gone for long. */
  async prune(nowMs = Date.now()): Promise<void> {
    const limit = new Date(nowMs - GONE_HISTORY_MS).toISOString();
    await this.#store.db
      .deleteFrom("event")
      .where("workspace_id", "not in", (query) => query.selectFrom("workspace").select("workspace.id"))
      .where("workspace_id", "in", (query) =>
        query
          .selectFrom("event as last")
          .select("last.workspace_id")
          .groupBy("last.workspace_id")
          .having(({ fn }) => fn.max("last.at"), "<", limit),
      )
      .execute();
  }
}
