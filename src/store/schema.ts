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
  token: TokenTable;
  session: SessionTable;
  preview: PreviewTable;
  answer: AnswerTable;
  process: ProcessTable;
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

/** Tokens of the runner by name; the tokens themselves are nowhere. */
export interface TokenTable {
  id: string;
  name: string;
  /** SHA-256 of the token, in hex. */
  hash: string;
  scope: string;
  /** JSON: ids of the workspaces that it is limited to; null: all. */
  workspaces: string | null;
  created_at: string;
  expires_at: string | null;
  /** Coarse: at most one write a minute. */
  last_used_at: string | null;
}

/** Browsers that are signed in; what they sign in with is nowhere. */
export interface SessionTable {
  /** "ses_", and the letters of the key that tell which it is. */
  id: string;
  /** SHA-256 of the key, in hex. */
  key_hash: string;
  /** SHA-256 of the cookie, in hex. */
  cookie_hash: string;
  /** The letters of its token that tell which it is: the local one has others when it is made anew. */
  token_letters: string;
  user_agent: string | null;
  created_at: string;
  /** Coarse: at most one write a minute. */
  last_used_at: string;
  /** Moves on with its use, up to `ends_at`. */
  expires_at: string;
  ends_at: string;
}

/** Ports of workspaces that have an address of their own, `<port>-<label>`. A label is of one workspace. */
export interface PreviewTable {
  label: string;
  port: number;
  workspace_id: string;
  /** What the application gets as Host; null: localhost with its port. */
  host_header: string | null;
  created_at: string;
}

/** Answers to calls that had an Idempotency-Key, for a day. */
export interface AnswerTable {
  /** SHA-256 of token, operation and key, in hex. */
  key: string;
  /** SHA-256 of the request, in hex. */
  fingerprint: string;
  /** null: it was not answered to its end. */
  status: number | null;
  /** JSON. */
  body: string | null;
  created_at: string;
}

/** Of workspaces that are gone, too: no foreign key. */
export interface ProcessTable {
  id: string;
  workspace_id: string;
  seen_at: string;
}
