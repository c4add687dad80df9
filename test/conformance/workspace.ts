import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { RuntimeConfig } from "../../src/contract/config.ts";
import type { Runtime } from "../../src/contract/runtime.ts";
import type { Workspace } from "../../src/contract/workspace.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import { openWorkspaces } from "../../src/workspaces/open.ts";
import { placementFor } from "../../src/workspaces/placement/placement-for.ts";
import { testRunner } from "../fixtures/runner.ts";

/** A place that is open, and how further clients open it. */
export interface OpenedPlace {
  readonly config: RuntimeConfig;
  readonly runtime: Runtime;
  /** The same place in no workspace. */
  readonly outside?: RuntimeConfig;
}

/** A workspace of a small project in a place, deleted with the stack. */
async function workspaceIn(
  stack: AsyncDisposableStack,
  config: RuntimeConfig,
  stateDirectory: string,
): Promise<OpenedPlace> {
  const project = join(dirname(stateDirectory), "project");
  mkdirSync(project);
  const git = (...args: string[]) => execFileSync("git", args, { cwd: project });
  git("init", "--quiet", "--initial-branch=main");
  git(
    ...["-c", "user.name=dev", "-c", "user.email=dev@example.com"],
    "commit",
    "--quiet",
    "--allow-empty",
    "-m",
    "start",
  );
  const workspaces = stack.use(await openWorkspaces({ stateDirectory }));
  const workspace = await workspaces.create({ name: "suite", project, runtime: config, skipInit: true });
  stack.defer(async () => void (await workspaces.delete(workspace.id, { force: true })));
  if (workspace.place === undefined) throw new Error("the workspace has no place");
  const placement = await placementFor(workspace.runtime);
  const request = {
    workspaceId: workspace.id,
    name: workspace.name,
    project: workspace.project,
    gitDir: join(project, ".git"),
    ownerId: "",
    config,
    place: workspace.place,
    stateDirectory,
  };
  const runtime = stack.use(await workspaces.open(workspace.id));
  const outside = outsideOf(workspace, config);
  return { config: placement.configOf(request, workspace.place), runtime, outside };
}

/** The same through a runner, a process of its own; outside of the workspace the place is opened without it. */
async function remoteWorkspaceIn(
  stack: AsyncDisposableStack,
  config: RuntimeConfig,
  stateDirectory: string,
): Promise<OpenedPlace> {
  const runner = stack.use(await testRunner({ stateDirectory }));
  const workspace = await runner.workspace({ name: "suite", runtime: config });
  const remote = runner.remote(workspace);
  const runtime = stack.use(await openRuntime(remote, { stateDirectory }));
  return { config: remote, runtime, outside: outsideOf(workspace, config) };
}

function outsideOf({ place }: Workspace, config: RuntimeConfig): RuntimeConfig {
  if (place === undefined) throw new Error("the workspace has no place");
  if (place.container === undefined) return { ...config, workdir: place.path };
  return {
    type: "docker",
    containerId: place.container,
    workdir: place.path,
    ...(config.env === undefined ? {} : { env: config.env }),
  };
}

/** The suite runs in a workspace that is made in the place, and not in a directory of it; "remote": through a runner. */
export interface WorkspaceOption {
  readonly workspace?: "direct" | "remote";
}

export function workspaceBy(way: NonNullable<WorkspaceOption["workspace"]>) {
  return way === "remote" ? remoteWorkspaceIn : workspaceIn;
}

export async function openedIn(
  stack: AsyncDisposableStack,
  config: RuntimeConfig,
  stateDirectory: string,
): Promise<OpenedPlace> {
  return { config, runtime: stack.use(await openRuntime(config, { stateDirectory })) };
}
