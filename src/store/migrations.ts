import type { CreateTableBuilder, Kysely } from "kysely";
import { answers } from "./answer-migration.ts";
import { eventLog } from "./event-log-migration.ts";
import { processes } from "./process-migration.ts";
import { sessions } from "./session-migration.ts";

export type Engine = "sqlite" | "postgres";

/** One step of the schema. What has been released never changes. */
export type Migration = (db: Kysely<unknown>, engine: Engine) => Promise<void>;

/** In order; the version of a schema is the number of migrations that it has had. */
export const MIGRATIONS: readonly Migration[] = [workspaces, access, eventLog, answers, processes, sessions];

/** A key that grows; the engines spell it differently. */
function growingId<T extends string>(table: CreateTableBuilder<T>, engine: Engine) {
  return engine === "postgres"
    ? table.addColumn("id", "serial", (column) => column.primaryKey())
    : table.addColumn("id", "integer", (column) => column.primaryKey().autoIncrement());
}

async function workspaces(db: Kysely<unknown>, engine: Engine): Promise<void> {
  await db.schema
    .createTable("project")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("git_dir", "text", (column) => column.notNull().unique())
    .addColumn("path", "text", (column) => column.notNull())
    .addColumn("identity", "text")
    .addColumn("trusted", "integer", (column) => column.notNull())
    .addColumn("created_at", "text", (column) => column.notNull())
    .execute();
  await db.schema
    .createTable("workspace")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("project_id", "text", (column) => column.notNull().references("project.id"))
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("name_key", "text", (column) => column.notNull())
    .addColumn("branch", "text", (column) => column.notNull())
    .addColumn("start_commit", "text")
    .addColumn("state", "text", (column) => column.notNull())
    .addColumn("runtime", "text", (column) => column.notNull())
    .addColumn("place", "text")
    .addColumn("owns_checkout", "integer", (column) => column.notNull())
    .addColumn("owns_branch", "integer", (column) => column.notNull())
    .addColumn("init", "text")
    .addColumn("forked_from", "text")
    .addColumn("created_at", "text", (column) => column.notNull())
    .addColumn("updated_at", "text", (column) => column.notNull())
    .addUniqueConstraint("workspace_name", ["project_id", "name_key"])
    .execute();
  await db.schema
    .createTable("operation")
    .addColumn("workspace_id", "text", (column) => column.primaryKey())
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("pid", "integer", (column) => column.notNull())
    .addColumn("started_at", "text", (column) => column.notNull())
    .execute();
  await growingId(db.schema.createTable("journal"), engine)
    .addColumn("workspace_id", "text", (column) => column.notNull())
    .addColumn("state", "text", (column) => column.notNull())
    .addColumn("item", "text", (column) => column.notNull())
    .addColumn("at", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("journal_workspace").on("journal").columns(["workspace_id", "id"]).execute();
  await growingId(db.schema.createTable("event"), engine)
    .addColumn("workspace_id", "text", (column) => column.notNull())
    .addColumn("at", "text", (column) => column.notNull())
    .addColumn("type", "text", (column) => column.notNull())
    .addColumn("message", "text", (column) => column.notNull())
    .addColumn("data", "text")
    .execute();
  await db.schema.createIndex("event_workspace").on("event").columns(["workspace_id", "id"]).execute();
}

async function access(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("token")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("name", "text", (column) => column.notNull().unique())
    .addColumn("hash", "text", (column) => column.notNull())
    .addColumn("scope", "text", (column) => column.notNull())
    .addColumn("workspaces", "text")
    .addColumn("created_at", "text", (column) => column.notNull())
    .addColumn("expires_at", "text")
    .addColumn("last_used_at", "text")
    .execute();
  await db.schema
    .createTable("preview")
    .addColumn("label", "text", (column) => column.notNull())
    .addColumn("port", "integer", (column) => column.notNull())
    .addColumn("workspace_id", "text", (column) => column.notNull())
    .addColumn("host_header", "text")
    .addColumn("created_at", "text", (column) => column.notNull())
    .addPrimaryKeyConstraint("preview_host", ["label", "port"])
    .execute();
}
