import { berthError } from "../../contract/errors.ts";
import type { Workspace } from "../../contract/workspace.ts";
import type { Selection, WorkOptions } from "../api.ts";
import { type Lifecycle, openOptions, record, reporter } from "./context.ts";
import { whole } from "./init.ts";
import { select } from "./select.ts";
import { siteOfWorkspace } from "./site.ts";

/**
 * Stops what a workspace stands in: its processes end, its files stay. One that is stopped stays so.
 * @throws workspace.not_stoppable, workspace.busy, docker.*
 */
export async function stop(
  lifecycle: Lifecycle,
  selector: string,
  options: WorkOptions & Selection,
): Promise<Workspace> {
  const found = await select(lifecycle, selector, options);
  await using operation = await lifecycle.registry.operation(found.id, "stop", { signal: options.signal });
  const workspace = await whole(lifecycle, operation);
  const { placement, request } = await siteOfWorkspace(lifecycle, workspace);
  if (!placement.stoppable || placement.stop === undefined) throw notStoppable(workspace);
  reporter(options)("place", `stopping ${workspace.name}`);
  await placement.stop(request, openOptions(lifecycle, options));
  await record(lifecycle, workspace, "workspace.stopped", `${workspace.name} is stopped`);
  return { ...(await lifecycle.registry.update(workspace.id, { state: "stopped" })), operation: undefined };
}

/**
 * Starts a stopped workspace again.
 * @throws workspace.not_stoppable, workspace.busy, docker.*
 */
export async function start(
  lifecycle: Lifecycle,
  selector: string,
  options: WorkOptions & Selection,
): Promise<Workspace> {
  const found = await select(lifecycle, selector, options);
  await using operation = await lifecycle.registry.operation(found.id, "start", { signal: options.signal });
  const workspace = await whole(lifecycle, operation);
  const { placement, request } = await siteOfWorkspace(lifecycle, workspace);
  if (!placement.stoppable || placement.start === undefined) throw notStoppable(workspace);
  reporter(options)("place", `starting ${workspace.name}`);
  await placement.start(request, openOptions(lifecycle, options));
  return { ...(await started(lifecycle, workspace)), operation: undefined };
}

/** Writes down that a stopped workspace runs. */
export async function started(lifecycle: Lifecycle, workspace: Workspace): Promise<Workspace> {
  if (workspace.state !== "stopped") return workspace;
  const exit = workspace.init?.exit;
  const failed = exit !== null && exit !== undefined && exit.exitCode !== 0;
  await record(lifecycle, workspace, "workspace.started", `${workspace.name} runs again`);
  return lifecycle.registry.update(workspace.id, { state: failed ? "init_failed" : "ready" });
}

function notStoppable({ name }: Workspace) {
  return berthError("workspace.not_stoppable", { context: { name } });
}
