import { resolve } from "node:path";
import type { Selection, WorkOptions } from "../api.ts";
import { applyUncommitted } from "../git/apply.ts";
import { localGitPlace } from "../git/places.ts";
import { readProject } from "../git/project.ts";
import type { StoredProject } from "../registry/registry.ts";
import { type Lifecycle, record } from "./context.ts";
import { knownProject, select } from "./select.ts";
import { openSite, siteOfWorkspace } from "./site.ts";
import { assertThere } from "./there.ts";

/**
 * Brings a workspace's uncommitted work into the project's checkout here: that of `directory`, else the main one.
 * @throws workspace.apply_conflict, workspace.under_way, workspace.missing, what the way to the place throws
 */
export async function apply(
  lifecycle: Lifecycle,
  selector: string,
  options: WorkOptions & Selection & { readonly dryRun?: boolean },
): Promise<{ readonly files: readonly string[] }> {
  const { signal } = options;
  const workspace = assertThere(await select(lifecycle, selector, options));
  const site = await siteOfWorkspace(lifecycle, workspace);
  const root = await checkoutHere(lifecycle, site.project, options);
  await using open = await openSite(lifecycle, site, options);
  const from = { git: open.git, path: open.place.path };
  const dryRun = options.dryRun ?? false;
  const { files } = await applyUncommitted({ from, root, name: workspace.name, dryRun, signal });
  if (!dryRun && files.length > 0) {
    const message = `uncommitted work of ${workspace.name} in ${files.length} files was applied here`;
    await record(lifecycle, workspace, "workspace.applied", message, { files: files.length });
  }
  return { files };
}

async function checkoutHere(
  lifecycle: Lifecycle,
  project: StoredProject,
  { directory = process.cwd(), signal }: Selection & WorkOptions,
): Promise<string> {
  const known = directory === null ? undefined : await knownProject(lifecycle, directory);
  const inside = directory !== null && known?.id === project.id ? resolve(directory) : project.path;
  return (await readProject(localGitPlace(), inside, { signal })).root;
}
