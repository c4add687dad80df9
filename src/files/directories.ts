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
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
    const parent = dirname(absolute);
    // Somebody else may have made it since: then only the second failure tells.
    if (!(await isDirectory(parent))) await makeDirectories(parent, mode);
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
