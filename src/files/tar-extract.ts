import fs from "node:fs";
import { berthError, fileError } from "../contract/errors.ts";
import type { TransferProgress } from "../contract/files.ts";
import { type FileCalls, OPEN_READ } from "./calls.ts";
import { copyContent, copyTree, isZero } from "./copy.ts";
import { type DirectoryHandle, openDirectory } from "./handles.ts";
import { joinPath, splitPath } from "./names.ts";
import { errnoOf } from "./stat.ts";
import type { TarEntry } from "./tar-format.ts";
import type { SkippedEntry } from "./tar-pack.ts";
import { TarReader } from "./tar-read.ts";
import type { TemporaryNames } from "./temporary.ts";
import { type Spot, walkFrom } from "./walk.ts";

/** Up to here a file's content is collected and written while the next entries are read. */
const SMALL_BYTES = 64 * 1024;
/** Small files being written at once. */
const PARALLEL_FILES = 6;
/** Directories kept open for the entries to come. */
const MAX_OPEN_DIRECTORIES = 64;

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_TRUNC } = fs.constants;

export interface ExtractOptions {
  readonly temporaries: TemporaryNames;
  /** Permission bits that entries may set. Default all; without 0o7000 nothing set-user-id comes out of an archive. */
  readonly modeMask?: number;
  readonly onProgress?: (progress: TransferProgress) => void;
  /** Devices, FIFOs and other entries that are not made. */
  readonly onSkipped?: (skipped: SkippedEntry) => void;
}

/**
 * Makes a file or tree from a tar archive at a spot: files and links are written beside their name and renamed, so
 * that a cut never leaves half a file; directories are merged with those that are there, which keep their modes;
 * modes and times of directories are set when their content is done. Owners are not kept.
 *
 * No entry lands outside: names with `..` and absolute names are refused, and every directory on the way is opened
 * without following links that leave the destination, whether they were there or came with the archive.
 * @throws fs.archive_invalid, fs.archive_entry_outside, file errors with the path
 */
export async function extractTree(
  calls: FileCalls,
  spot: Spot,
  source: AsyncIterable<Uint8Array>,
  options: ExtractOptions,
): Promise<{ readonly files: number; readonly bytes: number }> {
  const extractor = new Extractor(calls, spot, new TarReader(source), options);
  try {
    return await extractor.run();
  } finally {
    await extractor.close();
  }
}

interface PendingDirectory {
  readonly path: string;
  readonly entry: TarEntry;
}

class Extractor {
  readonly #calls: FileCalls;
  readonly #spot: Spot;
  readonly #reader: TarReader;
  readonly #options: ExtractOptions;
  readonly #modeMask: number;
  #root: DirectoryHandle | undefined;
  /** Open directories by their path in the archive, the least recently used first. */
  readonly #directories = new Map<string, DirectoryHandle>();
  readonly #finish: PendingDirectory[] = [];
  /** Directories that were not there before, by their path in the archive. */
  readonly #made = new Set<string>();
  readonly #jobs = new Map<string, Promise<void>>();
  #failure: unknown;
  #failed = false;
  #files = 0;
  #bytes = 0;

  constructor(calls: FileCalls, spot: Spot, reader: TarReader, options: ExtractOptions) {
    this.#calls = calls;
    this.#spot = spot;
    this.#reader = reader;
    this.#options = options;
    this.#modeMask = options.modeMask ?? 0o7777;
  }

  async run(): Promise<{ files: number; bytes: number }> {
    for (;;) {
      const entry = await this.#reader.next();
      if (this.#failed) throw this.#failure;
      if (entry === undefined) break;
      const path = this.#relative(entry.name);
      try {
        await this.#entry(entry, path);
      } catch (error) {
        throw this.#error(error, entry.name, path);
      }
      this.#options.onProgress?.({ bytes: this.#bytes, files: this.#files, path });
    }
    await this.#settle();
    for (const { path, entry } of this.#finish.reverse()) {
      try {
        await this.#finishDirectory(path, entry);
      } catch (error) {
        throw this.#error(error, entry.name, path);
      }
    }
    return { files: this.#files, bytes: this.#bytes };
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#jobs.values());
    for (const directory of this.#directories.values()) directory.close();
    this.#directories.clear();
    this.#root?.close();
  }

  /** The entry's name as a path of plain components; "." for the top. */
  #relative(name: string): string {
    const parts = name.split("/").filter((part) => part !== "" && part !== ".");
    if (name.startsWith("/") || parts.includes("..")) throw this.#outside(name);
    return parts.length === 0 ? "." : parts.join("/");
  }

  #outside(name: string): Error {
    return berthError("fs.archive_entry_outside", { hop: "berthd", context: { path: name } });
  }

  #error(error: unknown, name: string, path: string): Error {
    if (errnoOf(error) === "fs.outside_workspace") return this.#outside(name);
    return fileError(error, path === "." ? this.#calls.path : joinPath(this.#calls.path, path));
  }

  async #entry(entry: TarEntry, path: string): Promise<void> {
    if (entry.type === "other") {
      this.#options.onSkipped?.({ path, reason: "neither file, directory nor link" });
      return;
    }
    if (entry.type === "directory") {
      await this.#directory(path);
      this.#finish.push({ path, entry });
      return;
    }
    // A later entry of the same name is the one that counts.
    await this.#jobs.get(path);
    const at = await this.#locate(path);
    if (entry.type === "file") await this.#file(entry, path, at);
    else if (entry.type === "symlink") await this.#symlink(entry, at);
    else await this.#link(entry, at);
    this.#files += 1;
  }

  /** Where an entry is to be made; its directory is open. The top itself may only be no directory when it is alone. */
  async #locate(path: string): Promise<Place> {
    if (path === ".") return { at: this.#spot.at, sibling: (name) => this.#spot.sibling(name), isNew: false };
    const { parent, name } = splitPath(path);
    const directory = await this.#directory(parent);
    const isNew = this.#made.has(parent);
    return { at: directory.at(name), sibling: (other) => directory.at(other), isNew };
  }

  async #top(): Promise<DirectoryHandle> {
    if (this.#root === undefined) {
      await this.#makeDirectory(".", this.#spot.at);
      this.#root = await openDirectory(this.#calls, this.#spot.at, !this.#spot.pinned);
    }
    return this.#root;
  }

  /** Opens a directory of the tree; it and missing ones above are made. */
  async #directory(path: string): Promise<DirectoryHandle> {
    const root = await this.#top();
    if (path === ".") return root;
    const known = this.#directories.get(path);
    if (known !== undefined) {
      this.#directories.delete(path);
      this.#directories.set(path, known);
      return known;
    }
    const { parent, name } = splitPath(path);
    const above = await this.#directory(parent);
    const directory = await this.#enter(root, path, above.at(name));
    if (this.#directories.size >= MAX_OPEN_DIRECTORIES) await this.#closeOldest();
    this.#directories.set(path, directory);
    return directory;
  }

  async #enter(root: DirectoryHandle, path: string, at: string): Promise<DirectoryHandle> {
    try {
      return await openDirectory(this.#calls, at, false);
    } catch (error) {
      const code = errnoOf(error);
      if (code === "ENOENT") {
        await this.#makeDirectory(path, at);
        return await openDirectory(this.#calls, at, false);
      }
      if (code !== "ENOTDIR" && code !== "ELOOP") throw error;
    }
    // A link, perhaps: followed as far as it stays inside.
    const spot = await walkFrom(this.#calls, root, path, { follow: true });
    try {
      return await openDirectory(this.#calls, spot.at, false);
    } finally {
      spot.release();
    }
  }

  /** The files under way reach through open directories. */
  async #closeOldest(): Promise<void> {
    await this.#settle();
    const [oldest] = this.#directories.keys();
    if (oldest === undefined) return;
    this.#directories.get(oldest)?.close();
    this.#directories.delete(oldest);
  }

  async #makeDirectory(path: string, at: string): Promise<void> {
    try {
      // By umask: an entry with its mode may come later or never.
      await this.#calls.mkdir(at, 0o777);
      this.#made.add(path);
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
    }
  }

  /** A directory that was there keeps its mode: what is copied into /tmp must not change /tmp. */
  async #finishDirectory(path: string, entry: TarEntry): Promise<void> {
    const directory = await this.#directory(path);
    if (this.#made.has(path)) await this.#calls.chmod(directory.at("."), entry.mode & this.#modeMask);
    // Times of a directory that others own can't be set, and matter to nobody.
    await this.#calls.lutimes(directory.at("."), entry.mtimeMs, entry.mtimeMs).catch((error: unknown) => {
      if (this.#made.has(path) || errnoOf(error) !== "EPERM") throw error;
    });
  }

  async #file(entry: TarEntry, path: string, place: Place): Promise<void> {
    if (entry.size > SMALL_BYTES) {
      await this.#writeFile(entry, place, this.#content());
      return;
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#content()) chunks.push(chunk);
    while (this.#jobs.size >= PARALLEL_FILES) await Promise.race(this.#jobs.values());
    const job = this.#writeFile(entry, place, chunks)
      .catch((error: unknown) => {
        this.#failure ??= this.#error(error, entry.name, path);
        this.#failed = true;
      })
      .finally(() => {
        if (this.#jobs.get(path) === job) this.#jobs.delete(path);
      });
    this.#jobs.set(path, job);
  }

  async *#content(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = await this.#reader.content();
      if (chunk === undefined) return;
      this.#bytes += chunk.length;
      yield chunk;
    }
  }

  async #writeFile(
    entry: TarEntry,
    place: Place,
    content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const calls = this.#calls;
    await this.#replace(place, async (temporary) => {
      const fd = await calls.open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      try {
        if (Array.isArray(content)) {
          if (content.length > 0) await calls.write(fd, content);
        } else {
          let position = 0;
          for await (const chunk of content) {
            // Zeros are left out: what was a hole stays one.
            if (!isZero(chunk)) await calls.write(fd, [chunk], position);
            position += chunk.length;
          }
          await calls.ftruncate(fd, position);
        }
        await calls.fchmod(fd, entry.mode & this.#modeMask);
        await calls.futimes(fd, entry.mtimeMs, entry.mtimeMs);
      } catch (error) {
        await calls.close(fd);
        throw error;
      }
      await calls.closeChecked(fd);
    });
  }

  async #symlink(entry: TarEntry, place: Place): Promise<void> {
    await this.#replace(place, async (temporary) => {
      await this.#calls.symlink(entry.linkname, temporary);
      await this.#calls.lutimes(temporary, entry.mtimeMs, entry.mtimeMs);
    });
  }

  /** A further name of an earlier entry; a copy where the file system has no such links. */
  async #link(entry: TarEntry, place: Place): Promise<void> {
    await this.#settle();
    const existing = await walkFrom(this.#calls, await this.#top(), this.#relative(entry.linkname), {
      follow: false,
    });
    try {
      await this.#replace(
        place,
        async (temporary) => {
          try {
            await this.#calls.link(existing.at, temporary);
          } catch (error) {
            const code = errnoOf(error);
            if (code !== "EPERM" && code !== "ENOTSUP" && code !== "EMLINK" && code !== "EXDEV") throw error;
            await copyTree(this.#calls, existing.at, temporary);
          }
        },
        true,
      );
    } finally {
      existing.release();
    }
  }

  /** Makes something under a temporary name, and gives it the final one when it is complete. */
  async #replace(place: Place, make: (temporary: string) => Promise<void>, isLink = false): Promise<void> {
    const name = this.#options.temporaries.take();
    const temporary = place.sibling(name);
    let renamed = false;
    try {
      await make(temporary);
      if (!place.isNew) await this.#requireReplaceable(place.at);
      renamed = await this.#give(temporary, place.at);
    } finally {
      // Renaming one name of a file over another one does nothing, and leaves both.
      if (!renamed || isLink) await this.#calls.unlink(temporary).catch(() => {});
      this.#options.temporaries.release(name);
    }
  }

  /** Devices, FIFOs and sockets are not lost to a file of their name. */
  async #requireReplaceable(at: string): Promise<void> {
    const stats = await this.#calls.lstat(at).catch((error: unknown) => {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw error;
    });
    if (stats === undefined || stats.isFile() || stats.isSymbolicLink() || stats.isDirectory()) return;
    throw berthError("fs.not_a_regular_file", {
      hint: "Choose another path; a device, FIFO or socket is not replaced.",
      context: { path: this.#calls.path },
    });
  }

  /** False where what was made is copied into a file that is itself a mount, as /etc/hosts in a container. */
  async #give(temporary: string, at: string): Promise<boolean> {
    const calls = this.#calls;
    try {
      await calls.rename(temporary, at);
      return true;
    } catch (error) {
      if (errnoOf(error) !== "EBUSY" || !(await calls.lstat(temporary)).isFile()) throw error;
    }
    const source = await calls.open(temporary, OPEN_READ | O_NOFOLLOW);
    try {
      const target = await calls.open(at, O_WRONLY | O_TRUNC | O_NOFOLLOW);
      try {
        await copyContent(calls, source, target);
      } catch (error) {
        await calls.close(target);
        throw error;
      }
      await calls.closeChecked(target);
    } finally {
      await calls.close(source);
    }
    return false;
  }

  /** Waits for the small files under way. */
  async #settle(): Promise<void> {
    await Promise.all(this.#jobs.values());
    if (this.#failed) throw this.#failure;
  }
}

interface Place {
  readonly at: string;
  /** Its directory was made by this archive. */
  readonly isNew: boolean;
  sibling(name: string): string;
}
