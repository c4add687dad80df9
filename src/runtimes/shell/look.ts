import type { DirectoryEntry, FileOptions, FileStat, FileType } from "../../contract/files.ts";
import { nameFromBytes } from "../../files/names.ts";
import type { FileRuns } from "./file-runs.ts";
import { readdirBody, statBody } from "./file-scripts.ts";
import { parseStatOutput } from "./stat-format.ts";

const TYPES: Record<string, FileType> = {
  "-": "file",
  d: "directory",
  l: "symlink",
  p: "fifo",
  s: "socket",
  b: "block",
  c: "character",
};

/** `at` is a path of the place. */
export async function statPath(
  runs: FileRuns,
  at: string,
  options: FileOptions,
  follow: boolean,
): Promise<FileStat> {
  const tools = await runs.tools();
  const { stdout } = await runs.run(statBody(at, follow, tools), at, options);
  return parseStatOutput(stdout, tools.stat);
}

/** `at` is a path of the place. */
export async function listDirectory(
  runs: FileRuns,
  at: string,
  options: FileOptions,
): Promise<DirectoryEntry[]> {
  const { stdout } = await runs.run(readdirBody(at), at, options);
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
