import { parseRuntimeConfig, type RuntimeConfig } from "../../contract/config.ts";
import { berthError } from "../../contract/errors.ts";
import type { Runtime } from "../../contract/runtime.ts";
import type { StoredRuntimeConfig, Workspace, WorkspacePlace } from "../../contract/workspace.ts";
import type { WorkOptions } from "../api.ts";
import type { Repository } from "../git/base.ts";
import type { GitPlace } from "../git/git-place.ts";
import { localGitPlace } from "../git/places.ts";
import type { Placement, PlacementRequest } from "../placement/placement.ts";
import { placementFor } from "../placement/placement-for.ts";
import type { StoredProject } from "../registry/registry.ts";
import { type Lifecycle, openOptions } from "./context.ts";

/** Where a workspace stands or will stand, not opened. */
export interface Site {
  readonly project: StoredProject;
  readonly placement: Placement;
  readonly request: PlacementRequest;
}

/** What a site is made of; also of a workspace whose record is gone. */
export interface SiteFacts {
  readonly id: string;
  readonly name: string;
  readonly runtime: StoredRuntimeConfig;
  readonly place: WorkspacePlace | undefined;
  readonly existing?: string | undefined;
}

/** @throws runtime.type_unsupported, config.invalid */
export async function siteOf(lifecycle: Lifecycle, project: StoredProject, facts: SiteFacts): Promise<Site> {
  const placement = await placementFor(facts.runtime);
  const request: PlacementRequest = {
    workspaceId: facts.id,
    name: facts.name,
    project,
    gitDir: project.gitDir,
    ownerId: lifecycle.registry.ownerId,
    config: parseRuntimeConfig(facts.runtime) as RuntimeConfig,
    place: facts.place,
    existing: facts.existing,
    stateDirectory: lifecycle.stateDirectory,
  };
  return { project, placement, request };
}

/** The project of a workspace, with where its repository is. */
export async function projectOf(
  lifecycle: Lifecycle,
  workspace: Pick<Workspace, "project">,
): Promise<StoredProject> {
  const project = await lifecycle.registry.project(workspace.project.id);
  if (project !== undefined) return project;
  throw berthError("workspace.not_a_project", { context: { path: workspace.project.path } });
}

/** @throws runtime.type_unsupported, config.invalid */
export async function siteOfWorkspace(lifecycle: Lifecycle, workspace: Workspace): Promise<Site> {
  return siteOf(lifecycle, await projectOf(lifecycle, workspace), workspace);
}

/** A place that is open for git. Disposing leaves it. */
export interface OpenSite extends AsyncDisposable {
  readonly site: Site;
  readonly git: GitPlace;
  readonly place: WorkspacePlace;
  readonly runtime: Runtime | undefined;
  /** The repository of the checkout in the place. */
  readonly repository: Repository;
}

/** @throws what opening the place throws */
export async function openSite(lifecycle: Lifecycle, site: Site, options: WorkOptions): Promise<OpenSite> {
  const { place, git, runtime } = await site.placement.prepare(site.request, openOptions(lifecycle, options));
  return {
    site,
    git,
    place,
    runtime,
    repository: repositoryIn(site, git, place),
    [Symbol.asyncDispose]: async () => {
      await runtime?.close();
    },
  };
}

/** The repository that a checkout belongs to. */
export function repositoryIn(site: Site, git: GitPlace, place: WorkspacePlace): Repository {
  if (site.placement.sharesRepository) return { git, gitDir: site.project.gitDir };
  return { git, gitDir: place.base ?? `${place.path}/.git` };
}

/** The project's own repository, on this machine. */
export function homeOf(project: StoredProject): Repository {
  return { git: localGitPlace(), gitDir: project.gitDir };
}
