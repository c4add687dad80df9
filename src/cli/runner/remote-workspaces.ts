import { randomUUID } from "node:crypto";
import {
  initResultFromJson,
  workspaceChangesFromJson,
  workspaceFromJson,
  workspaceStatusFromJson,
} from "../../api/json-workspaces.ts";
import { createRunnerClient, type RunnerClient } from "../../client/client.ts";
import type { Operation, OperationEvent } from "../../client/operations.ts";
import { defined } from "../../contract/defined.ts";
import { berthError, isBerthError } from "../../contract/errors.ts";
import type { Workspace, WorkspaceEvent, WorkspaceProgress } from "../../contract/workspace.ts";
import { openRuntime } from "../../runtimes/open.ts";
import type { CreateOptions, ForkOptions, WorkOptions, Workspaces } from "../../workspaces/api.ts";
import { type RunnerTarget, tokenOf } from "./target.ts";

type Result = NonNullable<Operation["result"]>;

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
  readonly #client: RunnerClient;

  constructor(target: RunnerTarget) {
    this.#target = target;
    this.#client = createRunnerClient({ url: target.url, token: tokenOf(target) });
  }

  list: Workspaces["list"] = async ({ project } = {}) => {
    const own = project === undefined ? {} : { project };
    const all = await pages((page) =>
      this.#client.get("/v1/workspaces", { params: { query: { ...own, ...page } } }),
    );
    return all.map(workspaceFromJson);
  };

  get: Workspaces["get"] = async (workspace) =>
    workspaceFromJson(await this.#client.get("/v1/workspaces/{workspace}", at(workspace)));

  history: Workspaces["history"] = async (selector) => {
    const { id } = await this.get(selector);
    const events: WorkspaceEvent[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const query: { workspace: string; after: number; limit: number } = {
        workspace: id,
        after,
        limit: PAGE,
      };
      const page = await this.#client.get("/v1/events", {
        params: { query },
        headers: { accept: "application/json" },
      });
      // Text is what the same call answers to who asks for a stream.
      if (typeof page === "string")
        throw berthError("runner.foreign", { context: { reason: "no page of events" } });
      for (const { time, type, message, data } of page.items) {
        events.push({ at: time, workspaceId: id, type, message, ...(data === undefined ? {} : { data }) });
      }
      after = page.items.length === 0 ? null : page.next;
    }
    return events;
  };

  create: Workspaces["create"] = async (options) => {
    const project = options.project ?? process.cwd();
    const body = {
      ...makes(options),
      project,
      ...defined({ existing: options.existing, trust: options.trust, start: options.start }),
    };
    const result = this.#operate(options, (params) => this.#client.post("/v1/workspaces", { params, body }));
    return madeOf(
      await result.catch((cause: unknown) => {
        throw isBerthError(cause, "workspace.not_a_project") ? notThere(project, cause) : cause;
      }),
    );
  };

  init: Workspaces["init"] = async (workspace, options = {}) => {
    const { init } = await this.#operate(options, (params) =>
      this.#client.post("/v1/workspaces/{workspace}/init", { params: { ...params, path: { workspace } } }),
    );
    return initResultFromJson(whole(init));
  };

  fork: Workspaces["fork"] = async (workspace, options) => {
    const body = makes(options);
    const result = await this.#operate(options, (params) =>
      this.#client.post("/v1/workspaces/{workspace}/fork", {
        params: { ...params, path: { workspace } },
        body,
      }),
    );
    return madeOf(result);
  };

  rename: Workspaces["rename"] = async (workspace, name, options = {}) => {
    const result = await this.#operate(options, (params) =>
      this.#client.post("/v1/workspaces/{workspace}/rename", {
        params: { ...params, path: { workspace } },
        body: { name },
      }),
    );
    return madeOf(result);
  };

  stop: Workspaces["stop"] = async (workspace, options = {}) => {
    const result = await this.#operate(options, (params) =>
      this.#client.post("/v1/workspaces/{workspace}/stop", { params: { ...params, path: { workspace } } }),
    );
    return madeOf(result);
  };

  start: Workspaces["start"] = async (workspace, options = {}) => {
    const result = await this.#operate(options, (params) =>
      this.#client.post("/v1/workspaces/{workspace}/start", { params: { ...params, path: { workspace } } }),
    );
    return madeOf(result);
  };

  delete: Workspaces["delete"] = async (workspace, options = {}) => {
    const query = { force: options.force ?? false, keep_branch: options.keepBranch ?? false };
    const { deletion } = await this.#operate(options, (params) =>
      this.#client.delete("/v1/workspaces/{workspace}", {
        params: { ...params, path: { workspace }, query },
      }),
    );
    const { workspace: deleted, removed, kept } = whole(deletion);
    return { workspace: workspaceFromJson(deleted), removed, kept };
  };

  status: Workspaces["status"] = async (workspace, options = {}) =>
    workspaceStatusFromJson(
      await this.#client.get("/v1/workspaces/{workspace}/status", { ...at(workspace), ...signalOf(options) }),
    );

  pull: Workspaces["pull"] = async (workspace, options = {}) => {
    const { transfer } = await this.#operate(options, (params) =>
      this.#client.post("/v1/workspaces/{workspace}/pull", { params: { ...params, path: { workspace } } }),
    );
    return whole(transfer);
  };

  push: Workspaces["push"] = async (workspace, options = {}) => {
    const { transfer } = await this.#operate(options, (params) =>
      this.#client.post("/v1/workspaces/{workspace}/push", {
        params: { ...params, path: { workspace } },
        body: defined({ branch: options.branch }),
      }),
    );
    return whole(transfer);
  };

  apply: Workspaces["apply"] = async (workspace, options = {}) => {
    const { files } = await this.#operate(options, (params) =>
      this.#client.post("/v1/workspaces/{workspace}/apply", {
        params: { ...params, path: { workspace } },
        body: defined({ dry_run: options.dryRun }),
      }),
    );
    return { files: whole(files) };
  };

  async *diff(...[workspace, options = {}]: Parameters<Workspaces["diff"]>): AsyncIterable<Uint8Array> {
    const { base, format, paths } = options;
    const { response } = await this.#client.api.GET("/v1/workspaces/{workspace}/diff", {
      params: {
        path: { workspace },
        query: defined({ base, format, path: paths === undefined ? undefined : [...paths] }),
      },
      parseAs: "stream",
      ...signalOf(options),
    });
    yield* response.body ?? [];
  }

  changes: Workspaces["changes"] = async (workspace, options = {}) =>
    workspaceChangesFromJson(
      await this.#client.get("/v1/workspaces/{workspace}/changes", {
        params: { path: { workspace }, query: defined({ base: options.base }) },
        ...signalOf(options),
      }),
    );

  config: Workspaces["config"] = async (workspace) =>
    await this.#client.get("/v1/workspaces/{workspace}/config", at(workspace));

  setConfig: Workspaces["setConfig"] = async (workspace, changes) => {
    const fields = Object.entries(changes).map(([field, value]) => [field, value ?? null]);
    return await this.#client.patch("/v1/workspaces/{workspace}/config", {
      ...at(workspace),
      body: Object.fromEntries(fields),
    });
  };

  runtimeConfig: Workspaces["runtimeConfig"] = async (selector) => {
    const { id } = await this.get(selector);
    return { type: "remote", url: this.#target.url, workspace: id, token: this.#target.token };
  };

  open: Workspaces["open"] = async (selector, options = {}) => {
    const { id } = await this.get(selector);
    const { url, token } = this.#target;
    return await openRuntime({ type: "remote", url, workspace: id, token }, options);
  };

  trust: Workspaces["trust"] = async (project, trusted) =>
    await this.#client.put("/v1/projects/{project}/trust", {
      params: { path: { project } },
      body: { trusted },
    });

  projects: Workspaces["projects"] = () =>
    pages((query) => this.#client.get("/v1/projects", { params: { query } }));

  doctor: Workspaces["doctor"] = () => Promise.reject(onlyThere("doctor"));

  garbage: Workspaces["garbage"] = () => Promise.reject(onlyThere("gc"));

  async close(): Promise<void> {
    // Nothing is held.
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Begins an operation, and follows it to its end. An abort cancels it, and waits for what is undone. */
  async #operate(
    options: WorkOptions,
    begin: (params: { readonly header: { readonly "Idempotency-Key": string } }) => Promise<Operation>,
  ): Promise<Result> {
    const { signal } = options;
    // Not ended by the signal: whether it has begun has to be known to cancel it.
    let operation = await begin({ header: { "Idempotency-Key": randomUUID() } });
    const { id } = operation;
    const cancel = (): void => {
      this.#client.post("/v1/operations/{id}/cancel", { params: { path: { id } } }).catch(() => {
        // Where it is not heard the operation goes on, and is told as it ends.
      });
    };
    signal?.addEventListener("abort", cancel, { once: true });
    if (signal?.aborted) cancel();
    try {
      if (operation.state === "running") {
        for await (const told of this.#client.operation(id)) {
          if (told.type === "end") operation = told.operation;
          else if (told.type === "output") options.onOutput?.(Buffer.from(told.text), told.stream);
          else options.onProgress?.(progressOf(told.progress));
        }
      }
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
    return (await this.#client.completed(operation)).result ?? {};
  }
}

async function pages<T>(
  get: (query: {
    readonly limit: number;
    readonly cursor?: string;
  }) => Promise<{ readonly items: readonly T[]; readonly next: string | null }>,
): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof get>> = await get({
      limit: PAGE,
      ...(cursor === null ? {} : { cursor }),
    });
    all.push(...page.items);
    cursor = page.next;
  } while (cursor !== null);
  return all;
}

function at(workspace: string) {
  return { params: { path: { workspace } } };
}

function signalOf({ signal }: WorkOptions): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
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

function madeOf({ workspace }: Result): Workspace {
  return workspaceFromJson(whole(workspace));
}

/** @throws runner.foreign: the answer has not what belongs to it */
function whole<T>(value: T | undefined): T {
  if (value !== undefined) return value;
  throw berthError("runner.foreign", { context: { reason: "the operation has no result" } });
}

function makes(options: Omit<CreateOptions, "project"> | ForkOptions) {
  const { name, runtime, branch, changes, skipInit, maxWaitMs } = options;
  return { name, ...defined({ runtime, branch, changes, skip_init: skipInit, max_wait_ms: maxWaitMs }) };
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
