import type { DockerContainerConfig } from "../../contract/config.ts";
import { ownerId } from "../owner-id.ts";
import type { ContainerDescription } from "./container.ts";
import { type ContainerLaunch, carriedLaunch } from "./derived-image.ts";
import { type ContainerRecord, readRecord } from "./lease.ts";
import { LABEL } from "./owner.ts";

/** The daemon that a container's init keeps running. */
export interface OwnDaemon {
  readonly launch: ContainerLaunch;
  /** Where this Berth made the container with a shared directory: its socket may be reached directly. */
  readonly record: ContainerRecord | undefined;
}

/**
 * The daemon of a container that Berth made from an image (`keep`, or one of another program's), so that none is
 * installed beside it; undefined for any other container, and where another user or directory is asked for.
 */
export async function ownDaemon(
  container: ContainerDescription,
  config: DockerContainerConfig,
  stateDirectory: string,
): Promise<OwnDaemon | undefined> {
  const labels = container.Config.Labels ?? {};
  // An image's labels are its containers' as well; the record's is only on what Berth made.
  const name = labels[LABEL.record];
  const launch = carriedLaunch(labels);
  if (name === undefined || launch === undefined) return undefined;
  if (config.user !== undefined || config.stateDir !== undefined) return undefined;
  const isOurs = labels[LABEL.owner] === (await ownerId(stateDirectory)) && labels[LABEL.shared] === "1";
  return { launch, record: isOurs ? await readRecord(stateDirectory, name) : undefined };
}
