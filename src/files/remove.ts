import type { FileCalls } from "./calls.ts";
import { openDirectory } from "./handles.ts";
import { listAll } from "./list.ts";
import { forEachParallel } from "./parallel.ts";
import { errnoOf } from "./stat.ts";

/** Unlinks of one directory under way at once; more only queue at the directory's lock. */
const PARALLEL_UNLINKS = 4;
/** Times that a directory is listed again because somebody else puts entries into it. */
const MAX_ROUNDS = 5;

export interface Cancellation {
  readonly aborted: boolean;
}

/**
 * Removes a directory and what is in it. Each directory is opened without following a link and emptied by its
 * descriptor, so that one that is swapped for a link meanwhile loses the link and nothing behind it.
 * @throws ENOTEMPTY when others fill it faster, and what the file system says
 */
export async function removeTree(calls: FileCalls, at: string, cancellation?: Cancellation): Promise<void> {
  for (let round = 1; ; round++) {
    const directory = await openDirectory(calls, at, false).catch((error: unknown) => {
      if (errnoOf(error) === "ENOTDIR" || errnoOf(error) === "ELOOP") return undefined;
      throw error;
    });
    if (directory === undefined) {
      await removeEntry(calls, at);
      return;
    }
    try {
      const entries = await listAll(calls, directory.at("."));
      const files = entries.filter((entry) => entry.type !== "directory");
      await forEachParallel(files, PARALLEL_UNLINKS, async (entry) => {
        if (cancellation?.aborted === true) return;
        await removeEntry(calls, directory.at(entry.name), cancellation);
      });
      for (const entry of entries) {
        if (cancellation?.aborted === true) return;
        if (entry.type === "directory")
          await ignoreMissing(removeTree(calls, directory.at(entry.name), cancellation));
      }
    } finally {
      directory.close();
    }
    if (cancellation?.aborted === true) return;
    try {
      await calls.rmdir(at);
      return;
    } catch (error) {
      const code = errnoOf(error);
      if (code === "ENOENT") return;
      if ((code !== "ENOTEMPTY" && code !== "EEXIST") || round === MAX_ROUNDS) throw error;
    }
  }
}

/** Unlinks what is not a directory; one that became a directory meanwhile is emptied. */
async function removeEntry(calls: FileCalls, at: string, cancellation?: Cancellation): Promise<void> {
  try {
    await calls.unlink(at);
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT") return;
    if (code !== "EISDIR") throw error;
    await removeTree(calls, at, cancellation);
  }
}

async function ignoreMissing(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}
