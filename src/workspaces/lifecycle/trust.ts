import { resolve } from "node:path";
import type { Project } from "../../contract/workspace.ts";
import { localGitPlace } from "../git/places.ts";
import { readProject } from "../git/project.ts";
import type { Lifecycle } from "./context.ts";
import { ensureProject } from "./project.ts";

/**
 * Lets the hooks of the project that a directory is in run from now on, or no longer.
 * @throws workspace.not_a_project, workspace.git_missing
 */
export async function trust(lifecycle: Lifecycle, directory: string, trusted: boolean): Promise<Project> {
  const facts = await readProject(localGitPlace(), resolve(directory));
  const { id } = await ensureProject(lifecycle, facts);
  return lifecycle.registry.setTrusted(id, trusted);
}
