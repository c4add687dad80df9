import type { Generated } from "kysely";

/**
 * The tables, as the newest migration leaves them. Both engines have the same: times are ISO 8601 in UTC, structures
 * JSON in text, booleans 0 and 1.
 */
export interface Schema {
  project: ProjectTable;
  workspace: WorkspaceTable;
  operation: OperationTable;
  journal: JournalTable;
  event: EventTable;
}

export interface ProjectTable {
  id: string;
  name: string;
  /** Absolute path of the common directory. */
  git_dir: string;
  path: string;
  /** Tells the directory from another one at the same path; null where the file system can't. */
  identity: string | null;
  trusted: number;
  created_at: string;
}

export interface WorkspaceTable {
  id: string;
  project_id: string;
  name: string;
  /** The name in lower case: unique in the project. */
  name_key: string;
  branch: string;
  start_commit: string | null;
  state: string;
  /** JSON. Of any type, also of one that this version does not know. */
  runtime: string;
  /** JSON. */
  place: string | null;
  owns_checkout: number;
  owns_branch: number;
  /** JSON. */
  init: string | null;
  forked_from: string | null;
  created_at: string;
  updated_at: string;
}

/** Who works on a workspace, or did when it died: the lock's file tells which. */
export interface OperationTable {
  workspace_id: string;
  kind: string;
  pid: number;
  started_at: string;
}

/** Of workspaces that are gone, too: no foreign key. */
export interface JournalTable {
  id: Generated<number>;
  workspace_id: string;
  state: string;
  /** JSON. */
  item: string;
  at: string;
}

/** Of workspaces that are gone, too: no foreign key. */
export interface EventTable {
  id: Generated<number>;
  workspace_id: string;
  at: string;
  type: string;
  message: string;
  /** JSON. */
  data: string | null;
}
