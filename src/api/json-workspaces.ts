import type * as z from "zod";
import { MASKED } from "../contract/mask.ts";
import type { CheckReport, CheckStep } from "../contract/runtime.ts";
import type {
  InitResult,
  Project,
  StoredRuntimeConfig,
  Workspace,
  WorkspaceChanges,
  WorkspaceProgress,
  WorkspaceStatus,
} from "../contract/workspace.ts";
import type { checkReport, checkStep, runtimeConfig } from "./common.ts";
import { contextToJson } from "./json-errors.ts";
import { exitFromJson, exitToJson } from "./json-processes.ts";
import type { operationProgress } from "./operations.ts";
import type { project } from "./runtimes.ts";
import type { initResult, workspace, workspaceChanges, workspaceStatus } from "./workspace-schemas.ts";

export type ProjectJson = z.infer<typeof project>;
export type WorkspaceJson = z.infer<typeof workspace>;
export type WorkspaceStatusJson = z.infer<typeof workspaceStatus>;
export type WorkspaceChangesJson = z.infer<typeof workspaceChanges>;
export type InitResultJson = z.infer<typeof initResult>;
export type CheckStepJson = z.infer<typeof checkStep>;
export type CheckReportJson = z.infer<typeof checkReport>;
export type RuntimeConfigJson = z.infer<typeof runtimeConfig>;
export type OperationProgressJson = z.infer<typeof operationProgress>;

/** Values of the environment may be secret: they are told to nobody. */
export function runtimeConfigToJson(config: StoredRuntimeConfig): RuntimeConfigJson {
  const { env, ...rest } = config as { readonly type: string; readonly env?: unknown };
  if (typeof env !== "object" || env === null) return rest;
  return { ...rest, env: Object.fromEntries(Object.keys(env).map((name) => [name, MASKED])) };
}

export function projectToJson({ id, name, path, trusted }: Project): ProjectJson {
  return { id, name, path, trusted };
}

export function initResultToJson(init: InitResult): InitResultJson {
  return {
    started_at: init.startedAt,
    ended_at: init.endedAt,
    exit: init.exit === null ? null : exitToJson(init.exit),
    output: init.output,
    skipped: init.skipped,
  };
}

export function initResultFromJson(json: InitResultJson): InitResult {
  return {
    startedAt: json.started_at,
    endedAt: json.ended_at,
    exit: json.exit === null ? null : exitFromJson(json.exit),
    output: json.output,
    skipped: json.skipped,
  };
}

export function workspaceToJson(workspace: Workspace): WorkspaceJson {
  const { place, operation } = workspace;
  return {
    id: workspace.id,
    name: workspace.name,
    project: projectToJson(workspace.project),
    branch: workspace.branch,
    start_commit: workspace.startCommit,
    state: workspace.state,
    runtime: runtimeConfigToJson(workspace.runtime),
    place:
      place === undefined
        ? null
        : {
            path: place.path,
            base: place.base,
            container: place.container,
            volume: place.volume,
          },
    owns_checkout: workspace.ownsCheckout,
    owns_branch: workspace.ownsBranch,
    init: workspace.init === undefined ? null : initResultToJson(workspace.init),
    forked_from: workspace.forkedFrom ?? null,
    operation:
      operation === undefined
        ? null
        : {
            kind: operation.kind,
            started_at: operation.startedAt,
            pid: operation.pid,
            alive: operation.alive,
          },
    created_at: workspace.createdAt,
    updated_at: workspace.updatedAt,
  };
}

export function workspaceFromJson(json: WorkspaceJson): Workspace {
  const { operation } = json;
  return {
    id: json.id,
    name: json.name,
    project: json.project,
    branch: json.branch,
    startCommit: json.start_commit,
    state: json.state,
    runtime: json.runtime,
    place: json.place ?? undefined,
    ownsCheckout: json.owns_checkout,
    ownsBranch: json.owns_branch,
    init: json.init === null ? undefined : initResultFromJson(json.init),
    forkedFrom: json.forked_from ?? undefined,
    operation:
      operation === null
        ? undefined
        : {
            kind: operation.kind,
            startedAt: operation.started_at,
            pid: operation.pid,
            alive: operation.alive,
          },
    createdAt: json.created_at,
    updatedAt: json.updated_at,
  };
}

export function workspaceStatusToJson(status: WorkspaceStatus): WorkspaceStatusJson {
  return {
    branch: status.branch,
    head: status.head,
    changed: [...status.changed],
    untracked: [...status.untracked],
    stashes: [...status.stashes],
    unpublished: status.unpublished.map(({ commit, subject }) => ({ commit, subject })),
    under_way: status.underWay ?? null,
    problem: status.problem ?? null,
    ahead: status.ahead ?? null,
    behind: status.behind ?? null,
  };
}

export function workspaceStatusFromJson(json: WorkspaceStatusJson): WorkspaceStatus {
  return {
    branch: json.branch,
    head: json.head,
    changed: json.changed,
    untracked: json.untracked,
    stashes: json.stashes,
    unpublished: json.unpublished,
    underWay: json.under_way ?? undefined,
    problem: json.problem ?? undefined,
    ahead: json.ahead ?? undefined,
    behind: json.behind ?? undefined,
  };
}

export function workspaceChangesToJson({ files, ...rest }: WorkspaceChanges): WorkspaceChangesJson {
  return { ...rest, files: files.map(({ oldPath, ...file }) => ({ ...file, old_path: oldPath })) };
}

export function workspaceChangesFromJson({ files, ...rest }: WorkspaceChangesJson): WorkspaceChanges {
  return { ...rest, files: files.map(({ old_path: oldPath, ...file }) => ({ ...file, oldPath })) };
}

export function progressToJson(progress: WorkspaceProgress): OperationProgressJson {
  return {
    step: progress.step,
    message: progress.message,
    bytes_done: progress.bytesDone,
    bytes_total: progress.bytesTotal,
  };
}

export function checkStepToJson(step: CheckStep): CheckStepJson {
  const { context = {} } = step;
  return {
    name: step.name,
    ok: step.ok,
    duration_ms: step.durationMs,
    detail: step.detail,
    code: step.code,
    hint: step.hint,
    context: Object.keys(context).length === 0 ? undefined : contextToJson(context),
  };
}

export function checkReportToJson({ ok, runtime, steps }: CheckReport): CheckReportJson {
  return { ok, runtime, steps: steps.map(checkStepToJson) };
}
