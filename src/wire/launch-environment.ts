/**
 * How the environment of the place's user gets past the daemon to its children unchanged.
 *
 * Some variables would keep the daemon's own Node from starting, or change it: a preloaded library of another
 * libc, `NODE_OPTIONS` with a file that is not there. The launch moves them to names with a prefix of Berth's;
 * the daemon moves them back for its children, and drops what is only for itself.
 */

/** Variables that concern the loader and Node, and that the daemon must not see. */
export const GUARDED_VARIABLES = [
  "LD_PRELOAD",
  "LD_AUDIT",
  "LD_LIBRARY_PATH",
  "LD_DEBUG",
  "LD_BIND_NOW",
  "GLIBC_TUNABLES",
  "MALLOC_ARENA_MAX",
  "NODE_OPTIONS",
  "NODE_CHANNEL_FD",
  "NODE_CHANNEL_SERIALIZATION_MODE",
  "NODE_UNIQUE_ID",
  "NODE_COMPILE_CACHE",
  "NODE_DEBUG",
  "NODE_DEBUG_NATIVE",
  "NODE_EXTRA_CA_CERTS",
  "NODE_ICU_DATA",
  "NODE_PENDING_DEPRECATION",
  "NODE_REDIRECT_WARNINGS",
  "NODE_V8_COVERAGE",
  "OPENSSL_CONF",
  "UV_THREADPOOL_SIZE",
  "UV_USE_IO_URING",
] as const;

/** Prefix of a guarded variable's other name. */
export const KEPT_PREFIX = "BERTHD_KEPT_";

/** JSON argv that starts the daemon's own Node again, to be followed by a script: `process.execPath` is the loader. */
export const NODE_ARGV_VARIABLE = "BERTHD_NODE";

/** Soft limit of open files before Node raised it, as `ulimit -S -n` says it: a number or "unlimited". */
export const OPEN_FILES_VARIABLE = "BERTHD_OPEN_FILES";

/** Everything that starts so is between Berth and its daemon, and never reaches a child. */
const OWN_PREFIX = "BERTHD_";

/** The environment to start a daemon with, from that of the place's user. */
export function guardEnvironment(environment: Readonly<Record<string, string>>): Record<string, string> {
  const guarded = new Set<string>(GUARDED_VARIABLES);
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      guarded.has(name) ? KEPT_PREFIX + name : name,
      value,
    ]),
  );
}

/** What the daemon itself is started with, besides the guarded environment of the place's user. */
export function launchEnvironment(nodeArgv: readonly string[]): Record<string, string> {
  return {
    [NODE_ARGV_VARIABLE]: JSON.stringify(nodeArgv),
    // File operations that hang, on a dead network mount, hold a thread each: the default is 4. A thread takes 36 KiB.
    UV_THREADPOOL_SIZE: "12",
    // These threads hardly allocate: an arena for each would only keep memory.
    MALLOC_ARENA_MAX: "1",
  };
}

/** The environment of the place's user, from the one that the daemon was started with. */
export function unguardEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const restored: Record<string, string> = {};
  // A launch moves every guarded variable away: what has such a name then is the launch's own.
  // `_` is what bash calls the command that it runs: the daemon.
  const launched = environment[NODE_ARGV_VARIABLE] !== undefined;
  const own = new Set<string>(launched ? [...GUARDED_VARIABLES, "_"] : []);
  for (const [name, value] of Object.entries(environment)) {
    // bash that becomes the daemon leaves a level of zero.
    if (value === undefined || (launched && name === "SHLVL" && value === "0")) continue;
    if (name.startsWith(KEPT_PREFIX)) restored[name.slice(KEPT_PREFIX.length)] = value;
    else if (!name.startsWith(OWN_PREFIX) && !own.has(name)) restored[name] = value;
  }
  return restored;
}
