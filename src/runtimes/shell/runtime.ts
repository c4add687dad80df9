import type { Capabilities, CapabilityName, Isolation } from "../../contract/capabilities.ts";
import type { RuntimeConfig } from "../../contract/config.ts";
import { type BerthError, berthError } from "../../contract/errors.ts";
import type { BerthEventInput } from "../../contract/events.ts";
import { located } from "../../contract/located.ts";
import type { Command, ExecHandle, ExecOptions } from "../../contract/process.ts";
import type { Runtime } from "../../contract/runtime.ts";
import type { Transport } from "../../transports/transport.ts";
import type { CheckWay } from "../common/check-steps.ts";
import { environmentPairs } from "../common/command.ts";
import { runCheck } from "./check.ts";
import { ShellExec } from "./exec.ts";
import { ShellFileSystem } from "./files.ts";
import { ShellPlace } from "./place.ts";
import { shellPorts } from "./ports.ts";

/** Runs under way at once. Each is a process in the place. */
const DEFAULT_MAX_RUNS = 32;
/** Shells kept ready: with two of them a sequence of short commands costs a round trip each. */
const DEFAULT_SPARE_RUNS = 2;
/** What `close()` leaves to commands that are being ended. */
const CLOSE_LIMIT_MS = 5_000;

export interface ShellRuntimeOptions {
  readonly kind: RuntimeConfig["type"];
  /** For people: "docker container web-1". */
  readonly description: string;
  readonly isolation: Isolation;
  /** Absolute path in the place. */
  readonly workdir: string;
  /** Translates an absolute path as the caller writes it to the path in the place. Default: as it is. */
  readonly mapPath?: ((path: string) => string) | undefined;
  /** Environment of every command; what the call itself gives wins. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** User of everything that is run; the transport's own when missing. */
  readonly user?: string | undefined;
  readonly transport: Transport;
  /** Why there is no daemon, by capability; a text is the reason of all. */
  readonly reasons?: string | Readonly<Partial<Record<CapabilityName, string>>> | undefined;
  readonly onEvent?: ((event: BerthEventInput) => void) | undefined;
  /** Steps of "Test connection" on the way to the place; the runtime adds its own behind them. */
  readonly check?: CheckWay | undefined;
  /** Called once by `close()`, before the transport is closed. */
  readonly close?: (() => Promise<void>) | undefined;
  /** The POSIX shell of the place. Default /bin/sh. */
  readonly shell?: string | undefined;
  /**
   * Runs under way at once; the rest waits. Default 32; over SSH no limit, as there the pool of connections knows how
   * many sessions the host opens.
   */
  readonly maxRuns?: number | undefined;
  /** Shells kept ready for the next scripts. Default 0; over SSH 2, as a start costs round trips there. */
  readonly spareRuns?: number | undefined;
}

const NEEDS_DAEMON = "needs the daemon, which is not used in this runtime";

function capabilitiesOf(reasons: ShellRuntimeOptions["reasons"]): Capabilities {
  const missing: CapabilityName[] = [
    "daemon",
    "spawn",
    "resume",
    "tty",
    "processTree",
    "user",
    "watch",
    "forward",
    "reverseForward",
    "durableWrite",
  ];
  const common = typeof reasons === "string" ? reasons : NEEDS_DAEMON;
  return {
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
    reasons: {
      ...Object.fromEntries(missing.map((name) => [name, common])),
      ...(typeof reasons === "object" ? reasons : {}),
    },
  };
}

/**
 * The runtime for places where no daemon may be or can be: commands and files by POSIX `sh` over
 * `transport.run()`. Nothing outlives the caller but what commands leave in the background. Everything else is
 * runtime.capability_unsupported. Asks the place nothing until the first call.
 */
export function createShellRuntime(options: ShellRuntimeOptions): Runtime {
  const bySsh = options.transport.sftp !== undefined;
  const place = new ShellPlace({
    transport: options.transport,
    shell: options.shell ?? "/bin/sh",
    paths: { workdir: options.workdir, mapPath: options.mapPath },
    user: options.user,
    maxRuns: options.maxRuns ?? (bySsh ? Number.POSITIVE_INFINITY : DEFAULT_MAX_RUNS),
    spareRuns: options.spareRuns ?? (bySsh ? DEFAULT_SPARE_RUNS : 0),
    onEvent: options.onEvent,
    description: options.description,
  });
  const base = environmentPairs(options.env);
  const capabilities = capabilitiesOf(options.reasons);
  const commands = new Set<ShellExec>();
  let closing: Promise<void> | undefined;

  const unsupported = async (capability: CapabilityName): Promise<never> => {
    throw refuse(capability);
  };

  const refuse = (capability: CapabilityName) =>
    unsupportedError(options.description, capability, capabilities);

  function exec(command: Command, execOptions: ExecOptions = {}): ExecHandle {
    const run = new ShellExec(place, base, command, execOptions, refuse);
    commands.add(run);
    void run.settled.then(() => commands.delete(run));
    return run;
  }

  const workdirExists = async () => void (await exec(["/bin/sh", "-c", ":"]));

  async function close(): Promise<void> {
    const error = place.closedError();
    place.refuse();
    for (const command of commands) command.shutdown(error);
    await place.close(CLOSE_LIMIT_MS);
    await options.close?.();
    await options.transport.close();
  }

  const closeOnce = () => {
    closing ??= close();
    return closing;
  };

  return {
    kind: options.kind,
    description: options.description,
    isolation: options.isolation,
    capabilities,
    workdir: options.workdir,
    fs: new ShellFileSystem(place, refuse),
    exec,
    spawn: (_command, spawnOptions) => unsupported(spawnOptions?.tty ? "tty" : "spawn"),
    shell: () => unsupported("tty"),
    process: () => unsupported("resume"),
    processes: () => unsupported("resume"),
    ports: (portOptions) => shellPorts(exec, options.description, portOptions),
    forward: () => unsupported("forward"),
    connect: () => unsupported("forward"),
    reverseForward: () => unsupported("reverseForward"),
    check: (checkOptions) => runCheck(place, { ...options, workdirExists }, checkOptions),
    close: closeOnce,
    [Symbol.asyncDispose]: closeOnce,
  };
}

function unsupportedError(
  runtime: string,
  capability: CapabilityName,
  capabilities: Capabilities,
): BerthError {
  const reason = capabilities.reasons[capability] ?? NEEDS_DAEMON;
  return berthError("runtime.capability_unsupported", {
    runtime,
    message: `${capability} is not available ${located(runtime)}: ${reason}`,
    context: { capability },
  });
}
