import { constants } from "node:fs";
import { access, open, readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { INIT_HOOK } from "./git/init-hook.ts";
import { localGitPlace } from "./git/places.ts";
import { readProject } from "./git/project.ts";

/** A file's beginning that is enough to be shown. */
const SHOWN_BYTES = 16 * 1024;

/** What a project has that runs when it is trusted, as its checkout is now. */
export interface ProjectHooks {
  /** Absolute: the working tree. */
  readonly root: string;
  /** Absolute: where git looks for hooks. */
  readonly directory: string;
  /** `core.hooksPath` as it is written, where that says so. */
  readonly hooksPath: string | undefined;
  /** Names of the hooks that git would run. */
  readonly hooks: readonly string[];
  /** Undefined without one; `text` is its beginning. */
  readonly init: { readonly path: string; readonly executable: boolean; readonly text: string } | undefined;
}

/**
 * Looks for the hooks of the project that a directory is in. Runs none of them.
 * @throws workspace.not_a_project, workspace.git_missing, workspace.git_failed
 */
export async function findHooks(directory: string): Promise<ProjectHooks> {
  const { root, gitDir, hooksPath } = await readProject(localGitPlace(), resolve(directory));
  const path = hooksPath?.replace(/^~(?=\/)/, homedir());
  const hooksDirectory = path === undefined ? join(gitDir, "hooks") : resolve(root, path);
  const names = await readdir(hooksDirectory).catch(() => []);
  const runnable = await Promise.all(
    names.map(async (name) => !name.endsWith(".sample") && (await isExecutable(join(hooksDirectory, name)))),
  );
  return {
    root,
    directory: hooksDirectory,
    hooksPath,
    hooks: names.filter((_, index) => runnable[index]).sort(),
    init: await readInit(join(root, INIT_HOOK)),
  };
}

async function readInit(path: string): Promise<ProjectHooks["init"]> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await file.stat()).isFile()) return undefined;
    const { bytesRead, buffer } = await file.read(Buffer.alloc(SHOWN_BYTES), 0, SHOWN_BYTES, 0);
    return {
      path,
      executable: await isExecutable(path),
      text: buffer.subarray(0, bytesRead).toString("utf8"),
    };
  } catch {
    return undefined;
  }
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
