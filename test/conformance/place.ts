import { readdirSync, readFileSync } from "node:fs";
import type { Capabilities } from "../../src/contract/capabilities.ts";
import type { RuntimeConfig } from "../../src/contract/config.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import { isAlive, run, waitFor } from "../fixtures/process.ts";
import type { OpenClientOptions, Place } from "./case.ts";

/** Everything on: a daemon of its own by root. */
export const FULL = {
  daemon: true,
  spawn: true,
  resume: true,
  tty: true,
  processTree: "exact",
  user: true,
  watch: true,
  forward: true,
  reverseForward: true,
  contained: true,
  durableWrite: true,
} as const satisfies Omit<Capabilities, "reasons">;

export const NONE = {
  daemon: false,
  spawn: false,
  resume: false,
  tty: false,
  processTree: "group",
  user: false,
  watch: false,
  forward: false,
  reverseForward: false,
  contained: true,
  durableWrite: false,
} as const satisfies Omit<Capabilities, "reasons">;

/** An ordinary user, by a daemon. */
export const ORDINARY = { ...FULL, user: false };

/** A variable that every command of a place has by itself. */
export const INHERITED = { name: "PLACE_VARIABLE", value: 'it\'s of the $place, "really"' };

/** A place as it is made: with the configuration of the same place outside of a workspace, where it is in one. */
export type MadePlace = Omit<Place, "open"> & { readonly outside?: RuntimeConfig | undefined };

/** A place, with a way to open further clients of it. */
export function placeOf({ outside, ...base }: MadePlace, stack: AsyncDisposableStack): Place {
  return {
    ...base,
    open: async (options = {}) => {
      const config = options.workspace === undefined ? base.config : (outside ?? base.config);
      const runtime = await openRuntime(withOptions(config, options), {
        stateDirectory: base.stateDirectory,
        ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
      });
      stack.use(runtime);
      return runtime;
    },
  };
}

function withOptions(config: RuntimeConfig, options: OpenClientOptions): RuntimeConfig {
  const { env, workdir, workspace, processLogDir } = options;
  return {
    ...config,
    ...(env === undefined ? {} : { env: { ...config.env, ...env } }),
    ...(workdir === undefined ? {} : { workdir }),
    ...(workspace === undefined || workspace === null ? {} : { workspace }),
    ...(processLogDir === undefined ? {} : { processLogDir }),
  };
}

/** Ids of the groups of an account of this machine. */
export async function groupsOf(name: string): Promise<number[]> {
  const { stdout } = await run(["id", "-G", name]);
  return stdout.toString().trim().split(" ").map(Number);
}

/** Ends the daemons that serve directories of a test's own state: nothing else would before their idle exit. */
export async function endDaemons(stateDirectory: string): Promise<void> {
  const pids = daemonPids(stateDirectory);
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGTERM");
    } catch {
      // It has ended by itself.
    }
  }
  await waitFor("the daemons have ended", () => pids.every((pid) => !isAlive(pid)));
}

/** Daemons that serve a directory of this state directory, found by their argv. */
export function daemonPids(stateDirectory: string): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const argv = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
      const served = argv[argv.indexOf("--dir") + 1] ?? "";
      return argv.includes("serve") && served.startsWith(`${stateDirectory}/`) ? [Number(name)] : [];
    } catch {
      // It ended while it was looked at.
      return [];
    }
  });
}
