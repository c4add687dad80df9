import { access } from "node:fs/promises";
import { join } from "node:path";
import { isBerthError } from "../../contract/errors.ts";
import type { Runtime } from "../../contract/runtime.ts";
import type { Workspace } from "../../contract/workspace.ts";
import { localRunDirectory } from "../../runtimes/state-directory.ts";
import type { WorkOptions } from "../api.ts";
import { type Lifecycle, openOptions } from "./context.ts";
import { openWorkspaceRuntime } from "./runtime.ts";
import type { Site } from "./site.ts";

/** Processes that run in a workspace, by Berth. */
export interface Running extends AsyncDisposable {
  /** For people: the name, or the command. */
  readonly names: readonly string[];
  /** Ends them, with all that they have started. */
  end(): Promise<void>;
}

/** What runs in a workspace; nothing is started to find out. */
export async function runningIn(
  lifecycle: Lifecycle,
  workspace: Workspace,
  site: Site,
  options: WorkOptions,
): Promise<Running> {
  const none: Running = { names: [], end: async () => {}, [Symbol.asyncDispose]: async () => {} };
  const config = site.request.config;
  if (config.type === "remote" || config.daemon === "never") return none;
  if (site.placement.sharesRepository) {
    const directory = await localRunDirectory(config.stateDir ?? lifecycle.stateDirectory);
    if (!(await exists(join(directory, "sock")))) return none;
  }
  const runtime = await openWorkspaceRuntime(
    lifecycle,
    workspace,
    openOptions(lifecycle, options, workspace.id),
  );
  return running(runtime, options).catch(async (cause) => {
    await runtime.close();
    throw cause;
  });
}

async function running(runtime: Runtime, { signal }: WorkOptions): Promise<Running> {
  const given = signal === undefined ? {} : { signal };
  const listed = runtime.capabilities.spawn ? await runtime.processes(given) : [];
  const live = listed.filter(({ state }) => state === "running");
  return {
    names: live.map(({ name, command }) => name ?? command.join(" ").slice(0, 80)),
    end: async () => {
      await Promise.all(
        live.map(async ({ id }) => {
          try {
            await (await runtime.process(id, given)).kill();
          } catch (cause) {
            // It has ended meanwhile.
            if (!isBerthError(cause, "process.unknown") && !isBerthError(cause, "process.reaped"))
              throw cause;
          }
        }),
      );
    },
    [Symbol.asyncDispose]: () => runtime.close(),
  };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
