import { realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileError } from "../../contract/errors.ts";
import { makeDirectories } from "../../files/directories.ts";
import { TemporaryNames } from "../../files/temporary.ts";
import { FileThreads } from "../../files/threads.ts";
import type { Spot } from "../../files/walk.ts";

/** Shared by all transfers of this process, as it counts what hangs and which temporaries are alive. */
export const threads = new FileThreads();
export const temporaries = new TemporaryNames();
/** What a place may set here: nothing set-user-id comes out of it. */
export const DOWNLOAD_MODE_MASK = 0o777;

/** The path behind links, so that a link to the target is kept and what it points to is meant. */
export async function localPath(path: string, mustExist: boolean): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (mustExist || (error as NodeJS.ErrnoException).code !== "ENOENT")
      throw fileError(error, path, "client");
  }
  try {
    await makeDirectories(dirname(path));
    return path;
  } catch (error) {
    throw fileError(error, path, "client");
  }
}

export function spotOf(at: string): Spot {
  const parent = dirname(at);
  return { at, sibling: (name) => join(parent, name), name: basename(at), pinned: false, release() {} };
}
