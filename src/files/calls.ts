import fs from "node:fs";
import { nameFromBytes, nativePath } from "./names.ts";
import { CallOwner, type FileThreads } from "./threads.ts";

export const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * O_PATH of asm-generic/fcntl.h (x64 and arm64 share it); node:fs does not export it. Opens a directory for
 * walking without the right to list it.
 */
export const O_PATH = 0o10000000;

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = fs.constants;

/** Opens for reading that never wait for a peer and never follow a link in the last component. */
export const OPEN_READ = O_RDONLY | O_NONBLOCK | O_NOCTTY;
export const OPEN_DIRECTORY = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
/** For walking only: `/proc/self/fd/N/name` works on it. */
export const OPEN_WALK = (process.platform === "linux" ? O_PATH : O_RDONLY) | O_DIRECTORY;

/**
 * The calls of node:fs that file operations use, in their callback forms (a promise of node:fs/promises costs
 * several times more), each with the deadline. Errors are those of node:fs, or fs.timeout; `path` is what they
 * are about. node:fs opens everything with O_CLOEXEC.
 */
export class FileCalls {
  readonly path: string;
  readonly #threads: FileThreads;
  readonly #timeoutMs: number;
  readonly #owner = new CallOwner();

  constructor(threads: FileThreads, path: string, timeoutMs = DEFAULT_TIMEOUT_MS) {
    this.#threads = threads;
    this.path = path;
    this.#timeoutMs = timeoutMs;
  }

  open(path: string, flags: number, mode = 0o666): Promise<number> {
    return this.#run<number>((done) => fs.open(nativePath(path), flags, mode, done), closeLate);
  }

  /** Never fails: a descriptor is gone whatever close says, and what matters was written or synced before. */
  close(fd: number): Promise<void> {
    return new Promise((resolve) => {
      this.#owner.whenSafe(() => fs.close(fd, () => resolve()));
      // One that has to wait for a hung call is not waited for.
      if (this.#owner.hung) resolve();
    });
  }

  /** For files that were written: some file systems report a full disk only here. */
  closeChecked(fd: number): Promise<void> {
    return this.#run((done) => fs.close(fd, done as fs.NoParamCallback));
  }

  access(path: string, mode: number): Promise<void> {
    return this.#run((done) => fs.access(nativePath(path), mode, done as fs.NoParamCallback));
  }

  stat(path: string): Promise<fs.Stats> {
    return this.#run((done) => fs.stat(nativePath(path), done));
  }

  lstat(path: string): Promise<fs.Stats> {
    return this.#run((done) => fs.lstat(nativePath(path), done));
  }

  fstat(fd: number): Promise<fs.Stats> {
    return this.#run((done) => fs.fstat(fd, done));
  }

  /** With sizes and times that are exact: in nanoseconds. */
  fstatExact(fd: number): Promise<fs.BigIntStats> {
    return this.#run((done) => fs.fstat(fd, { bigint: true }, done));
  }

  lstatExact(path: string): Promise<fs.BigIntStats> {
    return this.#run((done) => fs.lstat(nativePath(path), { bigint: true }, done));
  }

  readlink(path: string): Promise<string> {
    return this.#run<Buffer>((done) => fs.readlink(nativePath(path), "buffer", done)).then(nameFromBytes);
  }

  realpath(path: string): Promise<string> {
    return this.#run<Buffer>((done) => fs.realpath.native(nativePath(path), "buffer", done)).then(
      nameFromBytes,
    );
  }

  /** Bytes read; 0 at the end. `position` null reads where the descriptor is. */
  read(
    fd: number,
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number | null,
  ): Promise<number> {
    return this.#run((done) => fs.read(fd, buffer, offset, length, position, done));
  }

  /** Writes every byte of the parts, from `position` on or where the descriptor is. */
  async write(fd: number, parts: readonly Uint8Array[], position: number | null = null): Promise<void> {
    let rest = parts;
    let at = position;
    for (;;) {
      const list = rest;
      const offset = at;
      let written = await this.#run<number>((done) =>
        list.length === 1
          ? fs.write(fd, list[0]!, 0, list[0]!.length, offset, done)
          : fs.writev(fd, list as Uint8Array[], offset ?? undefined!, done),
      );
      if (at !== null) at += written;
      const left: Uint8Array[] = [];
      for (const part of list) {
        if (written >= part.length) written -= part.length;
        else {
          left.push(written === 0 ? part : part.subarray(written));
          written = 0;
        }
      }
      if (left.length === 0) return;
      rest = left;
    }
  }

  /** One write where the descriptor is; the number of bytes taken. */
  writeSome(fd: number, chunk: Uint8Array): Promise<number> {
    return this.#run((done) => fs.write(fd, chunk, 0, chunk.length, null, done));
  }

  fsync(fd: number): Promise<void> {
    return this.#run((done) => fs.fsync(fd, done as fs.NoParamCallback));
  }

  ftruncate(fd: number, length: number): Promise<void> {
    return this.#run((done) => fs.ftruncate(fd, length, done as fs.NoParamCallback));
  }

  fchmod(fd: number, mode: number): Promise<void> {
    return this.#run((done) => fs.fchmod(fd, mode, done as fs.NoParamCallback));
  }

  fchown(fd: number, uid: number, gid: number): Promise<void> {
    return this.#run((done) => fs.fchown(fd, uid, gid, done as fs.NoParamCallback));
  }

  lchown(path: string, uid: number, gid: number): Promise<void> {
    return this.#run((done) => fs.lchown(nativePath(path), uid, gid, done as fs.NoParamCallback));
  }

  /** Times in milliseconds since the epoch, kept to the microsecond. */
  futimes(fd: number, atimeMs: number, mtimeMs: number): Promise<void> {
    return this.#run((done) =>
      fs.futimes(fd, toSeconds(atimeMs), toSeconds(mtimeMs), done as fs.NoParamCallback),
    );
  }

  lutimes(path: string, atimeMs: number, mtimeMs: number): Promise<void> {
    return this.#run((done) =>
      fs.lutimes(nativePath(path), toSeconds(atimeMs), toSeconds(mtimeMs), done as fs.NoParamCallback),
    );
  }

  chmod(path: string, mode: number): Promise<void> {
    return this.#run((done) => fs.chmod(nativePath(path), mode, done as fs.NoParamCallback));
  }

  mkdir(path: string, mode = 0o777): Promise<void> {
    return this.#run((done) => fs.mkdir(nativePath(path), mode, done as fs.NoParamCallback));
  }

  rmdir(path: string): Promise<void> {
    return this.#run((done) => fs.rmdir(nativePath(path), done as fs.NoParamCallback));
  }

  unlink(path: string): Promise<void> {
    return this.#run((done) => fs.unlink(nativePath(path), done as fs.NoParamCallback));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#run((done) => fs.rename(nativePath(from), nativePath(to), done as fs.NoParamCallback));
  }

  link(existing: string, path: string): Promise<void> {
    return this.#run((done) => fs.link(nativePath(existing), nativePath(path), done as fs.NoParamCallback));
  }

  symlink(target: string, path: string): Promise<void> {
    return this.#run((done) => fs.symlink(nativePath(target), nativePath(path), done as fs.NoParamCallback));
  }

  /** A directory to be read in batches of `bufferSize`; names come as latin1 (see `nameFromLatin1`). */
  opendir(path: string, bufferSize: number): Promise<fs.Dir> {
    return this.#run<fs.Dir>(
      (done) => fs.opendir(nativePath(path) as string, { encoding: "latin1", bufferSize }, done),
      (late) => late.close(() => {}),
    );
  }

  /** Up to `size` further entries under one deadline; fewer only at the end. */
  readEntries(directory: fs.Dir, size: number): Promise<fs.Dirent[]> {
    return this.#run((done) => {
      const entries: fs.Dirent[] = [];
      const next = (): void =>
        directory.read((error, entry) => {
          if (error !== null) done(error, entries);
          else if (entry === null || entries.push(entry) === size) done(null, entries);
          else next();
        });
      next();
    });
  }

  #run<T>(
    start: (done: (error: NodeJS.ErrnoException | null, value: T) => void) => void,
    undo?: (late: T) => void,
  ): Promise<T> {
    const call = { path: this.path, timeoutMs: this.#timeoutMs, owner: this.#owner, start };
    return this.#threads.run(undo === undefined ? call : { ...call, undo });
  }
}

/**
 * Seconds as node:fs wants them, which cuts what is below the microsecond: a double that fell just short of the
 * microsecond that is meant is raised by its own precision.
 */
function toSeconds(ms: number): number {
  const seconds = ms / 1000;
  return Math.floor(seconds * 1e6) < Math.floor(ms * 1000 + 1e-3) ? seconds + 2.5e-7 : seconds;
}

function closeLate(fd: number): void {
  fs.close(fd, () => {});
}
