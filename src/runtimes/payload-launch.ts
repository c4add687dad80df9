import { berthError } from "../contract/errors.ts";
import { shellQuote } from "../transports/shell-quote.ts";
import {
  GUARDED_VARIABLES,
  KEPT_PREFIX,
  launchEnvironment,
  OPEN_FILES_VARIABLE,
} from "../wire/launch-environment.ts";
import type { PayloadManifest } from "./payload-manifest.ts";

/** The oldest Node that runs the bundle. */
export const MINIMUM_NODE_MAJOR = 18;

export interface LaunchOptions {
  readonly manifest: PayloadManifest;
  /** Where the bundle is in the place. */
  readonly bundleDirectory: string;
  /** Where the portable Node is in the place, or the path of the place's own. */
  readonly node: { readonly directory: string } | { readonly executable: string };
  /** Arguments of the daemon. */
  readonly args?: readonly string[];
}

export interface Launch {
  /** Runs the daemon. */
  readonly argv: readonly string[];
  /** Runs the same Node; a script follows. */
  readonly nodeArgv: readonly string[];
  /** To be set for the daemon. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The command that starts the daemon. The portable Node is run by its own loader, so that neither the place's
 * libc nor LD_LIBRARY_PATH comes in, and nothing is set that a child would inherit.
 * @throws provision.no_directory for a directory that a loader's search path can't hold
 */
export function launchDaemon(options: LaunchOptions): Launch {
  const nodeArgv =
    "executable" in options.node
      ? [options.node.executable]
      : portableNodeArgv(options.node.directory, options.manifest.nodeFlags);
  return {
    argv: [...nodeArgv, `${options.bundleDirectory}/${options.manifest.entry}`, ...(options.args ?? [])],
    nodeArgv,
    env: launchEnvironment(nodeArgv),
  };
}

/** Runs the portable Node in `directory`; a script follows. @throws provision.no_directory */
export function portableNodeArgv(directory: string, flags: readonly string[]): string[] {
  if (/[:;$]/.test(directory)) {
    throw berthError("provision.no_directory", {
      message: `programs can't be run from ${directory}: the loader takes : ; and $ for its own`,
      hint: "Give another directory by `stateDir`.",
      context: { directory },
    });
  }
  // The cache of the place lists libraries of the place; none of them is wanted.
  const loader = [`${directory}/ld.so`, "--inhibit-cache", "--library-path", `${directory}/lib`];
  return [...loader, "--argv0", "berthd", `${directory}/node`, ...flags];
}

/**
 * Shell text that becomes the daemon (`exec`), with the variables guarded that would change its Node, without those
 * that the shell has set for itself, and with the limit of open files noted, which Node raises. `through` is a command that starts it, such as the
 * helper's `daemonize`.
 */
export function launchScript(launch: Launch, through: readonly string[] = []): string {
  const env = Object.entries(launch.env).map(([name, value]) => `export ${name}=${shellQuote(value)}`);
  return `for _berth_name in ${GUARDED_VARIABLES.join(" ")}; do
  eval "_berth_set=\\\${$_berth_name+x} _berth_value=\\\${$_berth_name-}"
  if [ -n "$_berth_set" ]; then export "${KEPT_PREFIX}$_berth_name=$_berth_value"; unset "$_berth_name"; fi
done
unset _berth_name _berth_set _berth_value PWD OLDPWD
[ "\${SHLVL-}" != 1 ] || unset SHLVL
${OPEN_FILES_VARIABLE}=$(ulimit -S -n 2>/dev/null) && export ${OPEN_FILES_VARIABLE}
${env.join("\n")}
exec ${[...through, ...launch.argv].map(shellQuote).join(" ")}
`;
}
