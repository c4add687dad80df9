import { berthError, isBerthError } from "../../contract/errors.ts";
import { located } from "../../contract/located.ts";
import type { WorkOptions } from "../api.ts";
import { readProject } from "../git/project.ts";
import { type Lifecycle, reporter } from "./context.ts";
import type { MadeItem } from "./made.ts";
import type { Made } from "./make.ts";
import { openSite, type Site } from "./site.ts";

/**
 * Takes a checkout that is in the place already, as it is: nothing there is changed, now or when the workspace is
 * deleted.
 * @throws workspace.missing: there is none; workspace.unsupported: it is of another repository
 */
export async function adopt(
  lifecycle: Lifecycle,
  site: Site,
  options: WorkOptions,
): Promise<Made & { readonly branch: string }> {
  const { workspaceId, name, config } = site.request;
  if (site.placement.stoppable) {
    const made: MadeItem = {
      kind: "container",
      in: { projectId: site.project.id, name, runtime: config, place: undefined },
    };
    await lifecycle.registry.journal(workspaceId).plan(made);
  }
  await using open = await openSite(lifecycle, site, options);
  const { git, place } = open;
  reporter(options)("look", `looking at ${place.path} ${located(git.description)}`);
  const facts = await readProject(git, place.path, { signal: options.signal }).catch((cause) => {
    if (!isBerthError(cause, "workspace.not_a_project")) throw cause;
    throw berthError("workspace.missing", {
      message: `there is no git checkout at ${place.path} ${located(git.description)}`,
      hint: "Give the absolute path of a checkout there, or leave --existing out to have one made.",
      runtime: git.description,
      context: { path: place.path, name: site.request.name },
    });
  });
  const refuse = (message: string, hint: string) =>
    berthError("workspace.unsupported", { message, hint, context: { operation: "create" } });
  if (facts.root === facts.gitDir) {
    throw refuse(`${place.path} is a bare repository`, "Give a checkout of it.");
  }
  if (site.placement.sharesRepository && facts.gitDir !== site.project.gitDir) {
    throw refuse(
      `${place.path} is a checkout of another repository`,
      "On this machine a workspace is the project's own directory, or a worktree of it.",
    );
  }
  if (facts.branch === null) {
    throw refuse(`no branch is checked out in ${facts.root}`, "Check one out there: git switch BRANCH");
  }
  return {
    place: { ...place, path: facts.root, base: facts.gitDir === `${facts.root}/.git` ? null : facts.gitDir },
    branch: facts.branch,
    startCommit: facts.head,
    ownsBranch: false,
  };
}
