import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { ProjectFacts } from "../git/project.ts";

/** Whether the project has hooks of git's that would run if it were trusted. */
export async function hasHooks({ gitDir, hooksPath }: ProjectFacts): Promise<boolean> {
  if (hooksPath !== undefined && hooksPath !== "/dev/null") return true;
  const names = await readdir(join(gitDir, "hooks")).catch(() => []);
  return names.some((name) => !name.endsWith(".sample"));
}
