import { Readable } from "node:stream";
import { pack } from "tar-stream";
import type { DockerImageConfig } from "../../contract/config.ts";
import { berthError } from "../../contract/errors.ts";
import type { DockerEngine } from "../../transports/docker/engine.ts";
import { createError } from "./create-container.ts";
import { type ImageUser, imageUser } from "./image-user.ts";
import { removeContainer } from "./own-container.ts";
import { LABEL } from "./owner.ts";
import type { ImageDescription } from "./pull.ts";
import { inspectVolume, type ListedVolume } from "./workspace-resources.ts";

/** Where the volume is mounted while it is given to its user; in the root, so that every image has the parent. */
const SCOUT_TARGET = "berth-volume";
/** What is left behind of a scout by kill -9 is garbage soon. */
const SCOUT_LEASE_MS = 10 * 60_000;

export interface VolumeRequest {
  readonly engine: DockerEngine;
  readonly config: DockerImageConfig;
  readonly image: ImageDescription;
  readonly name: string;
  readonly owner: string;
  readonly workspaceId: string;
  readonly signal: AbortSignal | undefined;
}

export interface WorkspaceVolume {
  /** It was not there before. */
  readonly made: boolean;
  /** Who the container will run as, and whose the volume is. */
  readonly user: ImageUser;
}

/**
 * The volume for a workspace's checkout, owned by the user that the image's container runs as. No command runs in the
 * image for that: a container that is never started shows its accounts, and takes the owner.
 * @throws docker.create_failed when there is a volume of that name that is not this workspace's
 */
export async function ensureWorkspaceVolume(request: VolumeRequest): Promise<WorkspaceVolume> {
  const { engine, name, owner, workspaceId, signal } = request;
  await using failed = new AsyncDisposableStack();
  const labels = { [LABEL.managed]: "1", [LABEL.owner]: owner, [LABEL.workspace]: workspaceId };
  const before = await inspectVolume(engine, name, signal);
  // The engine answers with the one that is there, whosever it is.
  const volume =
    before ??
    (await engine.json<ListedVolume>({
      method: "POST",
      path: "/volumes/create",
      body: { Name: name, Labels: labels },
      signal,
    }));
  if (volume.Labels?.[LABEL.owner] !== owner || volume.Labels[LABEL.workspace] !== workspaceId) {
    throw berthError("docker.create_failed", {
      hop: "transport",
      message: `there is a volume ${name} already, which is not this workspace's`,
      hint: `Remove it if nobody needs it: docker volume rm ${name}`,
      context: { volume: name },
    });
  }
  const made = before === undefined;
  if (made) failed.defer(() => removeVolume(engine, name));
  const scout = await createScout(request);
  try {
    const user = await imageUser(engine, scout, request.image, request.config, signal);
    await engine.json({
      method: "PUT",
      path: `/containers/${scout}/archive`,
      query: { path: "/" },
      body: directoryArchive(user),
      signal,
    });
    failed.move();
    return { made, user };
  } finally {
    await removeContainer(engine, scout);
  }
}

async function createScout(request: VolumeRequest): Promise<string> {
  const { engine, config, image, name, owner, workspaceId, signal } = request;
  const Target = `/${SCOUT_TARGET}`;
  try {
    const { Id } = await engine.json<{ Id: string }>({
      method: "POST",
      path: "/containers/create",
      body: {
        Image: image.Id,
        Entrypoint: ["/bin/sh"],
        Cmd: [],
        Labels: {
          [LABEL.managed]: "1",
          [LABEL.owner]: owner,
          [LABEL.workspace]: workspaceId,
          [LABEL.scout]: "1",
          [LABEL.ephemeral]: "1",
          [LABEL.leaseMs]: String(SCOUT_LEASE_MS),
        },
        HostConfig: {
          NetworkMode: "none",
          Mounts: [{ Type: "volume", Source: name, Target, VolumeOptions: { NoCopy: true } }],
        },
      },
      signal,
    });
    return Id;
  } catch (error) {
    throw createError(error, config.image);
  }
}

/** An archive whose only entry is the volume itself: the engine gives what is there the entry's owner and mode. */
function directoryArchive({ uid, gid }: ImageUser): Readable {
  const archive = pack();
  archive.entry({ name: SCOUT_TARGET, type: "directory", mode: 0o755, uid, gid });
  archive.finalize();
  return Readable.from(archive as AsyncIterable<Uint8Array>, { objectMode: false });
}

/** Removes a volume; one that is gone is a success. */
export async function removeVolume(engine: DockerEngine, name: string, signal?: AbortSignal): Promise<void> {
  const path = `/volumes/${encodeURIComponent(name)}`;
  if ((await inspectVolume(engine, name, signal)) === undefined) return;
  await engine.json({ method: "DELETE", path, signal });
}
