import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { BerthFile } from "./berth-yaml.ts";

export const BERTH_FILE = "berth.yaml";

/**
 * The nearest `berth.yaml` from a directory upwards, read and validated; undefined when there is none.
 * @throws config.file_invalid, config.invalid, runtime.uri_invalid, runtime.type_unsupported; each names file and
 *   line
 */
export async function findBerthFile(directory: string): Promise<BerthFile | undefined> {
  for (let current = resolve(directory); ; current = dirname(current)) {
    const path = join(current, BERTH_FILE);
    const text = await readFile(path, "utf8").catch(async (cause: NodeJS.ErrnoException) => {
      if (cause.code === "ENOENT" || cause.code === "ENOTDIR") return undefined;
      const { invalidFile } = await import("./berth-yaml.ts");
      throw invalidFile(path, undefined, cause.code ?? cause.message);
    });
    // Loaded only where there is one: most of a short command's time is loading.
    if (text !== undefined) return (await import("./berth-yaml.ts")).parseBerthFile(text, path);
    if (dirname(current) === current) return undefined;
  }
}
