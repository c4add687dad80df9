import type { WorkspaceStatus } from "../../contract/workspace.ts";
import type { Selection, WorkOptions } from "../api.ts";
import type { Lifecycle } from "./context.ts";
import { factsOf, lookAt } from "./look-at.ts";
import { select } from "./select.ts";
import { openSite, siteOfWorkspace } from "./site.ts";
import { assertThere } from "./there.ts";

/**
 * What is in a workspace and nowhere else.
 * @throws workspace.unknown, workspace.ambiguous, workspace.interrupted, what the way to the place throws
 */
export async function status(
  lifecycle: Lifecycle,
  selector: string,
  options: WorkOptions & Selection,
): Promise<WorkspaceStatus> {
  const workspace = assertThere(await select(lifecycle, selector, options));
  const site = await siteOfWorkspace(lifecycle, workspace);
  await using open = await openSite(lifecycle, site, options);
  const facts = await factsOf(workspace, options);
  const looked = await lookAt(workspace, open, facts, { ...options, branchGoes: workspace.ownsBranch });
  return looked.status;
}
