import type { RuntimeConfig } from "../../contract/config.ts";
import { berthError } from "../../contract/errors.ts";
import type { StoredRuntimeConfig } from "../../contract/workspace.ts";
import type { Placement } from "./placement.ts";

type Loader = (config: StoredRuntimeConfig) => Promise<Placement>;

/** How workspaces stand in each kind of runtime, loaded when one is used. The one place that knows all of them. */
const LOADERS: { readonly [T in RuntimeConfig["type"]]: Loader } = {
  local: async () => (await import("./this-machine.ts")).localPlacement,
  worktree: async () => (await import("./this-machine.ts")).worktreePlacement,
  docker: async (config) =>
    "image" in config
      ? (await import("./docker-image.ts")).dockerImagePlacement
      : (await import("./users-place.ts")).usersPlacement,
  ssh: async () => (await import("./users-place.ts")).usersPlacement,
  remote: async () => {
    throw berthError("config.invalid", {
      message: "runtime: a workspace does not stand in a workspace of a runner",
      hint: "Make it by the runner itself: berth --runner URL workspace create NAME",
      context: { fields: ["runtime"] },
    });
  },
};

/**
 * How workspaces stand in the runtime of a configuration, which may be a stored one of a later version.
 * @throws runtime.type_unsupported, config.invalid for a runner's workspace
 */
export async function placementFor(config: StoredRuntimeConfig): Promise<Placement> {
  const loaders: Readonly<Record<string, Loader | undefined>> = LOADERS;
  const load = Object.hasOwn(LOADERS, config.type) ? loaders[config.type] : undefined;
  if (load === undefined) throw berthError("runtime.type_unsupported", { context: { type: config.type } });
  return load(config);
}
