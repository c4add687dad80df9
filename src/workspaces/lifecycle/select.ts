import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { WORKSPACE_ID } from "../../contract/config-fields.ts";
import type { Workspace } from "../../contract/workspace.ts";
import type { Selection } from "../api.ts";
import { gitArgv } from "../git/environment.ts";
import { localGitPlace } from "../git/places.ts";
import { readProject } from "../git/project.ts";
import type { StoredProject } from "../registry/registry.ts";
import type { Lifecycle } from "./context.ts";
import { ensureProject } from "./project.ts";

/**
 * The workspace that a selector means: one with that id, else a bare name is looked for in the project of the directory
 * first. An id that somebody gave as a name to another workspace still means the one whose id it is.
 * @throws workspace.unknown, workspace.ambiguous
 */
export async function select(
  lifecycle: Lifecycle,
  selector: string,
  { directory = process.cwd() }: Selection = {},
): Promise<Workspace> {
  const named = WORKSPACE_ID.test(selector) ? await lifecycle.registry.get(selector) : undefined;
  if (named !== undefined) return named;
  const project = directory === null ? undefined : await knownProject(lifecycle, directory);
  return lifecycle.registry.find(selector, { projectId: project?.id });
}

/** The project that a directory is in, if it is known, also when it was moved there; nothing is made known. */
export async function knownProject(
  lifecycle: Lifecycle,
  directory: string,
): Promise<StoredProject | undefined> {
  const projects = await lifecycle.registry.projects();
  if (projects.length === 0) return undefined;
  const gitDir = await commonDirectory(directory);
  if (gitDir === undefined) return undefined;
  const known = projects.find((project) => project.gitDir === gitDir);
  if (known !== undefined || !(await lifecycle.registry.isKnownProject(gitDir))) return known;
  return ensureProject(lifecycle, await readProject(localGitPlace(), resolve(directory)));
}

async function commonDirectory(directory: string): Promise<string | undefined> {
  const argv = gitArgv(["-C", resolve(directory), "rev-parse", "--git-common-dir"]);
  const { exitCode, stdout } = await localGitPlace().run(argv);
  if (exitCode !== 0) return undefined;
  const path = resolve(directory, stdout.toString("utf8").replace(/\n$/, ""));
  return realpath(path).catch(() => undefined);
}
