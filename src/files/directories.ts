import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/**
 * Makes a directory of this machine and its parents, unless they are there. Node's own recursive `mkdir` tries for
 * ever, in a thread and beyond any signal, where a directory that exists refuses children with ENOENT (/proc).
 * @throws what the system says of the first directory that can't be made (an errno, no BerthError)
 */
export async function makeDirectories(path: string, mode = 0o777): Promise<void> {
  const absolute = resolve(path);
  try {
    await mkdir(absolute, { mode });
  } catch (cause) {
    // Read-only file systems and missing rights are told before EEXIST.
    if (await isDirectory(absolute)) return;
    const parent = dirname(absolute);
    const parentMissing = (cause as NodeJS.ErrnoException).code === "ENOENT" && !(await isDirectory(parent));
    if (!parentMissing) throw cause;
    await makeDirectories(parent, mode);
    await mkdir(absolute, { mode }).catch(async (again) => {
      if (!(await isDirectory(absolute))) throw again;
    });
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
