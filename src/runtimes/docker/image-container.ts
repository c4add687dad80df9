import type { DockerImageConfig } from "../../contract/config.ts";
import { berthError, isBerthError } from "../../contract/errors.ts";
import type { Runtime } from "../../contract/runtime.ts";
import { VERSION } from "../../contract/version.ts";
import { resolveEndpoint } from "../../transports/docker/endpoint.ts";
import { createDockerEngine } from "../../transports/docker/engine.ts";
import { createDockerTransport } from "../../transports/docker/transport.ts";
import type { CheckWay } from "../common/check-steps.ts";
import type { RuntimeContext } from "../context.ts";
import { createDaemonRuntime } from "../daemon/runtime.ts";
import { ownerId } from "../owner-id.ts";
import { createHandshake } from "../provision/handshake.ts";
import { createProgressSink } from "../provision/progress.ts";
import { checkDocker } from "./check.ts";
import {
  type ContainerDescription,
  displayName,
  inspectContainer,
  isolationOf,
  publishedPorts,
} from "./container.ts";
import { configIdentity, workspaceOf } from "./create-container.ts";
import { CONTAINER_PATHS } from "./derived-image.ts";
import { removeFiles } from "./gc.ts";
import { containerWorkdir, homeOf, needsHome } from "./home.ts";
import { DEFAULT_LEASE_MS, keepLease, readRecord } from "./lease.ts";
import { ensureRunning, foundContainer, makeAndStart, type Opening, type Started } from "./make-container.ts";
import { connectOwn, type OwnContainer, removeContainer } from "./own-container.ts";
import { LABEL } from "./owner.ts";
import { createPathMap } from "./path-map.ts";
import { ensureImage, type ImageDescription } from "./pull.ts";
import { workspaceContainer } from "./workspace-container.ts";

/**
 * A container that Berth makes from an image, starts, and removes when the runtime is closed (unless `keep`). The
 * daemon comes in by a read-only mount where the engine can mount from this machine, else by a derived image.
 * @throws docker.*, provision.start_failed, payload.not_built, runtime.platform_unsupported, wire.*
 */
export async function openImage(config: DockerImageConfig, context: RuntimeContext): Promise<Runtime> {
  const { signal, onEvent, onProgress } = context.options;
  await using failed = new AsyncDisposableStack();
  const engine = createDockerEngine(await resolveEndpoint(config.engine));
  failed.defer(() => engine.close());
  const what = `docker image ${config.image}`;
  const progress = createProgressSink({ runtime: what, onProgress, onEvent });
  const opening: Opening = {
    engine,
    config,
    stateDirectory: context.stateDirectory,
    owner: await ownerId(context.stateDirectory),
    progress,
    signal,
    onEvent,
  };
  progress.phase("connect", `asking ${engine.endpoint.text} for ${config.image}`);
  const workspace = workspaceOf(config);
  const started =
    workspace === undefined ? await openContainer(opening) : await workspaceContainer(opening, workspace);
  if (!config.keep) failed.defer(() => remove(opening, started));
  const lease = keepLease(started.record, config.leaseMs ?? DEFAULT_LEASE_MS);
  failed.use(lease);

  const container = await inspectContainer(engine, started.id, signal);
  const name = displayName(container);
  const description = `docker container ${name} (${config.image})`;
  onEvent?.({
    type: "docker.container_started",
    message: `${description} runs`,
    runtime: description,
    data: { container: started.id, image: config.image, ports: publishedPorts(container) },
  });
  const transport = createDockerTransport({
    engine,
    id: started.id,
    name,
    shared: started.shared
      ? { container: CONTAINER_PATHS.run, host: started.record.runDirectory }
      : undefined,
  });
  const mapPath = createPathMap(config.pathMap);
  const base = {
    kind: "docker" as const,
    description,
    isolation: isolationOf(container, engine),
    mapPath,
    ...(config.env === undefined ? {} : { env: config.env }),
    ...(onEvent === undefined ? {} : { onEvent }),
    check: ((steps, signal) =>
      checkDocker(
        { engine, containerId: started.id, probe: undefined, ownContainer: true },
        steps,
        signal,
      )) satisfies CheckWay,
  };
  const workdir = (home: string) => containerWorkdir(config.workdir, container, mapPath, home);
  if (started.launch === undefined) {
    const { createShellRuntime } = await import("../shell/runtime.ts");
    const runtime = createShellRuntime({
      ...base,
      transport,
      workdir: workdir(needsHome(config.workdir, container) ? await homeOf(transport, signal) : ""),
      reasons: "daemon: never",
      close: closer(failed),
    });
    progress.phase("ready", `${description} is ready`);
    return runtime;
  }
  const own: OwnContainer = {
    engine,
    id: started.id,
    launch: started.launch,
    transport,
    handshake: createHandshake(VERSION),
    direct: started.shared,
    token: started.shared ? started.record.token : undefined,
  };
  progress.phase("handshake", "waiting for the daemon in the container");
  const client = await connectOwn(own, { signal });
  failed.defer(() => client.close());
  progress.phase("ready", `${description} is ready`);
  return createDaemonRuntime({
    ...base,
    workspace: config.workspace,
    processLogDir: config.processLogDir,
    client,
    dial: (options) => connectOwn(own, options),
    bulkConnection: started.shared,
    workdir: (hello) => workdir(hello.user?.home ?? "/"),
    close: closer(failed),
  });
}

/** From here on it is the runtime that ends everything, in the reverse order. */
function closer(failed: AsyncDisposableStack): () => Promise<void> {
  const owned = failed.move();
  return () => owned.disposeAsync();
}

async function remove(opening: Opening, started: Started): Promise<void> {
  await removeContainer(opening.engine, started.id);
  await removeFiles(opening.engine, opening.stateDirectory, started.record.name, started.imageId);
}

async function openContainer(opening: Opening): Promise<Started> {
  const image = await ensureImage(opening.engine, opening.config, opening.progress, opening.signal);
  return (await reuseNamed(opening, image)) ?? (await makeAndStart(opening, image));
}

/** A container of that name that this Berth made with the same configuration is used again. */
async function reuseNamed(opening: Opening, image: ImageDescription): Promise<Started | undefined> {
  const { engine, config, signal } = opening;
  if (config.name === undefined) return undefined;
  let found: ContainerDescription;
  try {
    found = await inspectContainer(engine, config.name, signal);
  } catch (error) {
    if (isBerthError(error, "docker.container_not_found")) return undefined;
    throw error;
  }
  const labels = found.Config.Labels ?? {};
  const record =
    labels[LABEL.owner] === opening.owner && labels[LABEL.config] === configIdentity(config, image)
      ? await readRecord(opening.stateDirectory, labels[LABEL.record] ?? "")
      : undefined;
  if (record === undefined) {
    throw berthError("docker.create_failed", {
      hop: "transport",
      message: `there is a container ${config.name} already, which was made by somebody else or with another configuration`,
      hint: `Remove it (docker rm -f ${config.name}), choose another name, or use it as it is: docker://${config.name}`,
      context: { image: config.image, container: config.name },
    });
  }
  await ensureRunning(opening, found);
  return foundContainer(opening, found, record);
}
