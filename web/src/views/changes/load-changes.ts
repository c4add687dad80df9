import type { components, RunnerClient } from "../../../../src/client/index.ts";
import { GitDiffParser } from "../../diff/git-diff.ts";
import type { DiffFile } from "../../diff/model.ts";
import type { ShownFile } from "../../diff/rows.ts";

type WorkspaceChanges = components["schemas"]["WorkspaceChanges"];

/** Changed lines of a file that are read with the rest; files with more are read when they are asked for. */
export const MOST_OF_FILE = 3000;
/** What is kept, and what is read, of all diffs together; files behind it are read when they are asked for. */
const MOST_LINES = 100_000;
const MOST_LETTERS = 64 * 1024 * 1024;
/** Of one file that was asked for. */
const MOST_OF_ONE = 250_000;

export interface ReadChanges {
  readonly summary: WorkspaceChanges;
  readonly files: readonly ShownFile[];
  /** Some files are without their lines. */
  readonly isCut: boolean;
}

interface From {
  readonly client: RunnerClient;
  readonly workspace: string;
  readonly base: string;
  readonly signal: AbortSignal;
}

/** The files that were changed, with their lines as far as these are not too many. */
export async function loadChanges(from: From): Promise<ReadChanges> {
  const { client, workspace, base, signal } = from;
  const params = { path: { workspace }, query: { base } };
  const [summary, { files: diffs, isCut }] = await Promise.all([
    client.get("/v1/workspaces/{workspace}/changes", { params, signal }),
    readDiff(from, { mostLines: MOST_OF_FILE }),
  ]);
  return { summary, isCut, files: joined(summary, diffs) };
}

/** The lines of one file; undefined: it is as it was. */
export async function loadFile(from: From, file: ShownFile): Promise<DiffFile | undefined> {
  const paths = [file.path, ...(file.oldPath === null ? [] : [file.oldPath])];
  const { files } = await readDiff(from, { path: paths, mostLines: MOST_OF_ONE });
  return files.find(({ path }) => path === file.path);
}

/** The list says which files there are; of what is in one of both only, it was changed in between. */
export function joined(summary: WorkspaceChanges, diffs: readonly DiffFile[]): ShownFile[] {
  const byPath = new Map(diffs.map((diff) => [diff.path, diff]));
  return summary.files.map(({ path, old_path, status, added, deleted, binary }) => ({
    path,
    oldPath: old_path,
    status,
    added,
    deleted,
    binary,
    diff: wholeOf(byPath.get(path)),
  }));
}

function wholeOf(diff: DiffFile | undefined): DiffFile | undefined {
  return diff?.isCut === true ? undefined : diff;
}

async function readDiff(
  { client, workspace, base, signal }: From,
  { path, mostLines }: { readonly path?: string[]; readonly mostLines: number },
): Promise<{ readonly files: readonly DiffFile[]; readonly isCut: boolean }> {
  const query = path === undefined ? { base } : { base, path };
  const { data } = await client.api.GET("/v1/workspaces/{workspace}/diff", {
    params: { path: { workspace }, query },
    parseAs: "stream",
    signal,
  });
  const parser = new GitDiffParser({ mostLines });
  const reader = data?.getReader();
  if (reader === undefined) return { files: [], isCut: false };
  const decoder = new TextDecoder();
  let letters = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const text = decoder.decode(value, { stream: true });
    letters += text.length;
    parser.push(text);
    if (parser.lines > MOST_LINES || letters > MOST_LETTERS) {
      await reader.cancel();
      // The last one is cut off in its middle.
      return { files: parser.files.length > 1 ? parser.files.slice(0, -1) : parser.files, isCut: true };
    }
  }
  parser.end();
  return { files: parser.files, isCut: false };
}
