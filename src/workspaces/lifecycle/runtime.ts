import type { RuntimeConfig } from "../../contract/config.ts";
import { berthError } from "../../contract/errors.ts";
import type { OpenOptions, Runtime } from "../../contract/runtime.ts";
import type { Workspace } from "../../contract/workspace.ts";
import { openRuntime } from "../../runtimes/open.ts";
import { type Lifecycle, sinkOf } from "./context.ts";
import { siteOfWorkspace } from "./site.ts";

/**
 * The workspace's runtime: in its checkout, with its own processes, and with the project's hooks disabled until it is
 * trusted. git reads GIT_CONFIG_COUNT from version 2.31 on.
 * @throws runtime.type_unsupported, workspace.interrupted, what opening the place throws
 */
export async function openWorkspaceRuntime(
  lifecycle: Lifecycle,
  workspace: Workspace,
  options: OpenOptions,
): Promise<Runtime> {
  const { onEvent = sinkOf(lifecycle, workspace.id) } = options;
  return openRuntime(await runtimeConfigOf(lifecycle, workspace), {
    ...options,
    stateDirectory: lifecycle.stateDirectory,
    onEvent,
  });
}

/**
 * The configuration by which the workspace is opened. Reads only.
 * @throws runtime.type_unsupported, workspace.interrupted
 */
export async function runtimeConfigOf(lifecycle: Lifecycle, workspace: Workspace): Promise<RuntimeConfig> {
  const { placement, request, project } = await siteOfWorkspace(lifecycle, workspace);
  if (workspace.place === undefined) {
    throw berthError("workspace.interrupted", { context: { operation: "create", name: workspace.name } });
  }
  const config = placement.configOf(request, workspace.place);
  return { ...config, env: environmentOf(workspace, project.trusted, config.env) };
}

/** What of git's configuration names programs that git runs by itself. */
const NO_PROGRAMS = [
  ["core.hooksPath", "/dev/null"],
  ["core.fsmonitor", "false"],
] as const;

/** What commands in a workspace are told; what the configuration says wins. */
function environmentOf(
  workspace: Workspace,
  trusted: boolean,
  configured: RuntimeConfig["env"] = {},
): Readonly<Record<string, string>> {
  const about = {
    BERTH_WORKSPACE: workspace.name,
    BERTH_WORKSPACE_ID: workspace.id,
    BERTH_BRANCH: workspace.branch,
    BERTH_PROJECT: workspace.project.name,
  };
  if (trusted) return { ...about, ...configured };
  const before = Number(configured.GIT_CONFIG_COUNT ?? "0");
  const from = Number.isInteger(before) && before > 0 ? before : 0;
  const settings = NO_PROGRAMS.flatMap(([key, value], at) => [
    [`GIT_CONFIG_KEY_${from + at}`, key],
    [`GIT_CONFIG_VALUE_${from + at}`, value],
  ]);
  return {
    ...about,
    ...configured,
    GIT_CONFIG_COUNT: String(from + NO_PROGRAMS.length),
    ...Object.fromEntries(settings),
  };
}
