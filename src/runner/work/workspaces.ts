import {
  initResultToJson,
  runtimeConfigToJson,
  workspaceChangesToJson,
  workspaceStatusToJson,
  workspaceToJson,
} from "../../api/json-workspaces.ts";
import type { RuntimeConfig } from "../../contract/config.ts";
import { defined } from "../../contract/defined.ts";
import { berthError } from "../../contract/errors.ts";
import { MASKED } from "../../contract/mask.ts";
import type { StoredRuntimeConfig, Workspace } from "../../contract/workspace.ts";
import { checkRuntime } from "../../runtimes/check.ts";
import type { DeleteReport, PullReport, WorkOptions, Workspaces } from "../../workspaces/api.ts";
import type { Caller, RunnerContext } from "../context.ts";
import type { Handlers } from "../handlers.ts";
import { pageOf } from "../http/page.ts";
import { answerOfCheck } from "./checks.ts";
import type { Forwards } from "./forwards.ts";
import type { Operation, OperationKind, OperationResult } from "./operation.ts";
import { answerOf } from "./operation-handlers.ts";
import type { WorkOperations } from "./operations.ts";
import { primed } from "./primed.ts";
import { projectDirectory } from "./projects.ts";

type Looks =
  | "listWorkspaces"
  | "getWorkspace"
  | "workspaceStatus"
  | "workspaceDiff"
  | "getConfig"
  | "setConfig"
  | "checkWorkspace"
  | "workspaceChanges"
  | "listPorts";
type Verbs =
  | "createWorkspace"
  | "forkWorkspace"
  | "deleteWorkspace"
  | "initWorkspace"
  | "renameWorkspace"
  | "stopWorkspace"
  | "startWorkspace"
  | "pullWorkspace"
  | "pushWorkspace"
  | "applyWorkspace";

/** Selects by id, whatever directory the runner was started in. */
const BY_ID = { directory: null } as const;

/** What is known of workspaces, and their configuration. */
export function workspaceHandlers(context: RunnerContext): Handlers<Looks> {
  const { workspaces, runtimes } = context;
  const found = (selector: string, caller: Caller) => context.workspace(selector, caller);
  return {
    listWorkspaces: async ({ query, caller }) => {
      const known = caller.workspaces;
      const all = (await listed(context, query.project)).filter(({ id }) => known?.has(id) ?? true);
      return { status: 200, body: pageOf(all, query, ({ id }) => id, workspaceToJson) };
    },
    getWorkspace: async ({ params, caller }) => ({
      status: 200,
      body: workspaceToJson(await found(params.workspace, caller)),
    }),
    workspaceStatus: async ({ params, caller, signal }) => {
      const { id } = await found(params.workspace, caller);
      return { status: 200, body: workspaceStatusToJson(await workspaces.status(id, { ...BY_ID, signal })) };
    },
    workspaceDiff: async ({ params, query, caller, signal }) => {
      const { id } = await found(params.workspace, caller);
      const { base, format, path } = query;
      const paths = path === undefined ? {} : { paths: path };
      return {
        status: 200,
        stream: await primed(workspaces.diff(id, { ...BY_ID, signal, base, format, ...paths })),
      };
    },
    workspaceChanges: async ({ params, query, caller, signal }) => {
      const { id } = await found(params.workspace, caller);
      const changes = await workspaces.changes(id, { ...BY_ID, signal, base: query.base });
      return { status: 200, body: workspaceChangesToJson(changes) };
    },
    listPorts: async ({ params, caller, signal }) => {
      using lease = await runtimes.lease(await found(params.workspace, caller), signal, { now: true });
      const ports = await lease.runtime.ports({ signal });
      const items = ports.map(({ port, host, processId, command }) => ({
        port,
        host,
        process_id: processId ?? null,
        command: command ?? null,
      }));
      return { status: 200, body: { items } };
    },
    getConfig: async ({ params, caller }) => ({
      status: 200,
      body: runtimeConfigToJson((await found(params.workspace, caller)).runtime),
    }),
    setConfig: async ({ params, body, caller }) => {
      const { id, runtime } = await found(params.workspace, caller);
      const changed = await workspaces.setConfig(id, changesOf(runtime, body), BY_ID);
      // What runs goes on; what comes next is opened by the new one.
      await runtimes.drop(id, { whenFree: true });
      return { status: 200, body: runtimeConfigToJson(changed) };
    },
    checkWorkspace: async ({ params, headers, caller, signal }) => {
      const workspace = await found(params.workspace, caller);
      const config = await workspaces.runtimeConfig(workspace.id, BY_ID);
      const { stateDirectory } = context.options;
      return await answerOfCheck({ headers, signal }, async (options) => {
        const report = await checkRuntime(config, { stateDirectory, maxWaitMs: 0, ...options });
        // A place that is well again is not left alone any longer.
        if (report.ok) {
          (await runtimes.lease(workspace, options.signal, { retry: true, now: true }))[Symbol.dispose]();
        }
        return report;
      });
    },
  };
}

async function listed(context: RunnerContext, project: string | undefined): Promise<Workspace[]> {
  const { workspaces } = context;
  if (project === undefined) return await workspaces.list();
  const all = await workspaces.list();
  const own = all.filter((workspace) => workspace.project.id === project);
  return own.length > 0 ? own : await workspaces.list({ project: await projectDirectory(context, project) });
}

/** null removes a field; values of the environment that came masked stay as they are. */
function changesOf(
  runtime: StoredRuntimeConfig,
  body: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const stored = (runtime as { readonly env?: Readonly<Record<string, string>> }).env ?? {};
  return Object.fromEntries(
    Object.entries(body).map(([field, value]) => {
      if (value === null) return [field, undefined];
      if (field !== "env" || typeof value !== "object" || Array.isArray(value)) return [field, value];
      const env = Object.entries(value).map(([name, text]) => [
        name,
        text === MASKED && Object.hasOwn(stored, name) ? stored[name] : text,
      ]);
      return [field, Object.fromEntries(env)];
    }),
  );
}

/** What takes a while: each is an operation. */
export function workspaceVerbs(
  context: RunnerContext,
  { operations, forwards }: { readonly operations: WorkOperations; readonly forwards: Forwards },
): Handlers<Verbs> {
  const { workspaces, runtimes } = context;

  /** One on a workspace that is there. */
  const onto = async (
    kind: OperationKind,
    selector: string,
    caller: Caller,
    run: (workspace: Workspace, options: WorkOptions & typeof BY_ID) => Promise<OperationResult>,
  ): Promise<Operation> => {
    const workspace = await context.workspace(selector, caller);
    const { id, name } = workspace;
    const work = (options: WorkOptions) => run(workspace, { ...options, ...BY_ID });
    return await operations.begin({ kind, name, workspaceId: id, caller, run: work });
  };

  /** One that makes a workspace. */
  const making = (
    kind: "create" | "fork",
    name: string,
    caller: Caller,
    make: (options: WorkOptions) => Promise<Workspace>,
  ): Promise<Operation> => {
    const before = new Date().toISOString();
    const run = async (options: WorkOptions, operation: Operation): Promise<OperationResult> => {
      const work = { ...options, onProgress: identifying(workspaces, operation, before, options) };
      const made = await make(work);
      operation.workspaceId = made.id;
      return { workspace: workspaceToJson(made) };
    };
    return operations.begin({ kind, name, caller, run });
  };

  return {
    createWorkspace: async ({ body, query, caller, signal }) => {
      if (body.trust === true && caller.scope !== "admin") {
        throw berthError("auth.forbidden", { hop: "runner", context: { scope: "admin" } });
      }
      const { name, max_wait_ms: maxWaitMs, skip_init: skipInit = false, ...rest } = body;
      const project = await projectDirectory(context, body.project);
      // The library validates it as what its type says.
      const runtime = body.runtime as RuntimeConfig | string | undefined;
      const make = (options: WorkOptions) =>
        workspaces.create({
          ...options,
          ...defined({ ...rest, maxWaitMs, runtime }),
          name,
          project,
          skipInit,
        });
      return answerOf(await making("create", name, caller, make), query, signal);
    },
    forkWorkspace: async ({ params, body, query, caller, signal }) => {
      const { id } = await context.workspace(params.workspace, caller);
      const { name, max_wait_ms: maxWaitMs, skip_init: skipInit = false, ...rest } = body;
      // The library validates it as what its type says.
      const runtime = body.runtime as RuntimeConfig | string | undefined;
      const make = (options: WorkOptions) =>
        workspaces.fork(id, {
          ...options,
          ...BY_ID,
          ...defined({ ...rest, maxWaitMs, runtime }),
          name,
          skipInit,
        });
      return answerOf(await making("fork", name, caller, make), query, signal);
    },
    deleteWorkspace: async ({ params, query, caller, signal }) => {
      const { force, keep_branch: keepBranch } = query;
      const operation = await onto("delete", params.workspace, caller, async ({ id }, options) => {
        const report = await workspaces.delete(id, { ...options, force, keepBranch });
        await forwards.closeOf(id);
        await runtimes.drop(id);
        return { deletion: deletionToJson(report) };
      });
      return answerOf(operation, query, signal);
    },
    initWorkspace: async ({ params, query, caller, signal }) => {
      const operation = await onto("init", params.workspace, caller, async ({ id }, options) => ({
        init: initResultToJson(await workspaces.init(id, options)),
      }));
      return answerOf(operation, query, signal);
    },
    renameWorkspace: async ({ params, body, query, caller, signal }) => {
      const operation = await onto("rename", params.workspace, caller, async ({ id }, options) => {
        const renamed = await workspaces.rename(id, body.name, options);
        await runtimes.drop(id, { whenFree: true });
        return { workspace: workspaceToJson(renamed) };
      });
      return answerOf(operation, query, signal);
    },
    stopWorkspace: async ({ params, query, caller, signal }) => {
      const operation = await onto("stop", params.workspace, caller, async ({ id }, options) => {
        const stopped = await workspaces.stop(id, options);
        await runtimes.drop(id);
        return { workspace: workspaceToJson(stopped) };
      });
      return answerOf(operation, query, signal);
    },
    startWorkspace: async ({ params, query, caller, signal }) => {
      const operation = await onto("start", params.workspace, caller, async ({ id }, options) => ({
        workspace: workspaceToJson(await workspaces.start(id, options)),
      }));
      return answerOf(operation, query, signal);
    },
    pullWorkspace: async ({ params, query, caller, signal }) => {
      const operation = await onto("pull", params.workspace, caller, async ({ id }, options) => ({
        transfer: transferToJson(await workspaces.pull(id, options)),
      }));
      return answerOf(operation, query, signal);
    },
    pushWorkspace: async ({ params, body, query, caller, signal }) => {
      const operation = await onto("push", params.workspace, caller, async ({ id }, options) => ({
        transfer: transferToJson(await workspaces.push(id, { ...options, ...defined(body) })),
      }));
      return answerOf(operation, query, signal);
    },
    applyWorkspace: async ({ params, body, query, caller, signal }) => {
      const dryRun = body.dry_run ?? false;
      const operation = await onto("apply", params.workspace, caller, async ({ id }, options) => ({
        files: [...(await workspaces.apply(id, { ...options, dryRun })).files],
      }));
      return answerOf(operation, query, signal);
    },
  };
}

/** Progress that finds out which workspace is being made, so that it is known before it is done. */
function identifying(
  workspaces: Pick<Workspaces, "list">,
  operation: Operation,
  since: string,
  { onProgress }: WorkOptions,
): NonNullable<WorkOptions["onProgress"]> {
  let looking = false;
  const identify = async (): Promise<void> => {
    const made = (await workspaces.list()).filter(
      ({ name, createdAt, state }) => name === operation.name && createdAt >= since && state === "creating",
    );
    if (made.length === 1) operation.workspaceId ??= made[0]?.id;
  };
  return (progress) => {
    onProgress?.(progress);
    if (operation.workspaceId !== undefined || looking) return;
    looking = true;
    void identify()
      .catch(() => undefined)
      .finally(() => {
        looking = false;
      });
  };
}

function deletionToJson({
  workspace,
  removed,
  kept,
}: DeleteReport): NonNullable<OperationResult["deletion"]> {
  return {
    workspace: workspaceToJson(workspace),
    removed: [...removed],
    kept: kept.map(({ what, reason }) => ({ what, reason })),
  };
}

function transferToJson(report: PullReport): NonNullable<OperationResult["transfer"]> {
  const { branch, from, to, commits, bytes, ref } = report;
  return { branch, from, to, commits, bytes, ref };
}
