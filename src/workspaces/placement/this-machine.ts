import { homedir } from "node:os";
import { join } from "node:path";
import { localGitPlace } from "../git/places.ts";
import { absoluteIn, placeBelow } from "./layout.ts";
import type { Placement } from "./placement.ts";

/** The project's own directory: registered, nothing made, nothing removed. */
export const localPlacement: Placement = {
  sharesRepository: true,
  stoppable: false,
  async prepare({ project, place, existing }) {
    return {
      place: place ?? { path: existing ?? project.path, base: null },
      git: localGitPlace(),
      runtime: undefined,
    };
  },
  configOf: ({ config, workspaceId }, { path }) => ({ ...config, workdir: path, workspace: workspaceId }),
  discard: async () => [],
};

/** A git worktree of the project's own repository, below Berth's state directory. */
export const worktreePlacement: Placement = {
  ...localPlacement,
  async prepare({ project, gitDir, name, config, stateDirectory, place, existing }) {
    const baseDir = "baseDir" in config ? config.baseDir : undefined;
    const directory =
      baseDir === undefined ? join(stateDirectory, "worktrees") : absoluteIn(homedir(), baseDir);
    const { path } = placeBelow(directory, project, name);
    const decided = existing === undefined ? { path, base: gitDir } : { path: existing, base: null };
    return { place: place ?? decided, git: localGitPlace(), runtime: undefined };
  },
};
