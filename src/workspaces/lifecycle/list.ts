import type { Workspace } from "../../contract/workspace.ts";
import { localGitPlace } from "../git/places.ts";
import { readProject } from "../git/project.ts";
import type { Lifecycle } from "./context.ts";
import { knownProject } from "./select.ts";

/**
 * All workspaces, or those of the project that a directory is in.
 * @throws workspace.not_a_project
 */
export async function list(
  lifecycle: Lifecycle,
  { project: directory }: { readonly project?: string },
): Promise<Workspace[]> {
  if (directory === undefined) return lifecycle.registry.list();
  const project = await knownProject(lifecycle, directory);
  if (project !== undefined) return lifecycle.registry.list({ projectId: project.id });
  // One that no workspace has been made of, or none at all.
  await readProject(localGitPlace(), directory);
  return [];
}
