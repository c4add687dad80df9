import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { type DockerImageConfig, parseRuntimeConfig, type RuntimeConfig } from "../contract/config.ts";
import { berthError, isBerthError } from "../contract/errors.ts";
import type { OpenOptions, Runtime } from "../contract/runtime.ts";
import { openRuntime, resolveRuntime } from "../runtimes/open.ts";
import { byteSize, collect, positiveNumber } from "./arguments.ts";
import { toLog } from "./command-events.ts";
import { usageError } from "./errors.ts";
import { addRunnerOptions, type RunnerFlags } from "./runner/target.ts";
import { addSshOptions, givenSshFlags, type SshOptions, sshFields } from "./ssh-options.ts";
import { whileOpening } from "./while-opening.ts";

/** Options of every command that works in a runtime. */
export interface RuntimeOptions extends SshOptions, RunnerFlags {
  readonly runtime?: string;
  readonly workspace?: string;
  readonly daemon?: boolean;
  readonly mount?: string[];
  readonly project?: boolean;
  readonly publish?: string[];
  readonly pull?: "missing" | "always" | "never";
  readonly keep?: boolean;
  readonly cpus?: number;
  readonly memory?: number;
  readonly network?: string;
  readonly quiet?: boolean;
  readonly json?: boolean;
  /** Not of the command line: ends the opening, as an interrupt does. */
  readonly endOpening?: AbortSignal;
}

export function addRuntimeOption(command: Command): Command {
  return addSshOptions(addPlaceOptions(command));
}

/** Where a command works: `-r`, `-w`. */
export function addPlaceOptions(command: Command): Command {
  command
    .option(
      "-r, --runtime <runtime>",
      "where: a name of berth.yaml or a URI (ssh://box/srv/app, docker://web, docker-image:debian:12, local:); default: BERTH_RUNTIME, the default of berth.yaml, local",
    )
    .option(
      "-w, --workspace <workspace>",
      "where: a workspace of this project, PROJECT/NAME or an id; default: BERTH_WORKSPACE",
    )
    .option("--no-daemon", "use no daemon in the place: fewer capabilities, nothing outlives the command")
    .option("-q, --quiet", "no progress and no questions on the terminal");
  return addRunnerOptions(command);
}

/** Options for a container that is made for this command. */
export function addImageOptions(command: Command): Command {
  return addContainerOptions(command)
    .option(
      "--project",
      "docker-image: the current project in the container at its own path, as the working directory",
    )
    .option("--keep", "docker-image: keep the container afterwards; it is then docker://NAME");
}

/** How a container is made from an image. */
export function addContainerOptions(command: Command): Command {
  return command
    .option(
      "--mount <source:target[:ro]>",
      "docker-image: a directory of this machine or a volume in the container (repeatable)",
      collect,
    )
    .option(
      "-p, --publish <[host:]port>",
      "docker-image: a port of the container on 127.0.0.1 (repeatable)",
      collect,
    )
    .addOption(
      new Option("--pull <when>", "docker-image: pull the image").choices(["missing", "always", "never"]),
    )
    .option("--cpus <number>", "docker-image: limit of CPUs", positiveNumber)
    .option("--memory <bytes>", "docker-image: limit of memory, such as 512m", byteSize)
    .option("--network <name>", "docker-image: network of the container, such as none");
}

/** NAME=VALUE, or NAME for the value that it has here; then the lines of `--env-from`s before them. */
export function environment(
  pairs: readonly string[] = [],
  files: readonly string[] = [],
): Record<string, string> {
  const result: Record<string, string> = {};
  for (const file of files) {
    for (const line of readText(file).split("\n")) {
      const text = line.replace(/\r$/, "");
      if (text.trim() !== "" && !text.trimStart().startsWith("#")) add(result, text, `a line of ${file}`);
    }
  }
  for (const pair of pairs) add(result, pair, "--env");
  return result;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw usageError(`${path} can't be read: ${(cause as NodeJS.ErrnoException).code}`);
  }
}

function add(result: Record<string, string>, pair: string, source: string): void {
  const equals = pair.indexOf("=");
  const name = equals === -1 ? pair : pair.slice(0, equals);
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    throw usageError(
      `${source}: the name of a variable is not valid`,
      "Give NAME=VALUE, or NAME for the value that it has here.",
    );
  }
  if (equals !== -1) result[name] = pair.slice(equals + 1);
  else if (process.env[name] !== undefined) result[name] = process.env[name];
}

/** The configuration that `-r` and the options of its place mean. */
export async function runtimeConfig(options: RuntimeOptions): Promise<RuntimeConfig> {
  const asked = options.runtime ?? (process.env.BERTH_RUNTIME || undefined);
  const { config } = await resolveRuntime(asked);
  return withPlaceOptions(config, options);
}

/** A configuration with what the command line adds to it. */
export function withPlaceOptions(config: RuntimeConfig, options: RuntimeOptions): RuntimeConfig {
  const merged: Record<string, unknown> = { ...config };
  if (options.daemon === false) merged.daemon = "never";
  const sshFlags = givenSshFlags(options);
  if (sshFlags.length > 0 && config.type !== "ssh") {
    throw usageError(
      `only a host that is reached by SSH takes ${sshFlags.join(", ")}`,
      "Use -r ssh://[USER@]HOST, or a name of berth.yaml that is one.",
    );
  }
  Object.assign(merged, sshFields(options));
  const image = imageOptions(options);
  if (Object.keys(image).length > 0) {
    if (!("image" in config)) {
      const names = Object.keys(image).join(", ");
      throw usageError(
        `only a container made from an image takes ${names}`,
        "Use -r docker-image:NAME[:TAG].",
      );
    }
    Object.assign(merged, image);
    if (image.mounts !== undefined) merged.mounts = [...(config.mounts ?? []), ...image.mounts];
    if (image.ports !== undefined) merged.ports = [...(config.ports ?? []), ...image.ports];
  }
  return parseRuntimeConfig(merged, "command line");
}

/** Whether the command line says more of the place than where it is. */
export function hasPlaceOptions(options: RuntimeOptions): boolean {
  return (
    options.daemon === false ||
    givenSshFlags(options).some((flag) => flag !== "--wait") ||
    Object.keys(imageOptions(options)).length > 0
  );
}

/**
 * The workspace that a command works in: `-w`, else BERTH_WORKSPACE unless `-r` says otherwise. undefined: in a
 * runtime.
 */
export function askedWorkspace(options: RuntimeOptions): string | undefined {
  const { workspace, runtime } = options;
  if (workspace !== undefined && runtime !== undefined) {
    throw usageError("-r and -w exclude each other", "A workspace has its own runtime: leave -r out.");
  }
  if (typeof options.runner === "string" && runtime !== undefined) {
    throw usageError("-r and --runner exclude each other", "A runner has workspaces: say which by -w.");
  }
  const asked = workspace ?? (runtime === undefined ? process.env.BERTH_WORKSPACE || undefined : undefined);
  if (asked === undefined && typeof options.runner === "string") {
    throw usageError(
      "it was not said which workspace of the runner",
      `Say it by -w; \`berth workspace list --all --runner ${options.runner}\` lists them.`,
    );
  }
  if (asked !== undefined && hasPlaceOptions(options)) {
    throw usageError(
      `the workspace ${asked} has its own configuration`,
      `Leave the options of the place out, or change it: berth workspace config ${asked} --set …`,
    );
  }
  return asked;
}

function imageOptions(options: RuntimeOptions): Partial<DockerImageConfig> {
  const mounts = (options.mount ?? []).map(parseMount);
  let workdir: string | undefined;
  if (options.project) {
    workdir = process.cwd();
    mounts.push({ source: workdir, target: workdir });
  }
  const ports = (options.publish ?? []).map(parsePublish);
  return {
    ...(mounts.length > 0 ? { mounts } : {}),
    ...(workdir === undefined ? {} : { workdir }),
    ...(ports.length > 0 ? { ports } : {}),
    ...(options.pull === undefined ? {} : { pull: options.pull }),
    ...(options.keep === undefined ? {} : { keep: options.keep }),
    ...(options.cpus === undefined ? {} : { cpus: options.cpus }),
    ...(options.memory === undefined ? {} : { memoryBytes: options.memory }),
    ...(options.network === undefined ? {} : { network: options.network }),
  };
}

function parseMount(text: string): NonNullable<DockerImageConfig["mounts"]>[number] {
  const match = /^(.+?):(\/[^:]*)(?::(ro|rw))?$/.exec(text);
  if (match === null)
    throw usageError(
      `"${text}" is not a mount`,
      "Give SOURCE:TARGET or SOURCE:TARGET:ro, with an absolute target.",
    );
  const [, source = "", target = "", mode] = match;
  const isPath = /^[./~]/.test(source);
  const path = source.startsWith("~") ? homedir() + source.slice(1) : source;
  return { source: isPath ? resolve(path) : source, target, ...(mode === "ro" ? { readOnly: true } : {}) };
}

function parsePublish(text: string): NonNullable<DockerImageConfig["ports"]>[number] {
  const match = /^(?:(?:([\d.]+|\[[\da-fA-F:]+\]):)?(\d+):)?(\d+)(?:\/(tcp|udp))?$/.exec(text);
  if (match === null)
    throw usageError(`"${text}" is not a port`, "Give PORT, HOSTPORT:PORT or ADDRESS:HOSTPORT:PORT.");
  const [, address, host, container, protocol] = match;
  return {
    container: Number(container),
    ...(host === undefined ? {} : { host: Number(host) }),
    ...(address === undefined ? {} : { address: address.replace(/[[\]]/g, "") }),
    ...(protocol === undefined ? {} : { protocol: protocol as "tcp" | "udp" }),
  };
}

/** The error of a workspace whose checkout is gone, in place of a directory that is missing. */
export function explained(cause: unknown, options: RuntimeOptions & { readonly cwd?: string }): unknown {
  const name = askedWorkspace(options);
  if (name === undefined || options.cwd !== undefined || !isBerthError(cause, "process.cwd_not_found"))
    return cause;
  return berthError("workspace.missing", { context: { name, path: cause.context.cwd }, cause });
}

/** Opens the place with progress on stderr. An interrupt meanwhile ends the opening. */
export async function open(options: RuntimeOptions, onEvent?: OpenOptions["onEvent"]): Promise<Runtime> {
  const events = onEvent === undefined ? {} : { onEvent };
  const workspace = askedWorkspace(options);
  if (workspace !== undefined) {
    // Loaded only where it is used: most of a short command's time is loading.
    const { openWorkspace } = await import("./workspaces.ts");
    return openWorkspace(workspace, options, events);
  }
  return whileOpening(options, (openOptions) =>
    runtimeConfig(options).then((config) => {
      // A runner records what happens by it.
      const sink = config.type === "remote" ? events : { onEvent: toLog(onEvent) };
      return openRuntime(config, { ...openOptions, ...sink });
    }),
  );
}
