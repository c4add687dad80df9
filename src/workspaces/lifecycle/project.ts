import { basename } from "node:path";
import { slug } from "../git/names.ts";
import type { ProjectFacts } from "../git/project.ts";
import type { StoredProject } from "../registry/registry.ts";
import type { Lifecycle } from "./context.ts";

/** The project of a repository, made known when it is not. */
export async function ensureProject(
  { registry }: Lifecycle,
  { gitDir, mainRoot }: Pick<ProjectFacts, "gitDir" | "mainRoot">,
): Promise<StoredProject> {
  const name = slug(basename(mainRoot).replace(/\.git$/, ""));
  return registry.ensureProject({ gitDir, path: mainRoot, name });
}
