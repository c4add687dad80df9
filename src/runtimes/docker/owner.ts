import { randomBytes } from "node:crypto";
import { link, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { berthError } from "../../contract/errors.ts";
import { privateDirectory } from "../state-directory.ts";

/** Labels of what Berth makes on an engine. */
export const LABEL = {
  /** "1": made by Berth. */
  managed: "berth.managed",
  /** Id of the state directory whose Berth made it; only that one may remove it. */
  owner: "berth.owner",
  /** Name of its directory below `containers` there. */
  record: "berth.record",
  /** Milliseconds without its owner after which it is garbage. */
  leaseMs: "berth.lease-ms",
  /** "1": goes with its runtime; "0": kept until the user removes it. */
  ephemeral: "berth.ephemeral",
  /** A workspace lives in it: never garbage. */
  workspace: "berth.workspace",
  /** Identity of the configuration that it was made with. */
  config: "berth.config",
  version: "berth.version",
  /** "1": its `run` directory is shared with this machine. */
  shared: "berth.shared",
  /** How the daemon in it is started, as JSON; also of images. */
  launch: "berth.launch",
  /** Of derived images: id of the payload and of the base image. */
  payload: "berth.payload",
  base: "berth.base",
} as const;

/**
 * Identity of a state directory, made at its first use: engines are shared, and a name of a directory or a machine
 * is no proof of who made a container.
 */
export async function ownerId(stateDirectory: string): Promise<string> {
  await privateDirectory(stateDirectory);
  const path = join(stateDirectory, "owner-id");
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  const existing = await readId(path);
  if (existing !== undefined) return existing;
  await writeFile(temporary, `${randomBytes(16).toString("hex")}\n`, { mode: 0o600, flag: "wx" });
  try {
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  const made = await readId(path);
  if (made !== undefined) return made;
  throw berthError("provision.no_directory", {
    message: `${path} is damaged`,
    hint: "Remove that file; containers that Berth made before have to be removed by hand then.",
    context: { path },
  });
}

async function readId(path: string): Promise<string | undefined> {
  const text = (await readFile(path, "utf8").catch(() => "")).trim();
  return /^[0-9a-f]{32}$/.test(text) ? text : undefined;
}
