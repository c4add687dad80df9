import { berthError } from "../../contract/errors.ts";
import type { Workspace, WorkspacePlace } from "../../contract/workspace.ts";

/**
 * A workspace whose checkout is there as a whole.
 * @throws workspace.busy: it is being made or deleted now; workspace.interrupted: that did not come to its end
 */
export function assertThere(workspace: Workspace): Workspace & { readonly place: WorkspacePlace } {
  const { name, state, place, operation } = workspace;
  if (state === "creating" || state === "deleting" || place === undefined) {
    const verb = state === "deleting" ? "delete" : "create";
    throw operation?.alive
      ? berthError("workspace.busy", { context: { name, pid: operation.pid, operation: verb } })
      : berthError("workspace.interrupted", { context: { name, operation: verb } });
  }
  return { ...workspace, place };
}
