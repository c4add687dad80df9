import { promises as fs } from "node:fs";
import { dirname, join } from "node:path";
import type { DiskBudget } from "./disk-budget.ts";
import type { LogStorage } from "./log-storage.ts";

/** Time from the last use of a file (its content read or written) until it goes. */
const KEPT_MS = 24 * 3_600_000;
const SWEEP_INTERVAL_MS = 3_600_000;
/** Where files of other users are, which can't look into the daemon's directory. */
const SHARED_DIRECTORY = "/tmp";
const SHARED_PREFIX = "berth-output-";
const NAME = "output.log";
/** In a directory that is not the daemon's own. */
const SUBDIRECTORY = "outputs";

interface KeptFile {
  readonly path: string;
  readonly disk: DiskBudget;
  bytes: number;
  /** Its process has not ended: neither age nor a full disk removes it. */
  writing: boolean;
}

export interface KeptFileOptions {
  readonly id: string;
  /** Directory that the logs were asked to be in; undefined: the daemon's own. */
  readonly logs: string | undefined;
  /** Another user than the daemon's whose process it is. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
}

/**
 * The files with the whole output of processes, each in a directory of its own: who is shown one is not shown the others.
 * They outlive their process and the daemon: each has its entry `<id>` in the daemon's directory, which is the directory
 * itself, or a link to it where it is elsewhere.
 */
export class KeptFiles {
  readonly #directory: string;
  readonly #storage: LogStorage;
  /** The one made first comes first. */
  readonly #files = new Map<string, KeptFile>();
  readonly #found: Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(directory: string, storage: LogStorage) {
    this.#directory = directory;
    this.#storage = storage;
    this.#found = this.#recover();
  }

  /**
   * Makes the file of a process, for the one whose process it is: mode 0600 in a directory that nobody else can look into
   * or change. Gives its absolute path.
   */
  async create({ id, logs, user }: KeptFileOptions): Promise<string> {
    await this.#found;
    await fs.mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const entry = join(this.#directory, id);
    const shared = user === undefined ? undefined : await sharedDirectory();
    const directory = shared ?? (logs === undefined ? entry : join(logs, SUBDIRECTORY, id));
    // Before anything is written: a daemon that is killed here leaves nothing that the next one doesn't find.
    if (directory !== entry) await fs.symlink(directory, entry);
    await fs.mkdir(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, NAME);
    const file = await fs.open(path, "ax", 0o600);
    try {
      if (user !== undefined && shared !== undefined) await file.chown(user.uid, user.gid);
    } finally {
      await file.close();
    }
    const disk = await this.#storage.disks.of(directory);
    this.#files.set(id, { path, disk, bytes: 0, writing: true });
    this.#schedule();
    return path;
  }

  /** Makes room for so many more bytes of a file; false when there is none. */
  async reserve(id: string, bytes: number): Promise<boolean> {
    const file = this.#files.get(id);
    if (file === undefined) return false;
    if (!(await this.#storage.reserveFor(bytes, file.disk, dirname(file.path)))) return false;
    file.bytes += bytes;
    return true;
  }

  /** Its process has ended. */
  written(id: string): void {
    const file = this.#files.get(id);
    if (file !== undefined) file.writing = false;
  }

  has(id: string): boolean {
    return this.#files.has(id);
  }

  /** Removes the oldest file on the disk whose process has ended; the bytes that it had. */
  evict(disk: DiskBudget): number {
    for (const [id, file] of this.#files) {
      if (file.writing || file.disk !== disk || file.bytes === 0) continue;
      void this.remove(id);
      return file.bytes;
    }
    return 0;
  }

  async remove(id: string): Promise<void> {
    const file = this.#files.get(id);
    if (file === undefined) return;
    this.#files.delete(id);
    file.disk.usedBytes -= file.bytes;
    await this.#unlink(id, file.path);
  }

  async #unlink(id: string, path: string): Promise<void> {
    const entry = join(this.#directory, id);
    await fs.rm(path, { force: true }).catch(() => {});
    await fs.rmdir(dirname(path)).catch(() => {});
    if (dirname(path) !== entry) await fs.rm(entry, { force: true }).catch(() => {});
  }

  /** Removes what nobody has used for a day. */
  async sweep(): Promise<void> {
    await this.#found;
    for (const [id, { path, writing }] of [...this.#files]) {
      if (writing) continue;
      const used = await lastUse(path);
      if (used === undefined || used + KEPT_MS <= Date.now()) await this.remove(id);
    }
    this.#schedule();
  }

  /** A timer runs only while there is something to remove one day. */
  #schedule(): void {
    if (this.#files.size === 0 || this.#closed) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    this.#timer ??= setInterval(() => void this.sweep(), SWEEP_INTERVAL_MS).unref();
  }

  /** What earlier daemons left. */
  async #recover(): Promise<void> {
    const names = await fs.readdir(this.#directory).catch(() => []);
    const left: { id: string; path: string; bytes: number; usedMs: number }[] = [];
    for (const id of names) {
      const entry = join(this.#directory, id);
      const directory = await fs.readlink(entry).catch(() => entry);
      const path = join(directory, NAME);
      const found = (await isOwn(directory)) ? await fs.lstat(path).catch(() => undefined) : undefined;
      const usedMs = found === undefined ? 0 : Math.max(found.atimeMs, found.mtimeMs);
      if (found?.isFile() === true && usedMs + KEPT_MS > Date.now()) {
        left.push({ id, path, bytes: found.size, usedMs });
      } else if (found !== undefined || directory === entry) await this.#unlink(id, path);
      else await fs.rm(entry, { force: true }).catch(() => {});
    }
    for (const { id, path, bytes } of left.sort((a, b) => a.usedMs - b.usedMs)) {
      const disk = await this.#storage.disks.of(dirname(path));
      disk.usedBytes += bytes;
      this.#files.set(id, { path, disk, bytes, writing: false });
    }
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    this.#schedule();
  }
}

/**
 * A new directory for a file of another user: root's, so that nobody can put something else there, and others may pass
 * through it to what is theirs. undefined where there is none: then only the daemon's user can read the file.
 */
async function sharedDirectory(): Promise<string | undefined> {
  try {
    const directory = await fs.mkdtemp(join(SHARED_DIRECTORY, SHARED_PREFIX));
    await fs.chmod(directory, 0o711);
    return directory;
  } catch {
    return undefined;
  }
}

/** What is in a directory that somebody else has made meanwhile is not the daemon's to remove. */
async function isOwn(directory: string): Promise<boolean> {
  const found = await fs.lstat(directory).catch(() => undefined);
  return found?.isDirectory() === true && found.uid === process.getuid?.();
}

async function lastUse(path: string): Promise<number | undefined> {
  const found = await fs.lstat(path).catch(() => undefined);
  return found === undefined ? undefined : Math.max(found.atimeMs, found.mtimeMs);
}
