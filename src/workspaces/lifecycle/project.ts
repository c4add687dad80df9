import { basename } from "node:path";
import { slug } from "../../contract/workspace-name.ts";
import { gitArgv } from "../git/environment.ts";
import { localGitPlace } from "../git/places.ts";
import type { ProjectFacts } from "../git/project.ts";
import type { StoredProject } from "../registry/registry.ts";
import type { Lifecycle } from "./context.ts";

/** The project of a repository, made known when it is not. One that was moved is found again by its worktrees. */
export async function ensureProject(
  { registry }: Lifecycle,
  { gitDir, mainRoot }: Pick<ProjectFacts, "gitDir" | "mainRoot">,
): Promise<StoredProject> {
  const name = slug(basename(mainRoot).replace(/\.git$/, ""));
  const project = await registry.ensureProject({ gitDir, path: mainRoot, name });
  if (project.movedFrom === undefined) return project;
  const here = (await registry.list({ projectId: project.id })).filter(
    ({ runtime, ownsCheckout }) => runtime.type === "worktree" && ownsCheckout,
  );
  for (const { id, place } of here) {
    if (place !== undefined) await registry.update(id, { place: { ...place, base: gitDir } });
  }
  const paths = here.flatMap(({ place }) => place?.path ?? []);
  // What it can't mend, doctor tells.
  if (paths.length > 0) {
    await localGitPlace().run(gitArgv([`--git-dir=${gitDir}`, "worktree", "repair", ...paths]));
  }
  return project;
}
