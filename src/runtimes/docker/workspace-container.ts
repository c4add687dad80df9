import { setTimeout as delay } from "node:timers/promises";
import { berthError, isBerthError } from "../../contract/errors.ts";
import { VERSION } from "../../contract/version.ts";
import { throwIfAborted } from "../../transports/abort.ts";
import { type ContainerDescription, displayName, inspectContainer } from "./container.ts";
import { workspaceIdentity, workspaceVolumeOf } from "./create-container.ts";
import { removeFiles } from "./gc.ts";
import { readRecord } from "./lease.ts";
import {
  ensureRunning,
  foundContainer,
  isOfUsersMount,
  makeAndStart,
  type Opening,
  type Started,
} from "./make-container.ts";
import { removeContainer } from "./own-container.ts";
import { LABEL } from "./owner.ts";
import { ensureImage, isMountError } from "./pull.ts";
import { findWorkspaceResources, inspectVolume } from "./workspace-resources.ts";

/** Another Berth of this user may be making the same container; one that is being removed keeps its name for a while. */
const NAME_DEADLINE_MS = 15_000;
const NAME_INTERVAL_MS = 100;

/**
 * The container of a workspace, running: as it is; started when it has stopped; made, also again, around the volume with
 * the checkout when it is not there or can't be used any more. A configuration that has changed is applied when it does
 * not run.
 * @throws workspace.missing when the volume is gone; docker.*
 */
export async function workspaceContainer(opening: Opening, workspaceId: string): Promise<Started> {
  const { engine, config, owner, signal } = opening;
  const endAt = performance.now() + NAME_DEADLINE_MS;
  for (;;) {
    throwIfAborted(signal);
    const resources = await findWorkspaceResources(engine, { owner, workspaceId }, signal);
    const found = resources.find(({ kind }) => kind === "container");
    const usable = found && (await use(opening, found.id));
    if (usable !== undefined) return usable;
    await requireVolume(opening, workspaceId);
    const image = await ensureImage(engine, config, opening.progress, signal);
    try {
      const made = await makeAndStart(opening, image);
      const volume = workspaceVolumeOf(config);
      tell(opening, "docker.container_made", {
        message: `made the container ${config.name}${volume === undefined ? "" : ` around the volume ${volume}`}`,
        container: made.id,
      });
      return made;
    } catch (error) {
      if (!isNameTaken(error)) throw error;
      if (performance.now() > endAt || !(await isPassing(opening, workspaceId))) throw taken(opening, error);
    }
    await delay(NAME_INTERVAL_MS);
  }
}

/** undefined: it has to be made (again). */
async function use(opening: Opening, id: string): Promise<Started | undefined> {
  const { engine, config, stateDirectory, signal } = opening;
  let found: ContainerDescription;
  try {
    found = await inspectContainer(engine, id, signal);
  } catch (error) {
    if (isBerthError(error, "docker.container_not_found")) return undefined;
    throw error;
  }
  const labels = found.Config.Labels ?? {};
  const { State } = found;
  const runs = State.Running || State.Paused;
  const changed = labels[LABEL.config] !== workspaceIdentity(config);
  const record = await readRecord(stateDirectory, labels[LABEL.record] ?? "");
  if (record === undefined) return replace(opening, found, "its directory on this machine is gone");
  if (changed && !runs) return replace(opening, found, "its configuration has changed");
  if (labels[LABEL.version] !== VERSION && !runs) {
    // Its daemon is part of what it was made of.
    return replace(opening, found, `it was made by Berth ${labels[LABEL.version]}`);
  }
  if (changed) {
    tell(opening, "docker.container_outdated", {
      message: `${displayName(found)} runs with an older configuration; it gets the new one when it is stopped and started`,
      container: found.Id,
    });
  }
  try {
    await ensureRunning(opening, found);
  } catch (error) {
    // What the daemon was mounted from has been tidied away, by a newer Berth for example.
    if (isMountError(error) && !isOfUsersMount(error, config)) {
      return replace(opening, found, "what was mounted in it is gone");
    }
    if (State.Status === "removing" || State.Status === "dead") {
      return replace(opening, found, `it is ${State.Status}`);
    }
    throw error;
  }
  return foundContainer(opening, found, record);
}

async function replace(opening: Opening, found: ContainerDescription, reason: string): Promise<undefined> {
  const { engine, stateDirectory } = opening;
  tell(opening, "docker.container_replaced", {
    message: `${displayName(found)} is made again: ${reason}; the checkout stays, what was written elsewhere in it goes`,
    container: found.Id,
  });
  await removeContainer(engine, found.Id);
  await removeFiles(engine, stateDirectory, found.Config.Labels?.[LABEL.record] ?? "", found.Image);
}

/** A volume that is not there would be made by the engine, empty. */
async function requireVolume(opening: Opening, workspaceId: string): Promise<void> {
  const { engine, config, owner, signal } = opening;
  const name = workspaceVolumeOf(config);
  if (name === undefined) return;
  const volume = await inspectVolume(engine, name, signal);
  if (volume?.Labels?.[LABEL.owner] === owner && volume.Labels[LABEL.workspace] === workspaceId) return;
  throw berthError("workspace.missing", {
    message:
      volume === undefined
        ? `the volume ${name}, in which the checkout was, is not on ${engine.endpoint.text} any more`
        : `the volume ${name} on ${engine.endpoint.text} is not the one that Berth made for this workspace`,
    hint: "Forget the workspace (berth workspace delete --force NAME), or bring that volume back.",
    context: { volume: name, path: config.workdir ?? "" },
  });
}

/** The name is held by what will be usable, or gone, in a moment. */
async function isPassing({ engine, config, owner }: Opening, workspaceId: string): Promise<boolean> {
  try {
    const { State, Config } = await inspectContainer(engine, config.name ?? "");
    const ours = Config.Labels?.[LABEL.owner] === owner && Config.Labels[LABEL.workspace] === workspaceId;
    return ours || State.Status === "removing";
  } catch (error) {
    if (isBerthError(error, "docker.container_not_found")) return true;
    throw error;
  }
}

/** By the engine's words: Podman says it with another status. */
function isNameTaken(error: unknown): boolean {
  if (!isBerthError(error, "docker.create_failed")) return false;
  return /\bname\b.*already in use/i.test(String(error.context.reason));
}

function taken({ config }: Opening, cause: unknown): Error {
  return berthError("docker.create_failed", {
    hop: "transport",
    message: `there is a container ${config.name} already, which is not this workspace's`,
    hint: `Remove it (docker rm -f ${config.name}), or give it another name: docker rename ${config.name} NEW`,
    context: { image: config.image, container: config.name },
    cause,
  });
}

function tell(
  { onEvent, config }: Opening,
  type: string,
  { message, container }: { readonly message: string; readonly container: string },
): void {
  onEvent?.({ type, message, data: { container, image: config.image, workspace: config.workspace } });
}
