import { posix } from "node:path";
import { berthError } from "../../contract/errors.ts";
import type { Project, WorkspacePlace } from "../../contract/workspace.ts";
import { createPathMap, type PathMapping } from "../../runtimes/docker/path-map.ts";

/** Where workspaces stand below the home directory of a place, unless its configuration says otherwise. */
export const DEFAULT_BASE_DIR = "~/berth";
/** Of the project's id in names of directories: names of projects are not unique. */
const ID_DIGITS = 6;
const BASE_NAME = ".base.git";

/** Name of a project's directory below a baseDir. */
export function projectDirectoryName(project: Project): string {
  return `${project.name}-${project.id.slice(0, ID_DIGITS)}`;
}

/** Where a workspace and its base repository stand below an absolute baseDir. */
export function placeBelow(
  baseDir: string,
  project: Project,
  workspace: string,
): WorkspacePlace & { base: string } {
  const directory = posix.join(baseDir, projectDirectoryName(project));
  return { path: posix.join(directory, workspace), base: posix.join(directory, BASE_NAME) };
}

/** The baseDir that a place was made below. */
export function baseDirOf(base: string): string {
  return posix.dirname(posix.dirname(base));
}

/** A path of a place, absolute: `~/` is the home directory there. */
export function absoluteIn(home: string, path: string): string {
  return path.startsWith("~/") ? posix.join(home, path.slice(2)) : posix.normalize(path);
}

/**
 * Paths of a workspace are the container's own, and have to be left as they are by the configuration's pathMap.
 * @throws config.invalid
 */
export function refusePathMap(pathMap: readonly PathMapping[] | undefined, path: string): void {
  if (createPathMap(pathMap)(path) === path) return;
  throw berthError("config.invalid", {
    message: `pathMap: it translates ${path}, where the workspace stands in the container`,
    hint: "Give another baseDir, or a narrower pathMap.",
    context: { fields: ["pathMap", "baseDir"] },
  });
}
