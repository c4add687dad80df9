import type { Kysely } from "kysely";

/** Answers to calls that had an Idempotency-Key, so that a repeat is answered as the first was. */
export async function answers(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("answer")
    .addColumn("key", "text", (column) => column.primaryKey())
    .addColumn("fingerprint", "text", (column) => column.notNull())
    .addColumn("status", "integer")
    .addColumn("body", "text")
    .addColumn("created_at", "text", (column) => column.notNull())
    .execute();
}
