import type { DockerImageConfig } from "../../contract/config.ts";
import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import type { DockerEngine } from "../../transports/docker/engine.ts";
import { apiReason } from "../../transports/docker/errors.ts";
import type { ProgressSink } from "../provision/progress.ts";
import { readMessages } from "./engine-stream.ts";
import { parseImageReference } from "./image-reference.ts";
import { encodeRegistryAuth, type RegistryAuth, registryAuth } from "./registry-credentials.ts";

/** Until the engine begins to answer: it asks the registry first. */
const PULL_START_DEADLINE_MS = 5 * 60_000;

/** What Berth reads of the engine's description of an image. */
export interface ImageDescription {
  readonly Id: string;
  readonly Architecture: string;
  readonly Os: string;
  readonly Config: {
    readonly Env?: readonly string[] | null;
    readonly Entrypoint?: readonly string[] | null;
    readonly Cmd?: readonly string[] | null;
    readonly WorkingDir?: string;
    readonly User?: string;
    readonly Labels?: Readonly<Record<string, string>> | null;
  };
}

/** undefined when the engine does not have it. */
export async function inspectImage(
  engine: DockerEngine,
  image: string,
  signal?: AbortSignal,
): Promise<ImageDescription | undefined> {
  try {
    // A reference is part of the path with its slashes, as the engine wants it.
    const path = `/images/${image.split("/").map(encodeURIComponent).join("/")}/json`;
    return await engine.json<ImageDescription>({ method: "GET", path, signal });
  } catch (error) {
    if (apiReason(error)?.status === 404) return undefined;
    throw error;
  }
}

/**
 * The image on the engine, pulled as the configuration's `pull` says.
 * @throws docker.image_not_found, docker.pull_failed, docker.registry_unauthorized
 */
export async function ensureImage(
  engine: DockerEngine,
  config: DockerImageConfig,
  progress: ProgressSink,
  signal: AbortSignal | undefined,
): Promise<ImageDescription> {
  const policy = config.pull ?? "missing";
  const before = policy === "always" ? undefined : await inspectImage(engine, config.image, signal);
  if (before !== undefined) return before;
  if (policy === "never") {
    throw berthError("docker.image_not_found", { hop: "transport", context: { image: config.image } });
  }
  await pullImage(engine, config, progress, signal);
  const after = await inspectImage(engine, config.image, signal);
  if (after === undefined) {
    throw berthError("docker.image_not_found", { hop: "transport", context: { image: config.image } });
  }
  return after;
}

async function pullImage(
  engine: DockerEngine,
  config: DockerImageConfig,
  progress: ProgressSink,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { image } = config;
  const { name, tag, digest, registry } = parseImageReference(image);
  const auth = config.registryCredentials === "none" ? undefined : await registryAuth(registry);
  progress.phase("pull", `pulling ${image}`);
  const layers = new Map<string, { done: number; total: number }>();
  let failure: string | undefined;
  try {
    const stream = await engine.stream({
      method: "POST",
      path: "/images/create",
      query: { fromImage: name, tag: digest ?? tag ?? "latest" },
      ...(auth === undefined ? {} : { headers: { "X-Registry-Auth": encodeRegistryAuth(auth) } }),
      signal,
      deadlineMs: PULL_START_DEADLINE_MS,
    });
    failure = await readMessages(stream, ({ id, status, progressDetail }) => {
      if (id === undefined || progressDetail?.total === undefined) return;
      // Extraction counts the same bytes again; the download is what takes time.
      if (status !== "Downloading" && status !== "Download complete") return;
      layers.set(id, { done: progressDetail.current ?? 0, total: progressDetail.total });
      const sums = [...layers.values()];
      const sum = (key: "done" | "total") => sums.reduce((total, layer) => total + layer[key], 0);
      progress.bytes("pull", `pulling ${image}`, sum("done"), sum("total"));
    });
  } catch (error) {
    const answer = apiReason(error);
    if (answer === undefined) throw error;
    throw pullError(image, answer.reason, auth, error);
  }
  if (failure !== undefined) throw pullError(image, failure, auth);
}

function pullError(
  image: string,
  reason: string,
  auth: RegistryAuth | undefined,
  cause?: unknown,
): BerthError {
  const options = { hop: "transport" as const, context: { image, reason }, cause };
  if (/unauthorized|authentication required|access denied|no basic auth|forbidden|denied:/i.test(reason)) {
    return berthError("docker.registry_unauthorized", {
      ...options,
      message: `the registry refused to give out ${image}${auth === undefined ? " without credentials" : ""}: ${reason}`,
    });
  }
  if (/manifest unknown|not found|does not exist|no such image/i.test(reason)) {
    return berthError("docker.image_not_found", {
      ...options,
      message: `there is no image ${image}: ${reason}`,
    });
  }
  return berthError("docker.pull_failed", {
    ...options,
    message: `the image ${image} could not be pulled: ${reason}`,
  });
}

/** True for an error that says that an image or a container can't be made with mounts of this machine's files. */
export function isMountError(error: unknown): boolean {
  if (!isBerthError(error)) return false;
  return /bind source path|invalid mount|mounts? denied|not shared|no such file or directory/i.test(
    error.message,
  );
}
