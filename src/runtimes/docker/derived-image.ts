import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Pack, pack } from "tar-stream";
import * as z from "zod";
import { berthError } from "../../contract/errors.ts";
import type { DockerEngine } from "../../transports/docker/engine.ts";
import type { Payload } from "../payload.ts";
import { launchDaemon } from "../payload-launch.ts";
import { PAYLOAD_PARTS } from "../payload-manifest.ts";
import type { ProgressSink } from "../provision/progress.ts";
import { readMessages } from "./engine-stream.ts";
import { derivedImageName } from "./image-reference.ts";
import { LABEL } from "./owner.ts";
import { type ImageDescription, inspectImage } from "./pull.ts";

/** Where Berth's things are in a container that it makes. */
export const CONTAINER_PATHS = {
  bundle: "/.berth/payload/bundle",
  node: "/.berth/payload/node",
  run: "/.berth/run",
} as const;

const BUILD_START_DEADLINE_MS = 10 * 60_000;

/** How the daemon in a container is started; travels with a derived image as a label. */
const launchLabelSchema = z.object({
  /** argv of its Node; a script follows. */
  nodeArgv: z.array(z.string()).min(1),
  entry: z.string().startsWith("/"),
  helper: z.string().startsWith("/"),
});
export type ContainerLaunch = z.infer<typeof launchLabelSchema>;

/** How a payload is started in a container where it is at its place. */
export function containerLaunch(payload: Payload): ContainerLaunch {
  const { manifest } = payload;
  const { nodeArgv } = launchDaemon({
    manifest,
    bundleDirectory: CONTAINER_PATHS.bundle,
    node: { directory: CONTAINER_PATHS.node },
  });
  return {
    nodeArgv: [...nodeArgv],
    entry: `${CONTAINER_PATHS.bundle}/${manifest.entry}`,
    helper: `${CONTAINER_PATHS.bundle}/${manifest.helper ?? "berth-helper"}`,
  };
}

/** How the daemon is started that an image or a container carries, by its labels; undefined when it carries none. */
export function carriedLaunch(labels: Readonly<Record<string, string>>): ContainerLaunch | undefined {
  const label = labels[LABEL.launch];
  if (label === undefined) return undefined;
  try {
    return launchLabelSchema.parse(JSON.parse(label));
  } catch {
    // Somebody else's label, or damaged: the image is treated as one without a daemon.
    return undefined;
  }
}

/**
 * The image `<image>_berth` with the payload in it, for engines that can't mount from this machine: built unless
 * the engine has one of the same base and payload.
 * @throws docker.build_failed
 */
export async function ensureDerivedImage(
  engine: DockerEngine,
  reference: string,
  base: ImageDescription,
  payload: Payload,
  progress: ProgressSink,
  signal: AbortSignal | undefined,
): Promise<ImageDescription> {
  const name = derivedImageName(reference, base.Id);
  const isCurrent = (image: ImageDescription | undefined): image is ImageDescription =>
    image?.Config.Labels?.[LABEL.base] === base.Id &&
    image.Config.Labels[LABEL.payload] === payload.manifest.id;
  const existing = await inspectImage(engine, name, signal);
  if (isCurrent(existing)) return existing;
  progress.phase("build", `building ${name}`);
  const labels = {
    [LABEL.managed]: "1",
    [LABEL.base]: base.Id,
    [LABEL.payload]: payload.manifest.id,
    [LABEL.launch]: JSON.stringify(containerLaunch(payload)),
  };
  const context = buildContext(base.Id, payload, (done, total) =>
    progress.bytes("build", `building ${name}`, done, total),
  );
  const stream = await engine.stream({
    method: "POST",
    path: "/build",
    query: { t: name, labels: JSON.stringify(labels), rm: true, forcerm: true, pull: false },
    body: context,
    signal,
    deadlineMs: BUILD_START_DEADLINE_MS,
  });
  const failure = await readMessages(stream, () => {});
  const built = await inspectImage(engine, name, signal);
  if (failure === undefined && isCurrent(built)) return built;
  throw berthError("docker.build_failed", {
    hop: "transport",
    message: `the derived image of ${reference} could not be built: ${failure ?? "the engine does not have it"}`,
    context: { image: reference, reason: failure ?? "" },
  });
}

/** A Dockerfile and archives of the payload's parts, which the engine unpacks; nothing runs in the image. */
function buildContext(
  baseId: string,
  payload: Payload,
  onProgress: (done: number, total: number) => void,
): Readable {
  const archive = pack();
  const prefixes = { bundle: CONTAINER_PATHS.bundle.slice(1), node: CONTAINER_PATHS.node.slice(1) };
  const dockerfile = `FROM ${baseId}\nADD run.tar bundle.tar node.tar /\n`;
  const total = PAYLOAD_PARTS.reduce(
    (sum, part) => sum + payload.tarSize(part, { prefix: prefixes[part] }),
    0,
  );
  let before = 0;
  const fill = async () => {
    archive.entry({ name: "Dockerfile" }, dockerfile);
    // Any user that a container runs as can have its daemon's directory there.
    const run = pack();
    run.entry({ name: ".berth", type: "directory", mode: 0o755 });
    run.entry({ name: CONTAINER_PATHS.run.slice(1), type: "directory", mode: 0o1777 });
    run.finalize();
    archive.entry({ name: "run.tar" }, Buffer.concat(await bytes(run).toArray()));
    for (const part of PAYLOAD_PARTS) {
      const prefix = prefixes[part];
      const size = payload.tarSize(part, { prefix });
      const tar = payload.tar(part, { prefix, onProgress: (done) => onProgress(before + done, total) });
      await addEntry(archive, `${part}.tar`, size, tar);
      before += size;
    }
    archive.finalize();
  };
  fill().catch((error: Error) => archive.destroy(error));
  return bytes(archive);
}

function bytes(archive: Pack): Readable {
  return Readable.from(archive as AsyncIterable<Uint8Array>, { objectMode: false });
}

async function addEntry(archive: Pack, name: string, size: number, content: Readable): Promise<void> {
  const done = Promise.withResolvers<void>();
  const entry = archive.entry({ name, size }, (error) => (error ? done.reject(error) : done.resolve()));
  await Promise.all([pipeline(content, entry), done.promise]);
}
