import { createHash } from "node:crypto";
import { isAbsolute } from "node:path";
import type { DockerImageConfig } from "../../contract/config.ts";
import { berthError } from "../../contract/errors.ts";
import { VERSION } from "../../contract/version.ts";
import type { DockerEngine } from "../../transports/docker/engine.ts";
import { apiReason } from "../../transports/docker/errors.ts";
import { GUARDED_VARIABLES, KEPT_PREFIX, NODE_ARGV_VARIABLE } from "../../wire/launch-environment.ts";
import { CONTAINER_PATHS, type ContainerLaunch } from "./derived-image.ts";
import { DEFAULT_LEASE_MS } from "./lease.ts";
import { LABEL } from "./owner.ts";
import type { ImageDescription } from "./pull.ts";

const CREATE_DEADLINE_MS = 60_000;
const DEFAULT_PIDS_LIMIT = 4096;
/** Holds a container up until it is stopped. */
const HOLD = ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 86400 & wait $!; done"];

export interface CreateRequest {
  readonly config: DockerImageConfig;
  /** What the container is made of: the image's name, or the derived one's. */
  readonly reference: string;
  /** The image that was asked for. */
  readonly image: ImageDescription;
  /** How Berth's init starts the daemon; undefined: nothing of Berth's is in the container (daemon: never). */
  readonly launch: ContainerLaunch | undefined;
  /** Directories of this machine to mount, by their place in the container. */
  readonly mounted: readonly OwnMount[];
  /** The engine's machine labels files (SELinux). */
  readonly selinux: boolean;
  readonly owner: string;
  readonly record: string;
}

export interface OwnMount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** Identity of what a container was made with, so that one of a name is used again only for the same. */
export function configIdentity(config: DockerImageConfig, image: ImageDescription): string {
  const { keep: _keep, leaseMs: _leaseMs, pull: _pull, processLogDir: _processLogDir, env, ...rest } = config;
  const made = config.entrypoint === "image" ? { ...rest, env } : rest;
  return createHash("sha256")
    .update(JSON.stringify([image.Id, made]))
    .digest("hex")
    .slice(0, 32);
}

/**
 * Identity of what a workspace's container was made with. The image's id is not in it: a tag that moves on is no reason
 * to make the container again, which would lose what was installed in it. Nor is what is no part of a container, such as
 * the environment of commands.
 */
export function workspaceIdentity(config: DockerImageConfig): string {
  const { keep: _keep, leaseMs: _leaseMs, pull: _pull, env: _env, workdir: _workdir, ...rest } = config;
  const { engine: _engine, pathMap: _pathMap, processLogDir: _processLogDir, ...some } = rest;
  const { registryCredentials: _registryCredentials, ...made } = some;
  return createHash("sha256").update(JSON.stringify(made)).digest("hex").slice(0, 32);
}

/** Id of the workspace that a container is made for; undefined: it is of none, and goes with its runtime. */
export function workspaceOf(config: DockerImageConfig): string | undefined {
  return config.keep ? config.workspace : undefined;
}

/** Name of the volume that a workspace's checkout is in: the one that is mounted where workspaces stand. */
export function workspaceVolumeOf(config: DockerImageConfig): string | undefined {
  if (workspaceOf(config) === undefined || config.baseDir === undefined) return undefined;
  return config.mounts?.findLast(({ target }) => target === config.baseDir)?.source;
}

/**
 * Creates the container, with labels that say whose it is.
 * @throws docker.create_failed, docker.port_in_use
 */
export async function createContainer(
  engine: DockerEngine,
  request: CreateRequest,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { config } = request;
  try {
    const { Id } = await engine.json<{ Id: string }>({
      method: "POST",
      path: "/containers/create",
      query: { name: config.name },
      body: containerBody(request),
      signal,
      deadlineMs: CREATE_DEADLINE_MS,
    });
    return Id;
  } catch (error) {
    throw createError(error, config.image);
  }
}

/** What the engine says against creating or starting a container, typed. */
export function createError(error: unknown, image: string): unknown {
  const answer = apiReason(error);
  if (answer === undefined) return error;
  const options = { hop: "transport" as const, context: { image, ...answer }, cause: error };
  if (answer.status === 404 && /no such image/i.test(answer.reason)) {
    return berthError("docker.image_not_found", options);
  }
  if (/port is already allocated|address already in use/i.test(answer.reason)) {
    return berthError("docker.port_in_use", { ...options, message: answer.reason });
  }
  return berthError("docker.create_failed", {
    ...options,
    message: `the container could not be created: ${answer.reason}`,
  });
}

function containerBody(request: CreateRequest): Record<string, unknown> {
  const { config, image, mounted, selinux, launch } = request;
  const keepsEntrypoint = config.entrypoint === "image";
  const workspace = workspaceOf(config);
  const volume = workspaceVolumeOf(config);
  return {
    Image: request.reference,
    ...processes(request),
    Env: environment(request),
    Labels: {
      [LABEL.managed]: "1",
      [LABEL.owner]: request.owner,
      [LABEL.record]: request.record,
      [LABEL.leaseMs]: String(config.leaseMs ?? DEFAULT_LEASE_MS),
      [LABEL.ephemeral]: config.keep ? "0" : "1",
      [LABEL.config]: workspace === undefined ? configIdentity(config, image) : workspaceIdentity(config),
      ...(workspace === undefined ? {} : { [LABEL.workspace]: workspace }),
      [LABEL.version]: VERSION,
      [LABEL.shared]: mounted.length === 0 ? "0" : "1",
      ...(launch === undefined ? {} : { [LABEL.launch]: JSON.stringify(launch) }),
    },
    ...(config.user === undefined ? {} : { User: config.user }),
    // As `docker run --workdir`: it is made when it is missing. The image's own command keeps the image's, and that of a
    // workspace is its checkout, which git makes.
    ...(!keepsEntrypoint &&
    workspace === undefined &&
    config.workdir !== undefined &&
    isAbsolute(config.workdir)
      ? { WorkingDir: config.workdir }
      : {}),
    ExposedPorts: Object.fromEntries((config.ports ?? []).map((port) => [portName(port), {}])),
    HostConfig: {
      Mounts: [
        ...(selinux ? [] : mounted.map(ownMount)),
        ...(config.mounts ?? []).map((mount) => userMount(mount, volume)),
      ],
      Binds: selinux ? mounted.map(ownBind) : [],
      Tmpfs: tmpfs(request),
      PortBindings: portBindings(config),
      SecurityOpt: ["no-new-privileges"],
      PidsLimit: config.pidsLimit ?? DEFAULT_PIDS_LIMIT,
      ReadonlyRootfs: config.readOnly ?? false,
      Init: launch === undefined,
      ...(config.cpus === undefined ? {} : { NanoCpus: Math.round(config.cpus * 1e9) }),
      ...(config.memoryBytes === undefined ? {} : { Memory: config.memoryBytes }),
      ...(config.network === undefined ? {} : { NetworkMode: config.network }),
    },
  };
}

/**
 * Berth's init, with the daemon that it starts again when it dies, and the image's own command where asked for.
 * Without a daemon the container has the engine's init, and is held up by a shell.
 */
function processes({ config, image, launch }: CreateRequest): Record<string, unknown> {
  const own = [...(image.Config.Entrypoint ?? []), ...(image.Config.Cmd ?? [])];
  const keepsEntrypoint = config.entrypoint === "image";
  if (launch === undefined) return { Entrypoint: keepsEntrypoint ? own : HOLD, Cmd: [] };
  const { run } = CONTAINER_PATHS;
  const serve = [launch.entry, "serve", "--dir", run, "--socket-mode", "666", "--helper", launch.helper];
  // Its idle daemon would only be started again.
  const stays = ["--idle-exit-ms", String(2 ** 31 - 1)];
  const init = [launch.helper, "init", "--log", `${run}/daemon.log`, "--restart", "--"];
  const command = keepsEntrypoint ? ["--", ...own] : [];
  return { Entrypoint: [...init, ...launch.nodeArgv, ...serve, ...stays, ...command], Cmd: [] };
}

/**
 * Variables of the image that would change the daemon's Node are moved out of its way; the daemon gives them back to
 * its children. What the configuration adds is for commands, and for the image's own command where that runs.
 */
function environment({ config, image, launch }: CreateRequest): string[] {
  const own = config.entrypoint === "image" ? Object.entries(config.env ?? {}) : [];
  const pairs = own.map(([name, value]) => `${name}=${value}`);
  if (launch === undefined) return pairs;
  const guarded = new Set<string>(GUARDED_VARIABLES);
  const moved = (image.Config.Env ?? []).flatMap((pair) => {
    const equals = pair.indexOf("=");
    const name = pair.slice(0, equals);
    return guarded.has(name) ? [`${name}=`, `${KEPT_PREFIX}${pair}`] : [];
  });
  return [...pairs, ...moved, `${NODE_ARGV_VARIABLE}=${JSON.stringify(launch.nodeArgv)}`];
}

function ownMount({ source, target, readOnly }: OwnMount) {
  return { Type: "bind", Source: source, Target: target, ReadOnly: readOnly };
}

/** With SELinux the files need a label that all containers share; only this older form of a mount asks for it. */
function ownBind({ source, target, readOnly }: OwnMount): string {
  return `${source}:${target}:${readOnly ? "ro,z" : "z"}`;
}

function userMount(
  mount: NonNullable<DockerImageConfig["mounts"]>[number],
  workspaceVolume: string | undefined,
) {
  const Type = isAbsolute(mount.source) ? "bind" : "volume";
  return {
    Type,
    Source: mount.source,
    Target: mount.target,
    ReadOnly: mount.readOnly ?? false,
    // Its owner is the container's user; the engine would take over what the image has there.
    ...(mount.source === workspaceVolume ? { VolumeOptions: { NoCopy: true } } : {}),
  };
}

/** A read-only root still needs a place for temporary files, and for the daemon where that is not a mount. */
function tmpfs({ config, mounted, launch }: CreateRequest): Record<string, string> {
  if (!config.readOnly) return {};
  const runIsMounted = mounted.some(({ target }) => target === CONTAINER_PATHS.run);
  const targets = new Set((config.mounts ?? []).map(({ target }) => target));
  return {
    ...(targets.has("/tmp") ? {} : { "/tmp": "rw,exec,nosuid,nodev,mode=1777" }),
    ...(launch !== undefined && !runIsMounted ? { [CONTAINER_PATHS.run]: "rw,nosuid,nodev,mode=1777" } : {}),
  };
}

function portName(port: NonNullable<DockerImageConfig["ports"]>[number]): string {
  return `${port.container}/${port.protocol ?? "tcp"}`;
}

function portBindings(config: DockerImageConfig): Record<string, { HostIp: string; HostPort: string }[]> {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of config.ports ?? []) {
    const binding = {
      HostIp: port.address ?? "127.0.0.1",
      HostPort: port.host === undefined || port.host === 0 ? "" : String(port.host),
    };
    bindings[portName(port)] = [...(bindings[portName(port)] ?? []), binding];
  }
  return bindings;
}
