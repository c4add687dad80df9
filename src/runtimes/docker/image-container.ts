import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DockerImageConfig } from "../../contract/config.ts";
import { berthError, isBerthError } from "../../contract/errors.ts";
import type { Runtime } from "../../contract/runtime.ts";
import { VERSION } from "../../contract/version.ts";
import { resolveEndpoint } from "../../transports/docker/endpoint.ts";
import { createDockerEngine, type DockerEngine } from "../../transports/docker/engine.ts";
import { createDockerTransport } from "../../transports/docker/transport.ts";
import type { RuntimeContext } from "../context.ts";
import { createDaemonRuntime } from "../daemon/runtime.ts";
import { ownerId } from "../owner-id.ts";
import { findPayload, type Payload } from "../payload.ts";
import { createHandshake } from "../provision/handshake.ts";
import { platformOf } from "../provision/probe-answer.ts";
import { createProgressSink, type ProgressSink } from "../provision/progress.ts";
import { checkDocker } from "./check.ts";
import {
  type ContainerDescription,
  displayName,
  inspectContainer,
  isolationOf,
  publishedPorts,
} from "./container.ts";
import { configIdentity, createContainer, createError, type OwnMount } from "./create-container.ts";
import {
  CONTAINER_PATHS,
  type ContainerLaunch,
  carriedLaunch,
  containerLaunch,
  ensureDerivedImage,
} from "./derived-image.ts";
import { removeFiles } from "./gc.ts";
import { containerWorkdir, homeOf, needsHome } from "./home.ts";
import {
  type ContainerRecord,
  createRecord,
  DEFAULT_LEASE_MS,
  keepLease,
  noteEngine,
  readRecord,
} from "./lease.ts";
import { connectOwn, type OwnContainer, removeContainer } from "./own-container.ts";
import { LABEL } from "./owner.ts";
import { createPathMap } from "./path-map.ts";
import { ensureImage, type ImageDescription, isMountError } from "./pull.ts";

/** What opening an image needs in every step. */
interface Opening {
  readonly engine: DockerEngine;
  readonly config: DockerImageConfig;
  readonly stateDirectory: string;
  readonly owner: string;
  readonly progress: ProgressSink;
  readonly signal: AbortSignal | undefined;
}

/** A container that runs, and what belongs to it on this machine. */
interface Started {
  readonly id: string;
  readonly record: ContainerRecord;
  readonly launch: ContainerLaunch | undefined;
  /** The record's run directory is mounted in it. */
  readonly shared: boolean;
}

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
  };
  progress.phase("connect", `asking ${engine.endpoint.text} for ${config.image}`);
  const image = await ensureImage(engine, config, progress, signal);
  const started = (await reuseNamed(opening, image)) ?? (await makeAndStart(opening, image));
  if (!config.keep) failed.defer(() => remove(opening, started, image.Id));
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
    check: (options: Parameters<typeof checkDocker>[1]) =>
      checkDocker({ engine, containerId: started.id, probe: undefined, ownContainer: true }, options),
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
  const client = await connectOwn(own, signal);
  failed.defer(() => client.close());
  progress.phase("ready", `${description} is ready`);
  return createDaemonRuntime({
    ...base,
    client,
    dial: (options) => connectOwn(own, options.signal),
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

async function remove(opening: Opening, started: Started, imageId: string): Promise<void> {
  await removeContainer(opening.engine, started.id);
  await removeFiles(opening.engine, opening.stateDirectory, started.record.name, imageId);
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
  if (found.State.Paused)
    await engine.json({ method: "POST", path: `/containers/${found.Id}/unpause`, signal });
  else if (!found.State.Running) await start(opening, found.Id);
  const launch = config.daemon === "never" ? undefined : carriedLaunch(labels);
  return { id: found.Id, record, launch, shared: labels[LABEL.shared] === "1" };
}

async function makeAndStart(opening: Opening, image: ImageDescription): Promise<Started> {
  const { config, engine, progress, signal } = opening;
  const wanted = config.delivery ?? "auto";
  if (config.daemon === "never") return make(opening, image, { launch: undefined });
  const carried = carriedLaunch(image.Config.Labels ?? {});
  if (wanted === "mount" || (wanted === "auto" && engine.endpoint.local)) {
    try {
      const delivery = await mountedDelivery(opening, image, carried);
      return await make(opening, image, delivery);
    } catch (error) {
      // An engine in a VM does not see this machine's files: tried, not assumed.
      if (wanted === "mount" || !isMountError(error) || isOfUsersMount(error, config)) throw error;
    }
  }
  if (carried !== undefined) return make(opening, image, { launch: carried });
  const payload = await payloadOf(image);
  const derived = await ensureDerivedImage(engine, config.image, image, payload, progress, signal);
  return make(opening, image, { launch: containerLaunch(payload), reference: derived.Id });
}

/** How the daemon comes into a container. */
interface Delivery {
  readonly launch: ContainerLaunch | undefined;
  /** Parts of the payload to mount; with it, the record's run directory is mounted as well. */
  readonly mounts?: readonly OwnMount[];
  /** Another image than the one that was asked for. */
  readonly reference?: string;
}

async function mountedDelivery(
  opening: Opening,
  image: ImageDescription,
  carried: ContainerLaunch | undefined,
): Promise<Delivery> {
  if (carried !== undefined) return { launch: carried, mounts: [] };
  const payload = await payloadOf(image);
  const shared = await payload.share(join(opening.stateDirectory, "payload"));
  return {
    launch: containerLaunch(payload),
    mounts: [
      { source: shared.bundle, target: CONTAINER_PATHS.bundle, readOnly: true },
      { source: shared.node, target: CONTAINER_PATHS.node, readOnly: true },
    ],
  };
}

/** The payload for the image's platform, which need not be this machine's. */
async function payloadOf(image: ImageDescription): Promise<Payload> {
  return findPayload(platformOf({ os: image.Os, arch: image.Architecture, node: undefined }));
}

async function make(opening: Opening, image: ImageDescription, delivery: Delivery): Promise<Started> {
  const { engine, config, signal, progress } = opening;
  const { launch, mounts } = delivery;
  await using undo = new AsyncDisposableStack();
  progress.phase("create", `creating a container from ${config.image}`);
  const record = await createRecord(opening.stateDirectory);
  undo.defer(() => removeFiles(engine, opening.stateDirectory, record.name, undefined));
  await noteEngine(record, engine.endpoint.text);
  const run = { source: record.runDirectory, target: CONTAINER_PATHS.run, readOnly: false };
  const id = await createContainer(
    engine,
    {
      config,
      reference: delivery.reference ?? config.image,
      image,
      launch,
      mounted: mounts === undefined ? [] : [...mounts, run],
      selinux: existsSync("/sys/fs/selinux/enforce"),
      owner: opening.owner,
      record: record.name,
    },
    signal,
  );
  undo.defer(() => removeContainer(engine, id));
  await start(opening, id);
  undo.move();
  return { id, record, launch, shared: mounts !== undefined };
}

async function start({ engine, config, signal }: Opening, id: string): Promise<void> {
  try {
    await engine.json({ method: "POST", path: `/containers/${id}/start`, signal });
  } catch (error) {
    throw createError(error, config.image);
  }
}

/** The engine's complaint is about a mount that the user asked for, not about Berth's own. */
function isOfUsersMount(error: unknown, config: DockerImageConfig): boolean {
  const message = (error as Error).message;
  return (config.mounts ?? []).some(({ source }) => message.includes(source));
}
