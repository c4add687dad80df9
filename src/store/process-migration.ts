import type { Kysely } from "kysely";

/** Which workspace a process is in, so that a runner that was started again finds it. */
export async function processes(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("process")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("workspace_id", "text", (column) => column.notNull())
    .addColumn("seen_at", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("process_seen").on("process").column("seen_at").execute();
}
