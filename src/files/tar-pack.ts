import fs, { type Stats } from "node:fs";
import { berthError, fileError } from "../contract/errors.ts";
import type { TransferProgress } from "../contract/files.ts";
import { type FileCalls, OPEN_READ } from "./calls.ts";
import { type DirectoryHandle, openDirectory } from "./handles.ts";
import { listAll } from "./list.ts";
import { joinPath } from "./names.ts";
import type { Cancellation } from "./remove.ts";
import { errnoOf, fileType, MODE_BITS } from "./stat.ts";
import { encodeHeader, padding, TAR_END, type TarEntry } from "./tar-format.ts";

/** Up to here a file is read whole before its header is written, so that both always agree. */
const SMALL_BYTES = 64 * 1024;
const CHUNK_BYTES = 256 * 1024;
/** Entries of a directory that are looked at and read ahead of the one being sent. */
const LOOK_AHEAD = 8;

/** An entry that the archive does not have as it is, and why. */
export interface SkippedEntry {
  readonly path: string;
  readonly reason: string;
}

export interface PackOptions {
  readonly cancellation?: Cancellation;
  readonly onProgress?: (progress: TransferProgress) => void;
  /** Sockets, FIFOs and devices; what vanished or shrank while it was read (then filled with zeros). */
  readonly onSkipped?: (skipped: SkippedEntry) => void;
}

interface Prepared {
  readonly stats: Stats;
  /** Whole content of a small file. */
  readonly content?: Buffer;
  /** Of a larger one: to be read and closed by the packer. */
  readonly fd?: number;
  readonly target?: string;
}

/**
 * A file or tree as a tar archive, in chunks. The top is the entry ".", whatever its type; names of the others are
 * relative to it. Directories come before their content, entries sorted by name, links are not followed (the top
 * was resolved by the caller), further names of a file are links to the first.
 * @throws file errors with the path of the entry
 */
export async function* packTree(
  calls: FileCalls,
  at: string,
  options: PackOptions = {},
): AsyncGenerator<Uint8Array[], void, void> {
  const packer = new Packer(calls, options);
  try {
    yield* packer.entry(await packer.prepare(at, ".", undefined), ".", at);
    yield [TAR_END];
  } finally {
    await packer.close();
  }
}

class Packer {
  readonly #calls: FileCalls;
  readonly #options: PackOptions;
  readonly #linked = new Map<string, string>();
  readonly #open = new Set<number>();
  readonly #underWay = new Set<Promise<unknown>>();
  #bytes = 0;
  #files = 0;

  constructor(calls: FileCalls, options: PackOptions) {
    this.#calls = calls;
    this.#options = options;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    for (const fd of this.#open) await this.#calls.close(fd);
    this.#open.clear();
  }

  /** Looks at an entry and reads it as far as it is small; undefined (and noted) where there is nothing to send. */
  async prepare(at: string, name: string, type: string | undefined): Promise<Prepared | undefined> {
    try {
      if (type === "fifo" || type === "socket" || type === "block" || type === "character") {
        return this.#skip(name, type);
      }
      const stats = await this.#calls.lstat(at);
      if (stats.isSymbolicLink()) return { stats, target: await this.#calls.readlink(at) };
      if (stats.isDirectory()) return { stats };
      if (!stats.isFile()) {
        // Nothing would be left of a transfer that asked for this alone.
        if (name === ".") throw berthError("fs.not_a_regular_file", { context: { path: this.#calls.path } });
        return this.#skip(name, fileType(stats));
      }
      return await this.#openFile(at);
    } catch (error) {
      if (name !== "." && errnoOf(error) === "ENOENT") return this.#skip(name, "gone while it was read");
      throw fileError(error, this.#display(name));
    }
  }

  #skip(path: string, reason: string): undefined {
    this.#options.onSkipped?.({ path, reason });
    return undefined;
  }

  #display(name: string): string {
    return name === "." ? this.#calls.path : joinPath(this.#calls.path, name);
  }

  async #openFile(at: string): Promise<Prepared> {
    const fd = await this.#calls.open(at, OPEN_READ | fs.constants.O_NOFOLLOW);
    this.#open.add(fd);
    const stats = await this.#calls.fstat(fd);
    if (stats.size > SMALL_BYTES) return { stats, fd };
    const buffer = Buffer.allocUnsafeSlow(stats.size);
    let filled = 0;
    while (filled < buffer.length) {
      const bytes = await this.#calls.read(fd, buffer, filled, buffer.length - filled, filled);
      if (bytes === 0) break;
      filled += bytes;
    }
    this.#closeFile(fd);
    return { stats, content: buffer.subarray(0, filled) };
  }

  #closeFile(fd: number): void {
    this.#open.delete(fd);
    void this.#calls.close(fd);
  }

  async *entry(prepared: Prepared | undefined, name: string, at: string): AsyncGenerator<Uint8Array[]> {
    if (prepared === undefined || this.#options.cancellation?.aborted === true) return;
    const { stats, content, fd, target } = prepared;
    const base = { name, mode: stats.mode & MODE_BITS, mtimeMs: stats.mtimeMs, size: 0, linkname: "" };
    if (target !== undefined) {
      yield [encodeHeader({ ...base, type: "symlink", linkname: target })];
    } else if (stats.isDirectory()) {
      yield [encodeHeader({ ...base, type: "directory" })];
      yield* this.#directory(at, name);
      return;
    } else {
      const key = stats.nlink > 1 ? `${stats.dev}:${stats.ino}` : undefined;
      const first = key === undefined ? undefined : this.#linked.get(key);
      if (key !== undefined && first === undefined) this.#linked.set(key, name);
      if (first !== undefined) {
        yield [encodeHeader({ ...base, type: "link", linkname: first })];
        if (fd !== undefined) this.#closeFile(fd);
      } else if (content !== undefined) {
        const entry: TarEntry = { ...base, type: "file", size: content.length };
        this.#bytes += content.length;
        yield [encodeHeader(entry), content, padding(content.length)];
      } else if (fd !== undefined) {
        yield [encodeHeader({ ...base, type: "file", size: stats.size })];
        yield* this.#content(fd, stats.size, name);
        yield [padding(stats.size)];
        this.#closeFile(fd);
      }
    }
    this.#files += 1;
    this.#options.onProgress?.({ bytes: this.#bytes, files: this.#files, path: name });
  }

  async *#directory(at: string, name: string): AsyncGenerator<Uint8Array[]> {
    const directory = await this.#openDirectory(at, name);
    if (directory === undefined) return;
    const ahead: Promise<Prepared | undefined>[] = [];
    try {
      const entries = await listAll(this.#calls, directory.at("."));
      entries.sort((a, b) => (a.name < b.name ? -1 : 1));
      for (let index = 0; index < entries.length; index++) {
        while (ahead.length < LOOK_AHEAD && index + ahead.length < entries.length) {
          const next = entries[index + ahead.length]!;
          const preparing = this.prepare(directory.at(next.name), childName(name, next.name), next.type);
          this.#underWay.add(preparing);
          // Its failure is met when its turn comes, or is of no interest any more.
          preparing.catch(() => {}).finally(() => this.#underWay.delete(preparing));
          ahead.push(preparing);
        }
        const { name: child } = entries[index]!;
        yield* this.entry(await ahead.shift(), childName(name, child), directory.at(child));
      }
    } finally {
      // They reach through the directory's descriptor.
      await Promise.allSettled(ahead);
      directory.close();
    }
  }

  async #openDirectory(at: string, name: string): Promise<DirectoryHandle | undefined> {
    try {
      return await openDirectory(this.#calls, at, false);
    } catch (error) {
      if (name !== "." && errnoOf(error) === "ENOENT") return this.#skip(name, "gone while it was read");
      throw fileError(error, this.#display(name));
    }
  }

  /** Exactly `size` bytes, as the header says: zeros for what the file lost meanwhile. */
  async *#content(fd: number, size: number, name: string): AsyncGenerator<Uint8Array[]> {
    for (let position = 0; position < size; ) {
      if (this.#options.cancellation?.aborted === true) return;
      const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, size - position));
      let filled = 0;
      while (filled < buffer.length) {
        const bytes = await this.#calls.read(fd, buffer, filled, buffer.length - filled, position + filled);
        if (bytes === 0) break;
        filled += bytes;
      }
      if (filled < buffer.length) {
        this.#skip(name, "shrank while it was read: filled with zeros");
        yield [buffer.subarray(0, filled)];
        for (let left = size - position - filled; left > 0; left -= CHUNK_BYTES) {
          yield [Buffer.alloc(Math.min(CHUNK_BYTES, left))];
        }
        return;
      }
      position += filled;
      this.#bytes += filled;
      yield [buffer];
      this.#options.onProgress?.({ bytes: this.#bytes, files: this.#files, path: name });
    }
  }
}

function childName(parent: string, name: string): string {
  return parent === "." ? name : `${parent}/${name}`;
}
