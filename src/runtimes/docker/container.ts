import type { Isolation } from "../../contract/capabilities.ts";
import { berthError } from "../../contract/errors.ts";
import type { DockerEngine } from "../../transports/docker/engine.ts";
import { refineContainerError } from "../../transports/docker/errors.ts";

/** What Berth reads of the engine's description of a container. */
export interface ContainerDescription {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly Created: string;
  readonly Path: string;
  readonly State: {
    readonly Status: string;
    readonly Running: boolean;
    readonly Paused: boolean;
    readonly Restarting: boolean;
    readonly ExitCode: number;
  };
  readonly Config: {
    readonly WorkingDir: string;
    readonly User: string;
    readonly Image: string;
    readonly Labels: Readonly<Record<string, string>> | null;
    readonly Env: readonly string[] | null;
  };
  readonly HostConfig: {
    readonly Init?: boolean | null;
    readonly NetworkMode: string;
    readonly PidMode: string;
    readonly ReadonlyRootfs: boolean;
  };
  readonly NetworkSettings: {
    readonly Ports?: Readonly<
      Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>
    > | null;
  };
}

/** @throws docker.container_not_found and what the engine client throws */
export async function inspectContainer(
  engine: DockerEngine,
  idOrName: string,
  signal?: AbortSignal,
): Promise<ContainerDescription> {
  try {
    const path = `/containers/${encodeURIComponent(idOrName)}/json`;
    return await engine.json<ContainerDescription>({ method: "GET", path, signal });
  } catch (error) {
    throw refineContainerError(error, idOrName);
  }
}

/** @throws docker.container_paused, docker.container_not_running */
export function assertRunning(container: ContainerDescription): void {
  const { State } = container;
  const options = { hop: "transport", context: { container: displayName(container) } } as const;
  if (State.Paused) throw berthError("docker.container_paused", options);
  if (!State.Running || State.Restarting) throw berthError("docker.container_not_running", options);
}

/** Published ports: "8080/tcp" → "127.0.0.1:49153". */
export function publishedPorts(container: ContainerDescription): Record<string, string> {
  const entries = Object.entries(container.NetworkSettings.Ports ?? {}).flatMap(([port, bindings]) => {
    const first = bindings?.[0];
    return first === undefined ? [] : [[port, `${first.HostIp}:${first.HostPort}`] as const];
  });
  return Object.fromEntries(entries);
}

/** The name that `docker ps` shows. */
export function displayName(container: ContainerDescription): string {
  return container.Name.replace(/^\//, "") || container.Id.slice(0, 12);
}

export function isolationOf(container: ContainerDescription, engine: DockerEngine): Isolation {
  const { NetworkMode, PidMode } = container.HostConfig;
  return {
    filesystem: "separate",
    processes: PidMode === "host" ? "shared" : "separate",
    network: NetworkMode === "host" ? "shared" : NetworkMode === "none" ? "none" : "separate",
    kernel: engine.endpoint.local ? "shared" : "separate",
  };
}

const INITS = [
  "init",
  "systemd",
  "tini",
  "dumb-init",
  "docker-init",
  "catatonit",
  "s6-svscan",
  "berth-helper",
];

/** Whether the container's first process reaps what others leave behind, as far as its name tells. */
export function hasInit(container: ContainerDescription): boolean {
  if (container.HostConfig.Init) return true;
  return INITS.includes(container.Path.split("/").at(-1) ?? "");
}
