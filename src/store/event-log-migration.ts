import { createHash } from "node:crypto";
import type { Kysely } from "kysely";
import type { Engine } from "./migrations.ts";

/** Rows that are read and written at once. */
const BATCH = 500;

interface OldEvent {
  id: number;
  workspace_id: string;
  at: string;
  type: string;
  message: string;
  data: string | null;
}

interface Tables {
  event: OldEvent;
  event_log: {
    sequence: number;
    hash: Uint8Array;
    type: string;
    workspace: string | null;
    record: string;
  };
}

/**
 * The chained log (docs/events.md), with what the histories of workspaces held as its first records. Their times stay;
 * one that is earlier than that of the record before it stands in the data.
 */
export async function eventLog(db: Kysely<unknown>, engine: Engine): Promise<void> {
  const bytes = engine === "postgres" ? "bytea" : "blob";
  const number = engine === "postgres" ? "bigint" : "integer";
  await db.schema
    .createTable("event_log")
    .addColumn("sequence", number, (column) => column.primaryKey())
    .addColumn("hash", bytes, (column) => column.notNull())
    .addColumn("type", "text", (column) => column.notNull())
    .addColumn("workspace", "text")
    .addColumn("process_id", "text")
    .addColumn("source", "text")
    .addColumn("record", "text", (column) => column.notNull())
    .execute();
  const index = (name: string) => db.schema.createIndex(`event_log_${name}`).on("event_log");
  await index("type").columns(["type", "sequence"]).execute();
  await index("workspace").columns(["workspace", "sequence"]).where("workspace", "is not", null).execute();
  await index("process").columns(["process_id", "sequence"]).where("process_id", "is not", null).execute();
  await index("source").unique().column("source").where("source", "is not", null).execute();
  await db.schema
    .createTable("event_anchor")
    .addColumn("id", "integer", (column) => column.primaryKey())
    .addColumn("sequence", number, (column) => column.notNull())
    .addColumn("hash", bytes, (column) => column.notNull())
    .execute();
  await db.schema
    .createTable("event_head")
    .addColumn("sequence", number, (column) => column.primaryKey())
    .addColumn("hash", bytes, (column) => column.notNull())
    .addColumn("signed_at", "text", (column) => column.notNull())
    .addColumn("public_key", "text", (column) => column.notNull())
    .addColumn("signature", "text", (column) => column.notNull())
    .execute();
  await convert(db as Kysely<Tables>);
  await db.schema.dropTable("event").execute();
}

/** Written out here, as the form of these records never changes. */
async function convert(db: Kysely<Tables>): Promise<void> {
  let hash: Uint8Array = new Uint8Array(32);
  let sequence = 0;
  let time = "";
  for (let last = 0; ; ) {
    const rows = await db
      .selectFrom("event")
      .selectAll()
      .where("id", ">", last)
      .orderBy("id")
      .limit(BATCH)
      .execute();
    if (rows.length === 0) return;
    const values = rows.map((row) => {
      last = row.id;
      sequence += 1;
      const given = row.data === null ? undefined : (JSON.parse(row.data) as Record<string, unknown>);
      const late = row.at < time;
      time = late ? time : row.at;
      const record = JSON.stringify({
        sequence,
        time,
        type: row.type,
        workspace: row.workspace_id,
        message: row.message,
        data: late ? { ...given, happened_at: row.at } : given,
      });
      hash = createHash("sha256").update(hash).update(record).digest();
      return { sequence, hash, type: row.type, workspace: row.workspace_id, record };
    });
    await db.insertInto("event_log").values(values).execute();
  }
}
