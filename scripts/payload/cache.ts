import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/** Where downloads and what is made of them are kept, so that a rebuild needs no network. */
export function buildCacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const caches = env.XDG_CACHE_HOME?.startsWith("/") ? env.XDG_CACHE_HOME : join(homedir(), ".cache");
  return join(caches, "berth", "build");
}

/**
 * The directory `target`, made by `make` in a temporary sibling unless it exists: it is there as a whole or
 * not at all, whoever else makes it at the same time.
 */
export async function madeOnce(target: string, make: (temporary: string) => Promise<void>): Promise<string> {
  if (await exists(target)) return target;
  const temporary = join(dirname(target), `.tmp-${process.pid}-${randomBytes(4).toString("hex")}`);
  await mkdir(temporary, { recursive: true });
  try {
    await make(temporary);
    await rename(temporary, target).catch((error: NodeJS.ErrnoException) => {
      // Another build was first, with the same content.
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return target;
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Hash of a file's content in the given encoding. */
export async function hashFile(
  path: string,
  algorithm: "sha256" | "sha512" = "sha256",
  encoding: "hex" | "base64" = "hex",
): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest(encoding);
}
