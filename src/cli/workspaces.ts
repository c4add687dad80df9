import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Runtime } from "../contract/runtime.ts";
import type { Workspace } from "../contract/workspace.ts";
import { stateDirectoryPath } from "../runtimes/state-directory.ts";
import { databasePath } from "../store/engine.ts";
import type {
  OpenWorkspaceOptions,
  OpenWorkspacesOptions,
  WorkOptions,
  Workspaces,
} from "../workspaces/api.ts";
import { openWorkspaces } from "../workspaces/open.ts";
import { commandEvents, toLog } from "./command-events.ts";
import type { RuntimeOptions } from "./options.ts";
import { visible } from "./print.ts";
import { type RunnerFlags, runnerTarget } from "./runner/target.ts";
import { whileShown } from "./while-opening.ts";

/** Options of every word that works on workspaces. */
export interface WorkspaceFlags extends RunnerFlags {
  readonly quiet?: boolean;
  readonly json?: boolean;
  /** Milliseconds. */
  readonly wait?: number;
}

/** What happened that the user should read, although the work succeeded. */
const REMARKS: ReadonlySet<string> = new Set([
  "workspace.left_behind",
  "workspace.files_included",
  "workspace.submodules_missing",
]);

/** Runs what only looks at the registry: of this machine, or of the runner that is asked for. */
export async function withWorkspaces<T>(
  work: (workspaces: Workspaces) => Promise<T>,
  flags: WorkspaceFlags = {},
): Promise<T> {
  const remarks: string[] = [];
  const onEvent: OpenWorkspacesOptions["onEvent"] = ({ type, message }) => {
    if (REMARKS.has(type)) remarks.push(`berth: ${visible(message)}\n`);
  };
  await using workspaces = await workspacesOf(flags, { onEvent });
  const result = await work(workspaces);
  if (!flags.quiet) process.stderr.write(remarks.join(""));
  return result;
}

/** The same, unless this user has never had a workspace: then nothing is made, and undefined is returned. */
export async function existingWorkspaces<T>(
  work: (workspaces: Workspaces) => Promise<T>,
): Promise<T | undefined> {
  return existsSync(databasePath(stateDirectoryPath())) ? withWorkspaces(work) : undefined;
}

/** Runs what takes a while on workspaces. */
export async function working<T>(
  flags: WorkspaceFlags,
  work: (workspaces: Workspaces, options: WorkOptions) => Promise<T>,
): Promise<T> {
  return withWorkspaces((workspaces) => whileWorking(flags, (options) => work(workspaces, options)), flags);
}

/**
 * Runs something with progress, live output of the set-up on stderr, and an interrupt that ends it and undoes what was
 * made. A second interrupt ends the command as it stands.
 */
export async function whileWorking<T>(
  flags: WorkspaceFlags,
  work: (options: WorkOptions) => Promise<T>,
): Promise<T> {
  const quiet = flags.quiet === true || flags.json === true;
  return whileShown(flags, async (progress, shown) => {
    let openLine = false;
    shown.signal?.addEventListener("abort", () => {
      progress.show();
      progress.update("undoing what was made; a second Ctrl-C leaves it to `berth gc`");
    });
    try {
      return await work({
        ...shown,
        onProgress: (step) => progress.workspace(step),
        onOutput: (chunk) => {
          if (quiet || chunk.length === 0) return;
          progress.hide();
          process.stderr.write(chunk);
          openLine = chunk.at(-1) !== 0x0a;
        },
      });
    } finally {
      if (openLine) process.stderr.write("\n");
    }
  });
}

/**
 * A workspace as a runtime, with progress on stderr; its set-up is waited for. By the runner that is asked for, or by the
 * one that runs here, which has the place open already; without one by itself.
 */
export async function openWorkspace(
  selector: string,
  flags: RuntimeOptions,
  options: OpenWorkspacesOptions & Pick<OpenWorkspaceOptions, "waitForInit">,
): Promise<Runtime> {
  const { waitForInit = true, ...events } = options;
  const runner = runnerTarget(flags);
  if (runner?.isLocal === false) {
    const { openByRunner } = await import("./runner/open.ts");
    return await openByRunner(runner, selector, flags, events);
  }
  await using workspaces = await openWorkspaces({ ...events, ...database(), events: commandEvents() });
  // What runs in the workspace may be its set-up itself, which would wait for its own end.
  const inside = process.env.BERTH_WORKSPACE_ID;
  const { id } = await workspaces.get(selector);
  const waits = waitForInit && id !== inside;
  if (runner !== undefined && waits) {
    const { openByLocalRunner } = await import("./runner/open.ts");
    const runtime = await openByLocalRunner(runner, id, flags, events);
    if (runtime !== undefined) return runtime;
  }
  return await whileShown(flags, (progress, shown) =>
    workspaces.open(selector, {
      ...shown,
      onEvent: toLog(events.onEvent, id),
      waitForInit: waits,
      onProgress: (step) => progress.provision(step),
    }),
  );
}

/** The workspaces of this machine, also where a runner runs on it, or those of a runner elsewhere. */
async function workspacesOf(flags: RunnerFlags, options: OpenWorkspacesOptions): Promise<Workspaces> {
  const runner = runnerTarget(flags);
  if (runner === undefined || runner.isLocal)
    return await openWorkspaces({ ...options, ...database(), events: commandEvents() });
  const { openRemoteWorkspaces } = await import("./runner/remote-workspaces.ts");
  return openRemoteWorkspaces(runner);
}

/** The registry of a team's machine is where its runner has it. */
function database(): Pick<OpenWorkspacesOptions, "database"> {
  const { BERTH_DATABASE } = process.env;
  return BERTH_DATABASE ? { database: BERTH_DATABASE } : {};
}

/** The project that a directory of the command line is in; without one the current directory's. */
export function projectOption(directory: string | undefined): { project?: string } {
  return directory === undefined ? {} : { project: resolve(directory) };
}

/** "ssh://dev@box:2222", "docker://berth-app-fix-1a2b", "~/.local/state/berth/worktrees/…": where a workspace is. */
export function whereText({ runtime, place }: Pick<Workspace, "runtime" | "place">): string {
  const config: Readonly<Record<string, unknown>> = runtime;
  if (config.type === "ssh") {
    const host = String(config.host);
    const user = config.user === undefined ? "" : `${config.user}@`;
    const port = config.port === undefined ? "" : `:${config.port}`;
    return `ssh://${user}${host.includes(":") ? `[${host}]` : host}${port}`;
  }
  if (config.type === "docker") {
    const container = place?.container ?? config.containerId;
    return container === undefined ? `docker-image:${config.image}` : `docker://${container}`;
  }
  if (config.type === "remote") return String(config.url);
  return String(config.type);
}

/** The state, and what is or was being done besides. */
export function stateText({ state, operation }: Pick<Workspace, "state" | "operation">): string {
  const words = state.replace("_", " ");
  const passes = state === "creating" || state === "initializing" || state === "deleting";
  if (operation === undefined) return passes ? `${words}, interrupted` : words;
  if (!operation.alive) return `${words}, ${operation.kind} interrupted`;
  return passes ? words : `${words}, ${operation.kind} runs`;
}
