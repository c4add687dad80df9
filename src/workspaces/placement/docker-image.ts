import type { DockerImageConfig, RuntimeConfig } from "../../contract/config.ts";
import { berthError, isBerthError } from "../../contract/errors.ts";
import type { OpenOptions, Runtime } from "../../contract/runtime.ts";
import type { WorkspacePlace } from "../../contract/workspace.ts";
import {
  makeWorkspaceVolume,
  removeWorkspaceResources,
  stopWorkspaceContainer,
} from "../../runtimes/docker/workspace-place.ts";
import { openRuntime } from "../../runtimes/open.ts";
import { runtimeGitPlace } from "../git/places.ts";
import { absoluteIn, baseDirOf, DEFAULT_BASE_DIR, placeBelow, refusePathMap } from "./layout.ts";
import type { Placement, PlacementRequest } from "./placement.ts";

/** Of the workspace's id in names of containers and volumes: two may have the same name, one after the other. */
const ID_LETTERS = 4;

/**
 * A container per workspace, made from an image, with the checkout in a volume that outlives the container. Both keep
 * their name when the workspace gets another one: a volume can't be renamed.
 */
export const dockerImagePlacement: Placement = {
  sharesRepository: false,
  stoppable: true,
  async prepare(request, options) {
    // Once it has been decided, everything was made: what is missing now is for the opening to make again, or to miss.
    if (request.place !== undefined) {
      const runtime = await openContainer(request, request.place, options);
      return { place: request.place, git: runtimeGitPlace(runtime), runtime };
    }
    const { place, made } = await decide(request, options);
    await using failed = new AsyncDisposableStack();
    if (made) failed.defer(() => undo(request));
    refusePathMap(imageConfig(request).pathMap, place.path);
    const runtime = await openContainer(request, place, options);
    failed.use(runtime);
    await requireGit(runtime, imageConfig(request), options.signal);
    failed.move();
    return { place, git: runtimeGitPlace(runtime), runtime };
  },
  configOf: containerConfig,
  discard: (request, { signal }) =>
    removeWorkspaceResources({ ...ownerOf(request), signal }, request.workspaceId),
  stop: (request, { signal }) => stopWorkspaceContainer({ ...ownerOf(request), signal }, request.workspaceId),
  async start(request, options) {
    if (request.place === undefined) return;
    await (await openContainer(request, request.place, options)).close();
  },
};

/** At a directory that is there: the checkout need not be yet. */
function openContainer(
  request: PlacementRequest,
  place: WorkspacePlace,
  options: OpenOptions,
): Promise<Runtime> {
  const config = { ...containerConfig(request, place), workdir: "/" };
  return openRuntime(config, { ...options, stateDirectory: request.stateDirectory });
}

/** What can't be removed either is found by its labels later; what counts is why it is to be removed. */
async function undo(request: PlacementRequest): Promise<void> {
  await removeWorkspaceResources(ownerOf(request), request.workspaceId).catch(() => {});
}

/** Where the workspace stands; its volume exists then. */
async function decide(
  request: PlacementRequest,
  options: OpenOptions,
): Promise<{ readonly place: WorkspacePlace; readonly made: boolean }> {
  const { project, name, workspaceId, existing, stateDirectory } = request;
  const config = imageConfig(request);
  const container = `berth-${project.name}-${name}-${workspaceId.slice(-ID_LETTERS)}`;
  if (existing !== undefined) {
    requireMounted(config, existing);
    return { place: { path: existing, base: null, container }, made: true };
  }
  const volume = container;
  const { user, made } = await makeWorkspaceVolume({ config, stateDirectory, volume, workspaceId }, options);
  const baseDir = absoluteIn(user.home, config.baseDir ?? DEFAULT_BASE_DIR);
  return { place: { ...placeBelow(baseDir, project, name), container, volume }, made };
}

/** The configuration of the container, whichever directory it is opened at. */
function containerConfig(request: PlacementRequest, place: WorkspacePlace): DockerImageConfig {
  // What is mounted at baseDir is the workspace's volume; one that has none has no such place.
  const { baseDir: _baseDir, ...config } = imageConfig(request);
  const { path, base, container, volume } = place;
  const mounted =
    volume === undefined || base === null ? undefined : { source: volume, target: baseDirOf(base) };
  return {
    ...config,
    ...(container === undefined ? {} : { name: container }),
    keep: true,
    workspace: request.workspaceId,
    workdir: path,
    ...(mounted === undefined
      ? {}
      : { baseDir: mounted.target, mounts: [...(config.mounts ?? []), mounted] }),
  };
}

/** A checkout that is part of the image, or of a container, would go with the container. */
function requireMounted(config: DockerImageConfig, existing: string): void {
  const isIn = (directory: string) =>
    existing === directory || existing.startsWith(`${directory.replace(/\/$/, "")}/`);
  if (config.mounts?.some(({ target }) => isIn(target))) return;
  throw berthError("workspace.unsupported", {
    message: `${existing} is in no directory that is mounted: a checkout in the container itself would go with it`,
    hint: `Mount the directory (mounts), or leave --existing out.`,
    context: { operation: "create", path: existing },
  });
}

async function requireGit(
  runtime: Runtime,
  config: DockerImageConfig,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (await hasGit(runtime, signal)) return;
  throw berthError("workspace.git_missing", {
    message: `there is no git in the image ${config.image}`,
    hint: `Use an image with git, or make one: FROM ${config.image} and RUN with its package manager.`,
    runtime: runtime.description,
    context: { runtime: runtime.description, image: config.image },
  });
}

async function hasGit(runtime: Runtime, signal: AbortSignal | undefined): Promise<boolean> {
  const look = ["/bin/sh", "-c", "command -v git"];
  try {
    return (await runtime.exec(look, signal === undefined ? {} : { signal })).exitCode === 0;
  } catch (error) {
    // What has no shell has no git.
    if (isBerthError(error, "process.not_found")) return false;
    throw error;
  }
}

function ownerOf(request: PlacementRequest) {
  return { engine: imageConfig(request).engine, stateDirectory: request.stateDirectory };
}

function imageConfig({ config }: { readonly config: RuntimeConfig }): DockerImageConfig {
  if (config.type === "docker" && "image" in config) return config;
  throw new TypeError("a placement of images was asked for something else");
}
