import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { draftOf, hashOf, recordOf, ZERO_HASH } from "../../src/events/record.ts";

/** Types as they come in a day's work, the frequent ones more often. */
const TYPES = [
  "process.started",
  "process.exited",
  "process.started",
  "process.exited",
  "fs.written",
  "place.connected",
  "runtime.selected",
  "workspace.status",
];

/**
 * Fills the log of a state directory with a valid chain of so many events about its workspaces, past the log itself: it
 * takes seconds instead of minutes. Nothing else may have the database open.
 */
export function fillEvents(stateDirectory: string, events: number): void {
  using database = open(stateDirectory);
  const workspaces = database.prepare("select id from workspace order by id").all() as { id: string }[];
  const last = database
    .prepare("select sequence, hash from event_log order by sequence desc limit 1")
    .get() as { sequence: number; hash: Uint8Array } | undefined;
  let sequence = last?.sequence ?? 0;
  let hash = last?.hash ?? ZERO_HASH;
  const insert = database.prepare(
    "insert into event_log (sequence, hash, type, workspace, process_id, source, record) values (?, ?, ?, ?, ?, ?, ?)",
  );
  const startMs = Date.now() - events;
  database.exec("begin");
  for (let at = 0; at < events; at += 1) {
    sequence += 1;
    const type = TYPES[at % TYPES.length] ?? "process.started";
    const time = new Date(startMs + at).toISOString();
    const draft = draftOf(
      {
        type,
        message: `event ${at} of the bench, in some words as they are usual`,
        workspace: workspaces[at % Math.max(1, workspaces.length)]?.id,
        processId: type.startsWith("process.")
          ? `prc_${(at >> 1).toString(36).padStart(12, "0")}`
          : undefined,
        cause: `req_${(at >> 2).toString(16).padStart(20, "0")}`,
        actor: "token:local",
        data: { exitCode: 0, durationMs: at % 1000, type: "worktree" },
      },
      time,
    );
    const record = recordOf(draft, sequence, time);
    hash = hashOf(hash, record);
    insert.run(sequence, hash, draft.type, draft.workspace, draft.processId, null, record);
  }
  database.exec("commit");
}

/** Copies of a workspace in the registry, with names of their own; their checkouts do not exist. */
export function copyWorkspaces(stateDirectory: string, from: string, copies: number): void {
  using database = open(stateDirectory);
  const row = database.prepare("select * from workspace where id = ?").get(from) as Record<
    string,
    string | null
  >;
  const columns = Object.keys(row);
  const insert = database.prepare(
    `insert into workspace (${columns.join(", ")}) values (${columns.map(() => "?").join(", ")})`,
  );
  database.exec("begin");
  for (let at = 0; at < copies; at += 1) {
    const number = String(at).padStart(5, "0");
    const name = `copy-${number}`;
    const id = `${from.slice(0, -number.length)}${number}`;
    const values: Record<string, string | null> = {
      ...row,
      id,
      name,
      name_key: name,
      branch: `berth/${name}`,
    };
    insert.run(...columns.map((column) => values[column] ?? null));
  }
  database.exec("commit");
}

function open(stateDirectory: string): DatabaseSync {
  const database = new DatabaseSync(join(stateDirectory, "berth.db"));
  // What is made here can be made again.
  database.exec("pragma synchronous = off");
  return database;
}
