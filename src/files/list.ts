import type { Dir, Dirent } from "node:fs";
import type { DirectoryEntry } from "../contract/files.ts";
import type { FileCalls } from "./calls.ts";
import { nameFromLatin1 } from "./names.ts";
import { errnoOf, fileType } from "./stat.ts";

/** Entries that one call of the thread pool fetches. */
const BATCH_ENTRIES = 512;

/**
 * Entries of a directory in batches, in the order of the file system, without "." and "..". The type comes from
 * the directory where the file system keeps it there, else from lstat.
 * @param at path for system calls; its last component is followed
 */
export async function* listDirectory(calls: FileCalls, at: string): AsyncGenerator<DirectoryEntry[]> {
  const directory: Dir = await calls.opendir(at, BATCH_ENTRIES);
  try {
    for (;;) {
      const entries = await calls.readEntries(directory, BATCH_ENTRIES);
      const batch: DirectoryEntry[] = [];
      for (const entry of entries) {
        const name = nameFromLatin1(entry.name);
        if (isTypeKnown(entry)) batch.push({ name, type: fileType(entry) });
        else batch.push(...(await lookUp(calls, at, name)));
      }
      if (batch.length > 0) yield batch;
      if (entries.length < BATCH_ENTRIES) return;
    }
  } finally {
    await new Promise<void>((resolve) => directory.close(() => resolve()));
  }
}

/** All entries at once. */
export async function listAll(calls: FileCalls, at: string): Promise<DirectoryEntry[]> {
  const all: DirectoryEntry[] = [];
  for await (const batch of listDirectory(calls, at)) for (const entry of batch) all.push(entry);
  return all;
}

function isTypeKnown(entry: Dirent): boolean {
  return (
    entry.isFile() ||
    entry.isDirectory() ||
    entry.isSymbolicLink() ||
    entry.isFIFO() ||
    entry.isSocket() ||
    entry.isCharacterDevice() ||
    entry.isBlockDevice()
  );
}

/** Some file systems do not say the type in the directory; an entry that is gone meanwhile is left out. */
async function lookUp(calls: FileCalls, at: string, name: string): Promise<DirectoryEntry[]> {
  try {
    return [{ name, type: fileType(await calls.lstat(`${at}/${name}`)) }];
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}
