import { randomBytes } from "node:crypto";
import { link, rm, writeFile } from "node:fs/promises";

/**
 * Makes a file (0600) of random bytes in hex, unless it is there: of several that try at once one succeeds, and it is
 * complete from the moment it can be seen.
 * @throws errors of files
 */
export async function makeRandomFile(path: string, bytes: number): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  await writeFile(temporary, `${randomBytes(bytes).toString("hex")}\n`, { mode: 0o600, flag: "wx" });
  try {
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}
