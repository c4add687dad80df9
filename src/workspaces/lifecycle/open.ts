import { berthError } from "../../contract/errors.ts";
import type { Runtime } from "../../contract/runtime.ts";
import type { Workspace } from "../../contract/workspace.ts";
import type { OpenWorkspaceOptions, Selection } from "../api.ts";
import { settingsOf } from "./asked.ts";
import type { Lifecycle } from "./context.ts";
import { finishInit, whole } from "./init.ts";
import { openWorkspaceRuntime } from "./runtime.ts";
import { select } from "./select.ts";
import { started } from "./stop.ts";

/**
 * A workspace as a runtime, when its set-up is done. A set-up whose Berth has died is taken up, or begun again; where
 * that fails the workspace is opened all the same.
 * @throws workspace.unknown, workspace.ambiguous, workspace.interrupted, runtime.type_unsupported, what opening throws
 */
export async function open(
  lifecycle: Lifecycle,
  selector: string,
  options: OpenWorkspaceOptions & Selection,
): Promise<Runtime> {
  const found = await select(lifecycle, selector, options);
  const workspace = options.waitForInit === false ? found : await settled(lifecycle, found, options);
  if (workspace.state === "creating" || workspace.state === "deleting") {
    const operation = workspace.state === "creating" ? "create" : "delete";
    if (workspace.operation?.alive) {
      const { pid } = workspace.operation;
      throw berthError("workspace.busy", { context: { name: workspace.name, pid, operation } });
    }
    throw berthError("workspace.interrupted", { context: { operation, name: workspace.name } });
  }
  const runtime = await openWorkspaceRuntime(lifecycle, workspace, options);
  // Opening has started its container.
  await started(lifecycle, workspace);
  return runtime;
}

async function settled(
  lifecycle: Lifecycle,
  workspace: Workspace,
  options: OpenWorkspaceOptions,
): Promise<Workspace> {
  const { registry } = lifecycle;
  const { signal, onPrompt, maxWaitMs, onWait } = options;
  let current = workspace;
  while (current.state === "initializing" || (current.state === "creating" && current.operation?.alive)) {
    await registry.whenFree(current.id, { signal });
    const next = await registry.get(current.id);
    if (next === undefined) throw berthError("workspace.unknown", { context: { name: workspace.name } });
    current = next;
    if (current.state !== "initializing" || current.operation?.alive) continue;
    await using operation = await registry.operation(current.id, "init", { signal, waitMs: 1000 });
    const mine = await whole(lifecycle, operation);
    if (mine.state !== "initializing") return mine;
    const settings = await settingsOf(mine.project.path);
    const work = {
      ...(signal === undefined ? {} : { signal }),
      ...(onPrompt === undefined ? {} : { onPrompt }),
      ...(maxWaitMs === undefined ? {} : { maxWaitMs }),
      ...(onWait === undefined ? {} : { onWait }),
    };
    return await finishInit(lifecycle, mine, { ...work, settings, update: false, resume: true });
  }
  return current;
}
