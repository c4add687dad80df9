import { lstat } from "node:fs/promises";
import { join } from "node:path";
import type { WorkspaceSettings } from "../../contract/berth-file.ts";
import { berthError, isBerthError } from "../../contract/errors.ts";
import type { Runtime } from "../../contract/runtime.ts";
import type { InitResult, Workspace } from "../../contract/workspace.ts";
import type { Selection, WorkOptions } from "../api.ts";
import { INIT_HOOK, runInitHook } from "../git/init-hook.ts";
import { localGitPlace, runtimeGitPlace } from "../git/places.ts";
import { updateCheckout } from "../git/update.ts";
import type { Operation } from "../registry/registry.ts";
import { settingsOf } from "./asked.ts";
import { type Lifecycle, openOptions, record, reporter } from "./context.ts";
import { factsOf } from "./look-at.ts";
import { openWorkspaceRuntime } from "./runtime.ts";
import { select } from "./select.ts";
import { siteOfWorkspace } from "./site.ts";

const UPDATE_DEADLINE_MS = 20_000;

export interface FinishOptions extends WorkOptions {
  readonly settings: WorkspaceSettings;
  /** `git pull --ff-only` comes first, where the branch follows one. */
  readonly update: boolean;
  /** An earlier Berth may have started the hook: that run counts. */
  readonly resume?: boolean;
  readonly skipInit?: boolean;
  /** Whether what was just checked out has a hook, where that is known without asking the place. */
  readonly hook?: boolean | undefined;
}

/**
 * Repeats the set-up of a workspace.
 * @throws workspace.init_running, workspace.busy, workspace.interrupted, what the way to the place throws
 */
export async function init(
  lifecycle: Lifecycle,
  selector: string,
  options: WorkOptions & Selection,
): Promise<InitResult> {
  const found = await select(lifecycle, selector, options);
  await using operation = await beginInit(lifecycle, found, options);
  const workspace = await whole(lifecycle, operation);
  const settings = await settingsOf(workspace.project.path);
  const resume = workspace.state === "initializing";
  const { init: result } = await finishInit(lifecycle, workspace, {
    ...options,
    settings,
    update: true,
    resume,
  });
  if (result === undefined) throw new Error("a set-up that came to its end has a result");
  return result;
}

/** The workspace, which has to be there as a whole. */
export async function whole(lifecycle: Lifecycle, operation: Operation): Promise<Workspace> {
  const workspace = await lifecycle.registry.get(operation.workspaceId);
  if (workspace === undefined) {
    throw berthError("workspace.unknown", { context: { name: operation.workspaceId } });
  }
  if (workspace.state === "creating" || workspace.state === "deleting") {
    const verb = workspace.state === "creating" ? "create" : "delete";
    throw berthError("workspace.interrupted", { context: { operation: verb, name: workspace.name } });
  }
  return workspace;
}

async function beginInit(
  lifecycle: Lifecycle,
  workspace: Workspace,
  { signal }: WorkOptions,
): Promise<Operation> {
  try {
    return await lifecycle.registry.operation(workspace.id, "init", { signal });
  } catch (cause) {
    if (isBerthError(cause, "workspace.busy") && workspace.state === "initializing") {
      throw berthError("workspace.init_running", { context: { name: workspace.name }, cause });
    }
    throw cause;
  }
}

/**
 * Runs what comes behind the checkout: update, then the project's hook. A hook that fails leaves the workspace usable.
 * Whoever calls holds the workspace's operation. When it is cut, the workspace stays "initializing", and opening it goes
 * on.
 */
export async function finishInit(
  lifecycle: Lifecycle,
  workspace: Workspace,
  options: FinishOptions,
): Promise<Workspace> {
  const { registry } = lifecycle;
  if (options.skipInit) return await ready(lifecycle, workspace, undefined, options);
  await registry.update(workspace.id, { state: "initializing" });
  const site = await siteOfWorkspace(lifecycle, workspace);
  const { path } = site.request.place ?? { path: site.project.path };
  const { trusted } = site.project;
  await using stack = new AsyncDisposableStack();
  let opened: Promise<Runtime> | undefined;
  const runtime = () => {
    opened ??= openWorkspaceRuntime(lifecycle, workspace, openOptions(lifecycle, options, workspace.id)).then(
      (it) => stack.use(it),
    );
    return opened;
  };
  const here = site.placement.sharesRepository;
  const deadlineMs = options.settings.updateTimeoutMs ?? UPDATE_DEADLINE_MS;
  if (options.update && deadlineMs > 0 && workspace.ownsCheckout) {
    reporter(options)("update", "git pull --ff-only");
    const git = here ? localGitPlace() : runtimeGitPlace(await runtime());
    const done = await updateCheckout(git, { path, hooks: trusted, deadlineMs, signal: options.signal });
    if (done.state === "failed") {
      reporter(options)("update", done.notice);
      await record(lifecycle, workspace, "workspace.update_failed", done.notice);
    }
  }
  // No place is opened, and no daemon started, to find out that there is nothing to do.
  const hook = here
    ? (await lstat(join(path, INIT_HOOK)).catch(() => undefined)) !== undefined
    : options.hook;
  if (hook === false) return await ready(lifecycle, workspace, nothingToDo(), options);
  if (hook === true && !trusted) {
    return await ready(lifecycle, workspace, { ...nothingToDo(), skipped: "untrusted" }, options);
  }
  reporter(options)("init", hook === undefined ? `looking for ${INIT_HOOK}` : `running ${INIT_HOOK}`);
  const result = await runHook(await runtime(), workspace, trusted, path, options);
  return await ready(lifecycle, workspace, result, options);
}

async function runHook(
  runtime: Runtime,
  workspace: Workspace,
  trusted: boolean,
  path: string,
  options: FinishOptions,
): Promise<InitResult> {
  const startedAt = new Date().toISOString();
  const facts = trusted ? await factsOf(workspace, options) : undefined;
  try {
    return await runInitHook(runtime, {
      path,
      workspace: workspace.name,
      workspaceId: workspace.id,
      branch: workspace.branch,
      project: workspace.project.name,
      trunk: facts?.trunk?.branch,
      trusted,
      resume: options.resume,
      onOutput: options.onOutput,
      signal: options.signal,
    });
  } catch (cause) {
    if (!isBerthError(cause, "process.lost")) throw cause;
    // The place was restarted, or its daemon was killed.
    const exit = { exitCode: null, signal: "SIGKILL", timedOut: false, durationMs: 0 };
    return { startedAt, endedAt: new Date().toISOString(), exit, output: `${cause.message}\n` };
  }
}

function nothingToDo(): InitResult {
  const now = new Date().toISOString();
  return { startedAt: now, endedAt: now, exit: null, output: "" };
}

async function ready(
  lifecycle: Lifecycle,
  workspace: Workspace,
  result: InitResult | undefined,
  options: WorkOptions,
): Promise<Workspace> {
  const failed = result !== undefined && result.exit !== null && result.exit.exitCode !== 0;
  const state = failed ? "init_failed" : "ready";
  const done = await lifecycle.registry.update(workspace.id, {
    state,
    ...(result === undefined ? {} : { init: result }),
  });
  const exit = result?.exit;
  const how = exit?.timedOut ? "timed out" : `ended with ${exit?.exitCode ?? exit?.signal}`;
  const message = failed ? `the set-up of ${workspace.name} ${how}` : `${workspace.name} is ready`;
  await record(lifecycle, workspace, failed ? "workspace.init_failed" : "workspace.ready", message, {
    ...(result?.skipped === undefined ? {} : { skipped: result.skipped }),
    ...(exit === null || exit === undefined ? {} : { exitCode: exit.exitCode, signal: exit.signal }),
  });
  if (result?.skipped === "untrusted") {
    reporter(options)(
      "init",
      `${INIT_HOOK} did not run: the project is not trusted (berth trust, then berth workspace init ${workspace.name})`,
    );
  }
  reporter(options)("ready", message);
  return { ...done, operation: undefined };
}
