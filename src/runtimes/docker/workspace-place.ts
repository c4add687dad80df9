import { setTimeout as delay } from "node:timers/promises";
import type { DockerImageConfig, EngineConfig } from "../../contract/config.ts";
import type { OpenOptions } from "../../contract/runtime.ts";
import { resolveEndpoint } from "../../transports/docker/endpoint.ts";
import { createDockerEngine, type DockerEngine } from "../../transports/docker/engine.ts";
import { apiReason } from "../../transports/docker/errors.ts";
import { ownerId } from "../owner-id.ts";
import { createProgressSink } from "../provision/progress.ts";
import { removeFiles } from "./gc.ts";
import { removeContainer } from "./own-container.ts";
import { LABEL } from "./owner.ts";
import { ensureImage } from "./pull.ts";
import { findWorkspaceResources, type WorkspaceResource } from "./workspace-resources.ts";
import { ensureWorkspaceVolume, removeVolume, type WorkspaceVolume } from "./workspace-volume.ts";

/** Processes get so long between SIGTERM and SIGKILL, as with `docker stop`. */
const STOP_GRACE_S = 10;
const STOP_DEADLINE_MS = 60_000;
/** A container that is being removed holds its volume until it is gone. */
const VOLUME_DEADLINE_MS = 15_000;
const VOLUME_INTERVAL_MS = 200;

/** Whose things on which engine. */
export interface EngineOwner {
  readonly engine: EngineConfig | undefined;
  readonly stateDirectory: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The volume for a workspace's checkout, made when it is missing, and who will work in it.
 * @throws docker.*
 */
export async function makeWorkspaceVolume(
  {
    config,
    stateDirectory,
    volume,
    workspaceId,
  }: {
    readonly config: DockerImageConfig;
    readonly stateDirectory: string;
    readonly volume: string;
    readonly workspaceId: string;
  },
  { signal, onEvent, onProgress }: Pick<OpenOptions, "signal" | "onEvent" | "onProgress">,
): Promise<WorkspaceVolume> {
  return withEngine({ engine: config.engine, stateDirectory, signal }, async (engine, owner) => {
    const runtime = `docker image ${config.image}`;
    const progress = createProgressSink({ runtime, onProgress, onEvent });
    const image = await ensureImage(engine, config, progress, signal);
    return ensureWorkspaceVolume({ engine, config, image, name: volume, owner, workspaceId, signal });
  });
}

/**
 * Removes a workspace's container and then its volume: only what this state directory's Berth made for this workspace,
 * by the labels. Nothing to remove is a success. Returns what was removed, in words.
 */
export async function removeWorkspaceResources(
  on: EngineOwner,
  workspaceId: string,
): Promise<readonly string[]> {
  return withEngine(on, async (engine, owner) => {
    const resources = await findWorkspaceResources(engine, { owner, workspaceId }, on.signal);
    const removed: string[] = [];
    for (const { id, kind, name, labels, imageId } of resources) {
      if (kind !== "volume") {
        await removeContainer(engine, id, on.signal);
        await removeFiles(engine, on.stateDirectory, labels[LABEL.record] ?? "", imageId);
      } else await removeFreeVolume(engine, name, on.signal);
      if (kind !== "scout") removed.push(`the ${kind} ${name}`);
    }
    return removed;
  });
}

/** Stops a workspace's container; its daemon and processes get time to end. One that is not there is stopped. */
export async function stopWorkspaceContainer(on: EngineOwner, workspaceId: string): Promise<void> {
  await withEngine(on, async (engine, owner) => {
    const resources = await findWorkspaceResources(engine, { owner, workspaceId }, on.signal);
    for (const { id } of resources.filter(({ kind }) => kind === "container")) {
      await engine.json({
        method: "POST",
        path: `/containers/${id}/stop`,
        query: { t: STOP_GRACE_S },
        deadlineMs: STOP_DEADLINE_MS,
        signal: on.signal,
      });
    }
  });
}

/** Everything on an engine that the Berth of a state directory made for workspaces, known ones or not. */
export async function listWorkspaceResources(on: EngineOwner): Promise<readonly WorkspaceResource[]> {
  return withEngine(on, (engine, owner) => findWorkspaceResources(engine, { owner }, on.signal));
}

async function withEngine<T>(
  { engine: config, stateDirectory }: EngineOwner,
  work: (engine: DockerEngine, owner: string) => Promise<T>,
): Promise<T> {
  const engine = createDockerEngine(await resolveEndpoint(config));
  try {
    return await work(engine, await ownerId(stateDirectory));
  } finally {
    engine.close();
  }
}

async function removeFreeVolume(engine: DockerEngine, name: string, signal: AbortSignal | undefined) {
  const endAt = performance.now() + VOLUME_DEADLINE_MS;
  for (;;) {
    try {
      return await removeVolume(engine, name, signal);
    } catch (error) {
      const inUse = apiReason(error)?.status === 409;
      if (!inUse || performance.now() > endAt) throw error;
    }
    await delay(VOLUME_INTERVAL_MS);
  }
}
