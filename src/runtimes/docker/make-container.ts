import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DockerImageConfig } from "../../contract/config.ts";
import type { BerthEventInput } from "../../contract/events.ts";
import type { DockerEngine } from "../../transports/docker/engine.ts";
import { findPayload, type Payload } from "../payload.ts";
import { platformOf } from "../provision/probe-answer.ts";
import type { ProgressSink } from "../provision/progress.ts";
import type { ContainerDescription } from "./container.ts";
import { createContainer, createError, type OwnMount } from "./create-container.ts";
import {
  CONTAINER_PATHS,
  type ContainerLaunch,
  carriedLaunch,
  containerLaunch,
  ensureDerivedImage,
} from "./derived-image.ts";
import { removeFiles } from "./gc.ts";
import { type ContainerRecord, createRecord, noteEngine } from "./lease.ts";
import { removeContainer } from "./own-container.ts";
import { LABEL } from "./owner.ts";
import { type ImageDescription, isMountError } from "./pull.ts";

/** What opening an image needs in every step. */
export interface Opening {
  readonly engine: DockerEngine;
  readonly config: DockerImageConfig;
  readonly stateDirectory: string;
  readonly owner: string;
  readonly progress: ProgressSink;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: ((event: BerthEventInput) => void) | undefined;
}

/** A container that runs, and what belongs to it on this machine. */
export interface Started {
  readonly id: string;
  /** The image that it was made of. */
  readonly imageId: string;
  readonly record: ContainerRecord;
  readonly launch: ContainerLaunch | undefined;
  /** The record's run directory is mounted in it. */
  readonly shared: boolean;
}

/** A container of the image, which runs. @throws docker.create_failed, docker.port_in_use, docker.build_failed */
export async function makeAndStart(opening: Opening, image: ImageDescription): Promise<Started> {
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
  return { id, imageId: image.Id, record, launch, shared: mounts !== undefined };
}

async function start({ engine, config, signal }: Opening, id: string): Promise<void> {
  try {
    await engine.json({ method: "POST", path: `/containers/${id}/start`, signal });
  } catch (error) {
    throw createError(error, config.image);
  }
}

/** A container that is there, running again if it had stopped. @throws docker.create_failed, docker.port_in_use */
export async function ensureRunning(opening: Opening, { Id, State }: ContainerDescription): Promise<void> {
  const { engine, signal } = opening;
  if (State.Paused) await engine.json({ method: "POST", path: `/containers/${Id}/unpause`, signal });
  else if (!State.Running) await start(opening, Id);
}

/** What is to be known of a container that was there, by its labels. */
export function foundContainer(
  { config }: Opening,
  found: ContainerDescription,
  record: ContainerRecord,
): Started {
  const labels = found.Config.Labels ?? {};
  return {
    id: found.Id,
    imageId: found.Image,
    record,
    launch: config.daemon === "never" ? undefined : carriedLaunch(labels),
    shared: labels[LABEL.shared] === "1",
  };
}

/** The engine's complaint is about a mount that the user asked for, not about Berth's own. */
export function isOfUsersMount(error: unknown, config: DockerImageConfig): boolean {
  const message = (error as Error).message;
  return (config.mounts ?? []).some(({ source }) => message.includes(source));
}
