import type * as z from "zod";
import type { event } from "../../api/events.ts";
import { errorFromJson } from "../../api/json-errors.ts";
import {
  initResultFromJson,
  type ProjectJson,
  type RuntimeConfigJson,
  type WorkspaceJson,
  type WorkspaceStatusJson,
  workspaceFromJson,
  workspaceStatusFromJson,
} from "../../api/json-workspaces.ts";
import type { operation, operationEvent } from "../../api/operations.ts";
import { berthError, isBerthError } from "../../contract/errors.ts";
import type {
  Project,
  StoredRuntimeConfig,
  Workspace,
  WorkspaceEvent,
  WorkspaceProgress,
  WorkspaceStatus,
} from "../../contract/workspace.ts";
import { openRuntime } from "../../runtimes/open.ts";
import type { CreateOptions, ForkOptions, WorkOptions, Workspaces } from "../../workspaces/api.ts";
import { callRunner, eventsFromRunner, jsonFromRunner, onceByRunner, type RunnerCall } from "./calls.ts";
import type { RunnerTarget } from "./target.ts";

type OperationJson = z.infer<typeof operation>;
type OperationEvent = z.infer<typeof operationEvent>;
type EventJson = z.infer<typeof event>;
type Result = NonNullable<OperationJson["result"]>;

const PAGE = 1000;

/** The workspaces of a runner elsewhere, by its API. Nothing is connected to before the first call. */
export function openRemoteWorkspaces(target: RunnerTarget): Workspaces {
  return new RemoteWorkspaces(target);
}

/**
 * A selector is an id, a name or PROJECT/NAME there: in which directory it was said means nothing on another machine.
 * Directories of projects are the runner's.
 */
class RemoteWorkspaces implements Workspaces {
  readonly #target: RunnerTarget;

  constructor(target: RunnerTarget) {
    this.#target = target;
  }

  list: Workspaces["list"] = async ({ project } = {}) => {
    const all = await this.#pages<WorkspaceJson>("/v1/workspaces", { project });
    return all.map(workspaceFromJson);
  };

  get: Workspaces["get"] = async (selector) =>
    workspaceFromJson(await this.#get<WorkspaceJson>(of(selector)));

  history: Workspaces["history"] = async (selector) => {
    const { id } = await this.get(selector);
    const events: WorkspaceEvent[] = [];
    let after: number | null = 0;
    while (after !== null) {
      const page: { readonly items: readonly EventJson[]; readonly next: number | null } = await this.#get(
        "/v1/events",
        { query: { workspace: id, after, limit: PAGE } },
      );
      events.push(
        ...page.items.map(({ time, type, message, data }) => ({
          at: time,
          workspaceId: id,
          type,
          message,
          ...(data === undefined ? {} : { data }),
        })),
      );
      after = page.items.length === 0 ? null : page.next;
    }
    return events;
  };

  create: Workspaces["create"] = async (options) => {
    const body = {
      ...makes(options),
      existing: options.existing,
      trust: options.trust,
      start: options.start,
    };
    const project = options.project ?? process.cwd();
    const result = await this.#operate("/v1/workspaces", options, { body: { ...body, project } }).catch(
      (cause: unknown) => {
        throw isBerthError(cause, "workspace.not_a_project") ? notThere(project, cause) : cause;
      },
    );
    return madeOf(result);
  };

  init: Workspaces["init"] = async (selector, options = {}) => {
    const { init } = await this.#operate(of(selector, "init"), options);
    return initResultFromJson(whole(init));
  };

  fork: Workspaces["fork"] = async (selector, options) =>
    madeOf(await this.#operate(of(selector, "fork"), options, { body: makes(options) }));

  rename: Workspaces["rename"] = async (selector, name, options = {}) =>
    madeOf(await this.#operate(of(selector, "rename"), options, { body: { name } }));

  stop: Workspaces["stop"] = async (selector, options = {}) =>
    madeOf(await this.#operate(of(selector, "stop"), options));

  start: Workspaces["start"] = async (selector, options = {}) =>
    madeOf(await this.#operate(of(selector, "start"), options));

  delete: Workspaces["delete"] = async (selector, options = {}) => {
    const query = { force: options.force ?? false, keep_branch: options.keepBranch ?? false };
    const { deletion } = await this.#operate(of(selector), options, { method: "DELETE", query });
    const { workspace, removed, kept } = whole(deletion);
    return { workspace: workspaceFromJson(workspace), removed, kept };
  };

  status: Workspaces["status"] = async (selector, { signal } = {}): Promise<WorkspaceStatus> =>
    workspaceStatusFromJson(await this.#get<WorkspaceStatusJson>(of(selector, "status"), { signal }));

  pull: Workspaces["pull"] = async (selector, options = {}) =>
    whole((await this.#operate(of(selector, "pull"), options)).transfer);

  push: Workspaces["push"] = async (selector, options = {}) =>
    whole(
      (await this.#operate(of(selector, "push"), options, { body: { branch: options.branch } })).transfer,
    );

  apply: Workspaces["apply"] = async (selector, options = {}) => {
    const { files } = await this.#operate(of(selector, "apply"), options, {
      body: { dry_run: options.dryRun },
    });
    return { files: whole(files) };
  };

  async *diff(...[selector, options = {}]: Parameters<Workspaces["diff"]>): AsyncIterable<Uint8Array> {
    const { base, format, paths, signal } = options;
    const response = await callRunner(this.#target, of(selector, "diff"), {
      query: { base, format, path: paths },
      signal,
    });
    yield* response.body ?? [];
  }

  config: Workspaces["config"] = async (selector) =>
    await this.#get<RuntimeConfigJson>(of(selector, "config"));

  setConfig: Workspaces["setConfig"] = async (selector, changes): Promise<StoredRuntimeConfig> => {
    const fields = Object.entries(changes).map(([field, value]) => [field, value ?? null]);
    const call = { method: "PATCH", body: Object.fromEntries(fields) } as const;
    return (await jsonFromRunner(this.#target, of(selector, "config"), call)) as RuntimeConfigJson;
  };

  runtimeConfig: Workspaces["runtimeConfig"] = async (selector) => {
    const { id } = await this.get(selector);
    return { type: "remote", url: this.#target.url, workspace: id, token: this.#target.token };
  };

  open: Workspaces["open"] = async (selector, options = {}) =>
    await openRuntime(
      { type: "remote", url: this.#target.url, workspace: selector, token: this.#target.token },
      options,
    );

  trust: Workspaces["trust"] = async (directory, trusted): Promise<Project> =>
    (await jsonFromRunner(this.#target, `/v1/projects/${encodeURIComponent(directory)}/trust`, {
      method: "PUT",
      body: { trusted },
    })) as ProjectJson;

  projects: Workspaces["projects"] = () => this.#pages<ProjectJson>("/v1/projects", {});

  doctor: Workspaces["doctor"] = () => Promise.reject(onlyThere("doctor"));

  garbage: Workspaces["garbage"] = () => Promise.reject(onlyThere("gc"));

  async close(): Promise<void> {
    // Nothing is held.
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #get<T>(path: `/v1/${string}`, call: RunnerCall = {}): Promise<T> {
    return (await jsonFromRunner(this.#target, path, call)) as T;
  }

  async #pages<T>(path: `/v1/${string}`, query: NonNullable<RunnerCall["query"]>): Promise<T[]> {
    const all: T[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.#get<{ readonly items: readonly T[]; readonly next: string | null }>(path, {
        query: { ...query, limit: PAGE, cursor },
      });
      all.push(...page.items);
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    return all;
  }

  /** Begins an operation and follows it to its end. An abort cancels it, and waits for what is undone. */
  async #operate(path: `/v1/${string}`, options: WorkOptions, call: RunnerCall = {}): Promise<Result> {
    const { signal } = options;
    // Not ended by the signal: whether it has begun has to be known to cancel it.
    const begun = (await onceByRunner(this.#target, path, { method: "POST", ...call })) as OperationJson;
    const cancel = (): void => {
      const at = `/v1/operations/${begun.id}/cancel` as const;
      jsonFromRunner(this.#target, at, { method: "POST" }).catch(() => {
        // Where it is not heard the operation goes on, and is told as it ends.
      });
    };
    signal?.addEventListener("abort", cancel, { once: true });
    if (signal?.aborted) cancel();
    try {
      return resultOf(await this.#end(begun, options));
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }

  async #end(begun: OperationJson, options: WorkOptions): Promise<OperationJson> {
    if (begun.state !== "running") return begun;
    for await (const { data } of eventsFromRunner(this.#target, `/v1/operations/${begun.id}/progress`)) {
      const told = data as OperationEvent;
      if (told.type === "end") return told.operation;
      if (told.type === "output") options.onOutput?.(Buffer.from(told.text), told.stream);
      else options.onProgress?.(progressOf(told.progress));
    }
    return await this.#get<OperationJson>(`/v1/operations/${begun.id}`);
  }
}

function of(selector: string, rest?: string): `/v1/${string}` {
  return `/v1/workspaces/${encodeURIComponent(selector)}${rest === undefined ? "" : `/${rest}`}`;
}

function progressOf(progress: Extract<OperationEvent, { type: "progress" }>["progress"]): WorkspaceProgress {
  return {
    // What a newer runner calls otherwise is shown by its message all the same.
    step: progress.step as WorkspaceProgress["step"],
    message: progress.message,
    bytesDone: progress.bytes_done,
    bytesTotal: progress.bytes_total,
  };
}

function resultOf({ state, result, error }: OperationJson): Result {
  if (error !== null) throw errorFromJson(error);
  if (state === "cancelled") throw berthError("operation.aborted", { hop: "runner" });
  return result ?? {};
}

function madeOf({ workspace }: Result): Workspace {
  return workspaceFromJson(whole(workspace));
}

/** @throws runner.foreign: the answer has not what belongs to it */
function whole<T>(value: T | undefined): T {
  if (value !== undefined) return value;
  throw berthError("runner.foreign", { context: { reason: "the operation has no result" } });
}

function makes(options: Omit<CreateOptions, "project"> | ForkOptions): Record<string, unknown> {
  const { name, runtime, branch, changes, skipInit, maxWaitMs } = options;
  return { name, runtime, branch, changes, skip_init: skipInit, max_wait_ms: maxWaitMs };
}

function notThere(project: string, cause: unknown): Error {
  return berthError("workspace.not_a_project", {
    hop: "runner",
    message: `${project} is in no git repository of the runner's machine`,
    hint: "Name one that is there: --project DIRECTORY; `berth workspace list --all` shows those of workspaces.",
    context: { path: project },
    cause,
  });
}

function onlyThere(word: string): Error {
  return berthError("workspace.unsupported", {
    message: `what is asked for works on the runner's machine only: berth ${word}`,
    hint: `Run \`berth ${word}\` there.`,
  });
}
