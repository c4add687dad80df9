import { readdir, readFile, readlink, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { type BerthError, toBerthError } from "../../contract/errors.ts";
import type { BerthEventInput } from "../../contract/events.ts";
import type { DockerEngine } from "../../transports/docker/engine.ts";
import { ownerId } from "../owner-id.ts";
import { leaseAgeMs, recordNames, recordsDirectory, removeRecord } from "./lease.ts";
import { removeContainer } from "./own-container.ts";
import { LABEL } from "./owner.ts";

const WAIT_DEADLINE_MS = 60_000;
/** A record without a container may be one that is just being made. */
const YOUNG_RECORD_MS = 10 * 60_000;

/** What the engine's list tells of a container. */
interface ListedContainer {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Image: string;
  readonly ImageID: string;
  /** Seconds since 1970. */
  readonly Created: number;
  readonly State: string;
  readonly Labels: Readonly<Record<string, string>>;
}

export interface GarbageOptions {
  readonly engine: DockerEngine;
  /** Berth's state on this machine: only containers of its owner id are looked at. */
  readonly stateDirectory: string;
  /** Only tells what would be removed. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: BerthEventInput) => void) | undefined;
}

export interface GarbageReport {
  /** Names of containers that were removed (or would be). */
  readonly removed: readonly { readonly id: string; readonly name: string; readonly image: string }[];
  /** Containers of this Berth that stay, and why. */
  readonly kept: readonly { readonly id: string; readonly name: string; readonly reason: string }[];
  readonly failed: readonly { readonly id: string; readonly name: string; readonly error: BerthError }[];
}

/**
 * Removes containers that Berth made, whose owner has given no sign of life for longer than their lease. A container
 * is Berth's own when its labels say so and name the id of this very state directory; one that holds a workspace, or
 * that its user keeps, is never touched. Directories on this machine whose container is gone are removed as well.
 * One container that can't be removed does not stop the others.
 */
export async function collectGarbage(options: GarbageOptions): Promise<GarbageReport> {
  const { engine, stateDirectory, signal } = options;
  const owner = await ownerId(stateDirectory);
  const filters = JSON.stringify({ label: [`${LABEL.managed}=1`, `${LABEL.owner}=${owner}`] });
  const listed = await engine.json<ListedContainer[]>({
    method: "GET",
    path: "/containers/json",
    query: { all: true, filters },
    signal,
  });
  const removed: GarbageReport["removed"][number][] = [];
  const kept: GarbageReport["kept"][number][] = [];
  const failed: GarbageReport["failed"][number][] = [];
  await Promise.all(
    listed.map(async (container) => {
      const id = container.Id;
      const name = container.Names[0]?.replace(/^\//, "") ?? id.slice(0, 12);
      try {
        const reason = await reasonToKeep(container, owner, stateDirectory);
        if (reason !== undefined) {
          kept.push({ id, name, reason });
          return;
        }
        if (options.dryRun !== true) {
          await removeContainer(engine, id, signal);
          await removeFiles(engine, stateDirectory, container.Labels[LABEL.record] ?? "", container.ImageID);
          options.onEvent?.({
            type: "docker.container_removed",
            message: `removed the container ${name}: its owner is gone`,
            data: { container: id, image: container.Image },
          });
        }
        removed.push({ id, name, image: container.Image });
      } catch (cause) {
        failed.push({ id, name, error: toBerthError(cause, "transport") });
      }
    }),
  );
  const living = new Set(listed.map(({ Labels }) => Labels[LABEL.record]));
  if (options.dryRun !== true) await removeOrphanedRecords(options, living);
  return { removed, kept, failed };
}

/** undefined: it is garbage. The engine filtered by label already; what deletes looks itself. */
async function reasonToKeep(
  { Labels, Created }: ListedContainer,
  owner: string,
  stateDirectory: string,
): Promise<string | undefined> {
  if (Labels[LABEL.managed] !== "1" || Labels[LABEL.owner] !== owner) return "it is not of this Berth";
  if (LABEL.workspace in Labels && !(LABEL.scout in Labels)) return "it holds a workspace";
  if (Labels[LABEL.ephemeral] !== "1") return "it was made to be kept";
  const leaseMs = Number(Labels[LABEL.leaseMs]);
  if (!(leaseMs > 0)) return "it has no lease";
  const sinceCreationMs = Date.now() - Created * 1000;
  const ageMs = (await leaseAgeMs(stateDirectory, Labels[LABEL.record] ?? "")) ?? sinceCreationMs;
  return Math.min(ageMs, sinceCreationMs) <= leaseMs ? "its lease is running" : undefined;
}

/** Directories whose container was removed by somebody else, and those of embedded daemons whose program is gone. */
async function removeOrphanedRecords(
  { engine, stateDirectory }: GarbageOptions,
  living: ReadonlySet<string | undefined>,
): Promise<void> {
  for (const name of await recordNames(stateDirectory)) {
    if (living.has(name)) continue;
    const ageMs = await leaseAgeMs(stateDirectory, name);
    const directory = join(recordsDirectory(stateDirectory), name);
    const madeMs = (await stat(directory).catch(() => undefined))?.mtimeMs ?? 0;
    if (Math.min(ageMs ?? Number.POSITIVE_INFINITY, Date.now() - madeMs) < YOUNG_RECORD_MS) continue;
    // It may be of a container on another engine, which is not known to be gone.
    const noted = await readFile(join(directory, "engine"), "utf8").catch(() => "");
    if (noted.trim() !== "" && noted.trim() !== engine.endpoint.text) continue;
    await removeFiles(engine, stateDirectory, name, undefined);
  }
  const embedded = join(stateDirectory, "embedded");
  for (const name of await readdir(embedded).catch(() => [] as string[])) {
    const pid = Number(/^(\d+)-/.exec(name)?.[1]);
    if (Number.isInteger(pid) && !isAlive(pid)) await removeEmbedded(join(embedded, name));
  }
}

/** The state of an embedded daemon, and logs of its processes that were kept elsewhere (`processLogDir`). */
async function removeEmbedded(directory: string): Promise<void> {
  const processes = join(directory, "processes");
  for (const id of await readdir(processes).catch(() => [] as string[])) {
    const log = await readlink(join(processes, id, "log")).catch(() => undefined);
    if (log !== undefined && basename(log) === id) await rm(log, { recursive: true, force: true });
  }
  await rm(directory, { recursive: true, force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * Removes a container's directory on this machine. What the container's user made there may be another user's on
 * this machine: then a container of the same image, as root, removes it.
 */
export async function removeFiles(
  engine: DockerEngine,
  stateDirectory: string,
  record: string,
  imageId: string | undefined,
): Promise<void> {
  if (record === "" || (await removeRecord(stateDirectory, record)) || imageId === undefined) return;
  const run = join(recordsDirectory(stateDirectory), record, "run");
  const { Id } = await engine.json<{ Id: string }>({
    method: "POST",
    path: "/containers/create",
    body: {
      Image: imageId,
      User: "0:0",
      Entrypoint: ["/bin/sh", "-c", "rm -rf /.berth/run/* /.berth/run/.[!.]*"],
      Cmd: [],
      Labels: { [LABEL.managed]: "1" },
      HostConfig: { NetworkMode: "none", Mounts: [{ Type: "bind", Source: run, Target: "/.berth/run" }] },
    },
  });
  try {
    await engine.json({ method: "POST", path: `/containers/${Id}/start` });
    await engine.json({ method: "POST", path: `/containers/${Id}/wait`, deadlineMs: WAIT_DEADLINE_MS });
  } finally {
    await removeContainer(engine, Id);
  }
  await removeRecord(stateDirectory, record);
}
