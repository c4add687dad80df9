import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { berthError } from "../contract/errors.ts";
import { makeRandomFile } from "./random-file.ts";
import { privateDirectory } from "./state-directory.ts";

/**
 * Identity of a state directory, made at its first use: engines and hosts are shared, and a name of a directory or a
 * machine is no proof of who made a container or a base repository there.
 */
export async function ownerId(stateDirectory: string): Promise<string> {
  await privateDirectory(stateDirectory);
  const path = join(stateDirectory, "owner-id");
  const existing = await readId(path);
  if (existing !== undefined) return existing;
  await makeRandomFile(path, 16);
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
