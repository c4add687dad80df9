import fs, { type Stats } from "node:fs";
import type { FileCalls } from "./calls.ts";
import { OPEN_READ } from "./calls.ts";
import { openDirectory } from "./handles.ts";
import { listAll } from "./list.ts";
import type { Cancellation } from "./remove.ts";
import { errnoOf, MODE_BITS } from "./stat.ts";

const CHUNK_BYTES = 1024 * 1024;
const ZEROS = Buffer.alloc(CHUNK_BYTES);

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = fs.constants;

/** Copies extended attributes from one path to another, as far as that is possible. */
export type CopyAttributes = (from: string, to: string) => Promise<void>;

export interface CopyOptions {
  readonly copyAttributes?: CopyAttributes;
  readonly cancellation?: Cancellation;
}

/**
 * Copies a file or tree to a path where nothing is: modes, times, symbolic and hard links, holes, and the owner
 * where that is permitted. Links are never followed.
 * @throws what the file system says; ENOTSUP for sockets and devices; a copy that failed is left for the caller to remove
 */
export async function copyTree(
  calls: FileCalls,
  from: string,
  to: string,
  options: CopyOptions = {},
): Promise<void> {
  await new Copy(calls, options).entry(from, to);
}

class Copy {
  readonly #calls: FileCalls;
  readonly #options: CopyOptions;
  /** First copy of each file that has several links. */
  readonly #linked = new Map<string, string>();

  constructor(calls: FileCalls, options: CopyOptions) {
    this.#calls = calls;
    this.#options = options;
  }

  async entry(from: string, to: string): Promise<void> {
    if (this.#options.cancellation?.aborted === true) return;
    const calls = this.#calls;
    const stats = await calls.lstat(from);
    if (stats.isSymbolicLink()) {
      await calls.symlink(await calls.readlink(from), to);
      await ignoreNotPermitted(calls.lchown(to, stats.uid, stats.gid));
      await calls.lutimes(to, stats.atimeMs, stats.mtimeMs);
    } else if (stats.isDirectory()) {
      await this.#directory(from, to, stats);
    } else if (stats.isFile()) {
      await this.#file(from, to, stats);
    } else {
      throw Object.assign(new Error("not a file, directory or link"), { code: "ENOTSUP" });
    }
  }

  async #directory(from: string, to: string, stats: Stats): Promise<void> {
    const calls = this.#calls;
    await calls.mkdir(to, 0o700);
    const source = await openDirectory(calls, from, false);
    try {
      const target = await openDirectory(calls, to, false);
      try {
        for (const { name } of await listAll(calls, source.at("."))) {
          await this.entry(source.at(name), target.at(name));
        }
        await this.#finish(from, target.at("."), stats);
      } finally {
        target.close();
      }
    } finally {
      source.close();
    }
  }

  async #file(from: string, to: string, stats: Stats): Promise<void> {
    const calls = this.#calls;
    const key = `${stats.dev}:${stats.ino}`;
    const first = stats.nlink > 1 ? this.#linked.get(key) : undefined;
    if (first !== undefined) {
      await calls.link(first, to);
      return;
    }
    const source = await calls.open(from, OPEN_READ | O_NOFOLLOW);
    try {
      const target = await calls.open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      try {
        await copyContent(calls, source, target, this.#options.cancellation);
        await ignoreNotPermitted(calls.fchown(target, stats.uid, stats.gid));
        await this.#options.copyAttributes?.(from, to);
        await calls.fchmod(target, stats.mode & MODE_BITS);
        await calls.futimes(target, stats.atimeMs, stats.mtimeMs);
      } finally {
        await calls.close(target);
      }
    } finally {
      await calls.close(source);
    }
    if (stats.nlink > 1) this.#linked.set(key, to);
  }

  async #finish(from: string, to: string, stats: Stats): Promise<void> {
    const calls = this.#calls;
    await ignoreNotPermitted(calls.lchown(to, stats.uid, stats.gid));
    await this.#options.copyAttributes?.(from, to);
    await calls.chmod(to, stats.mode & MODE_BITS);
    await calls.lutimes(to, stats.atimeMs, stats.mtimeMs);
  }
}

/** Copies what one open file holds into another one that is empty; holes stay holes. */
export async function copyContent(
  calls: FileCalls,
  source: number,
  target: number,
  cancellation?: Cancellation,
): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  for (let position = 0; cancellation?.aborted !== true; ) {
    const length = await calls.read(source, buffer, 0, buffer.length, position);
    if (length === 0) {
      await calls.ftruncate(target, position);
      return;
    }
    const chunk = buffer.subarray(0, length);
    if (!isZero(chunk)) await calls.write(target, [chunk], position);
    position += length;
  }
}

/** Whether a chunk is a hole that need not be written. */
export function isZero(chunk: Uint8Array): boolean {
  if (chunk.length === 0 || chunk[0] !== 0 || chunk[chunk.length - 1] !== 0) return false;
  return ZEROS.subarray(0, chunk.length).equals(chunk);
}

/** Only root may give files away; a copy by anybody else is the copier's. */
async function ignoreNotPermitted(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (errnoOf(error) !== "EPERM" && errnoOf(error) !== "EINVAL") throw error;
  }
}
