import type { Selectable } from "kysely";
import type {
  InitResult,
  StoredRuntimeConfig,
  Workspace,
  WorkspaceOperation,
  WorkspacePlace,
  WorkspaceState,
} from "../../contract/workspace.ts";
import type { OperationTable, ProjectTable, WorkspaceTable } from "../../store/schema.ts";
import type { OperationKind, StoredProject } from "./registry.ts";

export function projectOf(row: Selectable<ProjectTable>): StoredProject {
  return { id: row.id, name: row.name, path: row.path, trusted: row.trusted === 1, gitDir: row.git_dir };
}

export function operationOf(row: Selectable<OperationTable>, alive: boolean): WorkspaceOperation {
  return { kind: row.kind as OperationKind, startedAt: row.started_at, pid: row.pid, alive };
}

export function workspaceOf(
  row: Selectable<WorkspaceTable>,
  project: StoredProject,
  operation: WorkspaceOperation | undefined,
): Workspace {
  const { id, name, path, trusted } = project;
  return {
    id: row.id,
    name: row.name,
    project: { id, name, path, trusted },
    branch: row.branch,
    startCommit: row.start_commit,
    state: row.state as WorkspaceState,
    runtime: JSON.parse(row.runtime) as StoredRuntimeConfig,
    place: fromJson<WorkspacePlace>(row.place),
    ownsCheckout: row.owns_checkout === 1,
    ownsBranch: row.owns_branch === 1,
    init: fromJson<InitResult>(row.init),
    forkedFrom: row.forked_from ?? undefined,
    operation,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** A name as it is compared: file systems may ignore case. */
export function nameKey(name: string): string {
  return name.toLowerCase();
}

export function toJson(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

function fromJson<T>(text: string | null): T | undefined {
  return text === null ? undefined : (JSON.parse(text) as T);
}

/** SQLite has no booleans. */
export function toInteger(value: boolean): number {
  return value ? 1 : 0;
}

/** Now, as it is stored. */
export function timestamp(): string {
  return new Date().toISOString();
}
