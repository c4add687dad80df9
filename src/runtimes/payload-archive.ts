import { createHash, randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { makeDirectories } from "../files/directories.ts";
import type { Payload } from "./payload.ts";
import type { PayloadPart } from "./payload-manifest.ts";
import type { Archive } from "./payload-upload-scripts.ts";

const DAY_MS = 24 * 60 * 60_000;
/** Archives that nobody has uploaded for so long are removed. */
const KEPT_MS = 30 * DAY_MS;

/**
 * A part as one compressed file in a directory of this machine, made at the first need. Compressed bytes differ from
 * one zlib to the next: kept, an upload goes on with exactly those that it began with, and its length is known. The
 * fastest level: at 20 Mbit/s a better one costs more time than it saves.
 */
export async function archivePart(payload: Payload, part: PayloadPart, directory: string): Promise<Archive> {
  const prefix = `${payload.platform}-${payload.directoryName(part)}.`;
  const found = await findArchive(directory, prefix);
  if (found !== undefined) return found;
  await makeDirectories(directory, 0o700);
  await removeOld(directory);
  const temporary = join(directory, `.tmp-${randomBytes(6).toString("hex")}`);
  const hash = createHash("sha256");
  let size = 0;
  const counting = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  try {
    await pipeline(
      payload.tar(part, { compress: "gzip" }),
      counting,
      createWriteStream(temporary, { mode: 0o600 }),
    );
    const sha256 = hash.digest("hex");
    const path = join(directory, `${prefix}${sha256}.tar.gz`);
    await rename(temporary, path);
    return { path, size, sha256 };
  } finally {
    await rm(temporary, { force: true });
  }
}

async function findArchive(directory: string, prefix: string): Promise<Archive | undefined> {
  for (const name of await readdir(directory).catch(() => [])) {
    const sha256 = /^([0-9a-f]{64})\.tar\.gz$/.exec(name.slice(prefix.length))?.[1];
    if (!name.startsWith(prefix) || sha256 === undefined) continue;
    const path = join(directory, name);
    const now = new Date();
    // It says when it was needed last. What another process removed meanwhile is made anew.
    const used = await utimes(path, now, now).then(
      () => stat(path),
      () => undefined,
    );
    if (used !== undefined) return { path, size: used.size, sha256 };
  }
  return undefined;
}

async function removeOld(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > (name.startsWith(".tmp-") ? DAY_MS : KEPT_MS)) await rm(path, { force: true });
  }
}
