import { openRuntime } from "../../runtimes/open.ts";
import { runtimeGitPlace } from "../git/places.ts";
import { absoluteIn, DEFAULT_BASE_DIR, placeBelow, refusePathMap } from "./layout.ts";
import type { Placement } from "./placement.ts";

/**
 * A place of the user's own: a host by SSH, a running container. Nothing is made in it but the checkout and its base
 * repository, so there is nothing to stop and nothing to discard.
 */
export const usersPlacement: Placement = {
  sharesRepository: false,
  stoppable: false,
  async prepare({ config, project, name, place, existing, stateDirectory }, options) {
    const runtime = await openRuntime({ ...config, workdir: "~" }, { ...options, stateDirectory });
    try {
      const baseDir = ("baseDir" in config ? config.baseDir : undefined) ?? DEFAULT_BASE_DIR;
      // Opened there, the workdir is the home directory, which costs no question.
      const below = placeBelow(absoluteIn(runtime.workdir, baseDir), project, name);
      const decided = existing === undefined ? below : { path: existing, base: null };
      if ("pathMap" in config) refusePathMap(config.pathMap, decided.path);
      return { place: place ?? decided, git: runtimeGitPlace(runtime), runtime };
    } catch (error) {
      await runtime.close();
      throw error;
    }
  },
  configOf: ({ config, workspaceId }, { path }) => ({ ...config, workdir: path, workspace: workspaceId }),
  discard: async () => [],
};
