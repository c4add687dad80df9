import { posix } from "node:path";
import { berthError } from "../../contract/errors.ts";
import type { Workspace, WorkspacePlace } from "../../contract/workspace.ts";
import type { Selection, WorkOptions } from "../api.ts";
import { moveCheckout } from "../git/move-checkout.ts";
import { checkWorkspaceName, nameKey } from "../git/names.ts";
import { type Lifecycle, record, reporter } from "./context.ts";
import { whole } from "./init.ts";
import { select } from "./select.ts";
import { openSite, siteOfWorkspace } from "./site.ts";

/**
 * Gives a workspace another name, and a checkout that Berth made the directory of that name. Its branch keeps its own;
 * processes go on.
 * @throws workspace.name_invalid, workspace.name_taken, workspace.path_taken, workspace.missing, workspace.busy, what
 *   the way to the place throws
 */
export async function rename(
  lifecycle: Lifecycle,
  selector: string,
  name: string,
  options: WorkOptions & Selection,
): Promise<Workspace> {
  const { registry } = lifecycle;
  checkWorkspaceName(name);
  const found = await select(lifecycle, selector, options);
  await using operation = await registry.operation(found.id, "rename", { signal: options.signal });
  const workspace = await finishMove(lifecycle, await whole(lifecycle, operation), options);
  const { place } = workspace;
  const path = place === undefined ? undefined : posix.join(posix.dirname(place.path), name);
  const stays = !workspace.ownsCheckout || path === undefined || path === place?.path;
  if (workspace.name === name && stays) return { ...workspace, operation: undefined };
  // The name is taken first: of two that want it, one goes on.
  const named = await registry.update(workspace.id, { name });
  let moved = named;
  if (!stays && place !== undefined) {
    try {
      moved = await move(lifecycle, named, { ...place, path }, options);
    } catch (cause) {
      await registry.update(workspace.id, { name: workspace.name });
      throw cause;
    }
  }
  await record(lifecycle, moved, "workspace.renamed", `${workspace.name} is now ${name}`, {
    from: workspace.name,
  });
  return { ...moved, operation: undefined };
}

/** A move that a killed Berth has begun: where the checkout is counts, before it moves on. */
async function finishMove(
  lifecycle: Lifecycle,
  workspace: Workspace,
  options: WorkOptions,
): Promise<Workspace> {
  const journal = lifecycle.registry.journal(workspace.id);
  let finished = workspace;
  for (const entry of await journal.entries()) {
    if (entry.item.kind !== "directory") continue;
    const to = entry.item.place as WorkspacePlace;
    if (to.path !== finished.place?.path) finished = await move(lifecycle, finished, to, options);
    await journal.forget(entry);
  }
  return finished;
}

async function move(
  lifecycle: Lifecycle,
  workspace: Workspace,
  to: NonNullable<Workspace["place"]>,
  options: WorkOptions,
): Promise<Workspace> {
  const journal = lifecycle.registry.journal(workspace.id);
  if (nameKey(to.path) === nameKey(workspace.place?.path ?? "")) {
    throw berthError("workspace.unsupported", {
      message: "names that differ by case only are the same directory for some file systems",
      hint: "Choose a name that differs by more.",
      context: { operation: "rename" },
    });
  }
  const [entry] = await journal.plan({ kind: "directory", place: to });
  const site = await siteOfWorkspace(lifecycle, workspace);
  await using open = await openSite(lifecycle, site, options);
  reporter(options)("checkout", `moving ${open.place.path} to ${to.path}`);
  const { gitDir } = open.repository;
  const { path } = open.place;
  try {
    const now = await moveCheckout(open.git, { gitDir, path, to: to.path, signal: options.signal });
    return await lifecycle.registry.update(workspace.id, { place: { ...to, path: now } });
  } finally {
    if (entry !== undefined) await journal.forget(entry);
  }
}
