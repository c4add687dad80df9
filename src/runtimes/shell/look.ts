import { berthError, isBerthError } from "../../contract/errors.ts";
import type { DirectoryEntry, FileOptions, FileStat, FileType } from "../../contract/files.ts";
import { nameFromBytes } from "../../files/names.ts";
import type { FileRuns } from "./file-runs.ts";
import { readdirBody, statBody, statManyBody } from "./file-scripts.ts";
import { parseStat, parseStatOutput } from "./stat-format.ts";

const TYPES: Record<string, FileType> = {
  "-": "file",
  d: "directory",
  l: "symlink",
  p: "fifo",
  s: "socket",
  b: "block",
  c: "character",
};

/** A contained path that turns into a link between two looks is looked at again so often. */
const MAX_LOOKS = 16;

/** `at` is a path of the place. */
export async function statPath(
  runs: FileRuns,
  at: string,
  options: FileOptions,
  follow: boolean,
): Promise<FileStat> {
  const tools = await runs.tools();
  const path = runs.scriptPath(at, options);
  for (let looks = 1; ; looks++) {
    const { stdout } = await runs.run(statBody(path, follow, tools), at, options);
    const found = parseStatOutput(stdout, tools.stat);
    // Of a contained path only what became a link behind the walk is one.
    if (!follow || found.type !== "symlink") return found;
    if (looks === MAX_LOOKS) throw berthError("ELOOP", { hop: "transport", context: { path: at } });
  }
}

/** `paths` are of the place, few enough for one run; null where there is nothing. */
export async function statPaths(
  runs: FileRuns,
  paths: readonly string[],
  options: FileOptions,
): Promise<(FileStat | null)[]> {
  if (options.contained !== undefined) return statEach(runs, paths, options);
  const tools = await runs.tools();
  const { stdout } = await runs.run(statManyBody(paths, tools), paths[0]!, options);
  const [flags = "", ...lines] = stdout.toString("latin1").trimEnd().split("\n");
  const found = lines.filter((line) => line !== "");
  if (flags.includes("2") || flags.replaceAll("0", "").length !== found.length) {
    // One of them can't be looked at, or went meanwhile: which one is found by asking for each.
    return statEach(runs, paths, options);
  }
  let next = 0;
  return [...flags].map((flag) => (flag === "1" ? parseStat(found[next++]!, tools.stat) : null));
}

async function statEach(
  runs: FileRuns,
  paths: readonly string[],
  options: FileOptions,
): Promise<(FileStat | null)[]> {
  const found: (FileStat | null)[] = [];
  for (const path of paths) {
    const stat = await statPath(runs, path, options, true).catch((error: unknown) => {
      if (isBerthError(error, "ENOENT") || isBerthError(error, "ENOTDIR")) return null;
      throw error;
    });
    found.push(stat);
  }
  return found;
}

/** `at` is a path of the place. */
export async function listDirectory(
  runs: FileRuns,
  at: string,
  options: FileOptions,
): Promise<DirectoryEntry[]> {
  const { stdout } = await runs.run(
    readdirBody(runs.scriptPath(at, options), await runs.tools()),
    at,
    options,
  );
  const entries: DirectoryEntry[] = [];
  for (let start = 0; start < stdout.length; ) {
    const end = stdout.indexOf(0, start);
    const type = TYPES[String.fromCharCode(stdout[start]!)];
    if (end === -1 || type === undefined) break;
    entries.push({ name: nameFromBytes(stdout.subarray(start + 1, end)), type });
    start = end + 1;
  }
  return entries;
}
