import type { RuntimeConfig } from "../contract/config.ts";
import type { Runtime } from "../contract/runtime.ts";
import type { EmbeddedDaemon, EmbedRequest, RuntimeContext } from "./context.ts";

type Opener<C extends RuntimeConfig> = (config: C, context: RuntimeContext) => Promise<Runtime>;
type Loaders = {
  readonly [T in RuntimeConfig["type"]]: () => Promise<Opener<Extract<RuntimeConfig, { type: T }>>>;
};

/** Every runtime, loaded when it is opened. The one place that knows all of them. */
const LOADERS: Loaders = {
  local: async () => (await import("./local.ts")).openLocal,
  worktree: async () => (await import("./local.ts")).openWorktree,
  docker: async () => (await import("./docker/open.ts")).openDocker,
  ssh: async () => (await import("./ssh/open.ts")).openSsh,
  remote: async () => (await import("./remote/open.ts")).openRemote,
};

/** Types of runtimes that this version has. */
export const RUNTIME_TYPES = Object.keys(LOADERS) as readonly RuntimeConfig["type"][];

/** Opens a runtime of any type. @throws what opening it throws */
export async function createRuntime(
  config: RuntimeConfig,
  context: Omit<RuntimeContext, "embed">,
): Promise<Runtime> {
  const open = (await LOADERS[config.type]()) as Opener<RuntimeConfig>;
  const runtime = await open(config, { ...context, embed: embedDaemon });
  const { type } = config;
  const message = `the runtime ${type} was selected: ${runtime.description}`;
  context.options.onEvent?.({
    type: "runtime.selected",
    message,
    runtime: runtime.description,
    data: { type },
  });
  return runtime;
}

export async function embedDaemon(request: EmbedRequest): Promise<EmbeddedDaemon> {
  const { createDaemon } = await import("../berthd/server.ts");
  return createDaemon({
    ...request,
    loginEnvironment: false,
    softFileLimit: 0,
    removesLogs: true,
    log: () => {},
  });
}
