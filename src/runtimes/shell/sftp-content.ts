import type { ErrorCode } from "../../contract/error-registry.ts";
import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import type { FileOptions, FileStat } from "../../contract/files.ts";
import { unlessAborted } from "../../transports/abort.ts";
import type { SftpAttributes } from "../../transports/ssh/sftp/attributes.ts";
import type { SftpClient } from "../../transports/ssh/sftp/client.ts";
import { readChunks, writeChunks } from "../../transports/ssh/sftp/transfer.ts";
import { milliseconds } from "../common/milliseconds.ts";
import { DEFAULT_TIMEOUT_MS, type FileRuns } from "./file-runs.ts";
import type { ReadRange } from "./file-scripts.ts";
import type { SftpLink } from "./sftp-link.ts";

/**
 * The content of files by SFTP. What a file is (its links, owner, mode, the directory that it is in) `sh` knows
 * better: version 3 of the protocol tells neither links nor inodes nor parts of a second, and of errors little more
 * than that there was one. So `sh` looks and renames, and SFTP moves the bytes, many requests at once.
 */
export class SftpContent {
  readonly #runs: FileRuns;
  readonly #link: SftpLink;

  constructor(runs: FileRuns, link: SftpLink) {
    this.#runs = runs;
    this.#link = link;
  }

  /** False when the place is known to have no SFTP. */
  get usable(): boolean {
    return this.#link.missing === undefined;
  }

  /**
   * The bytes of a regular file that a look has just found to be `found`. Gives false, and nothing before, when SFTP
   * has not the same file there: it has none, or shows another tree than the shell does.
   * @param at the path as the shell has it; @param path as the caller has it, for errors
   */
  async *read(
    at: string,
    path: string,
    range: ReadRange,
    found: FileStat,
    options: FileOptions,
  ): AsyncGenerator<Uint8Array, boolean, undefined> {
    const ready = Promise.withResolvers<SftpClient | undefined>();
    const done = Promise.withResolvers<void>();
    const used = this.#link.use(async (client) => {
      ready.resolve(client);
      await done.promise;
    }, options.signal);
    used.then(() => ready.resolve(undefined), ready.reject);
    try {
      const client = await ready.promise;
      if (client === undefined) return false;
      return yield* this.#chunks(client, at, path, range, found, options);
    } finally {
      done.resolve();
    }
  }

  async *#chunks(
    client: SftpClient,
    at: string,
    path: string,
    range: ReadRange,
    found: FileStat,
    options: FileOptions,
  ): AsyncGenerator<Uint8Array, boolean, undefined> {
    using watch = new Watch(this.#link, client, options, () => this.#late(path));
    try {
      const opening = client.open(at, { read: true });
      const handle = await watch.wait(opening).catch((error: unknown) => {
        closeLate(client, opening);
        if (isBerthError(error, "ENOENT")) return undefined;
        throw error;
      });
      if (handle === undefined) return false;
      try {
        const same = client.fstat(handle).then((now) => isSame(now, found));
        same.catch(() => {});
        const size = found.size;
        const chunks = readChunks(
          client,
          handle,
          { ...range, size },
          { signal: watch.signal, onProgress: watch.progress },
        );
        let checked = false;
        for await (const chunk of chunks) {
          if (!checked && !(await watch.wait(same))) return false;
          checked = true;
          // While the caller is busy with a chunk nothing is late.
          watch.rest();
          yield chunk;
          watch.resume();
        }
        return checked || (await watch.wait(same));
      } finally {
        client.closeHandle(handle).catch(() => undefined);
      }
    } catch (error) {
      throw this.#explain(error, path);
    }
  }

  /**
   * Writes into a temporary that the shell has just made. Gives the number of bytes, or undefined, with nothing taken
   * from the source, when SFTP has no such file.
   * @throws what the source throws, ENOSPC and others, fs.timeout, operation.aborted
   */
  async write(
    temporary: string,
    path: string,
    source: AsyncIterable<Uint8Array>,
    options: FileOptions,
  ): Promise<number | undefined> {
    let cause: { readonly error: unknown } | undefined;
    async function* watched(watch: Watch): AsyncGenerator<Uint8Array, void, undefined> {
      try {
        watch.rest();
        for await (const chunk of source) {
          watch.resume();
          yield chunk;
          watch.rest();
        }
        watch.resume();
      } catch (error) {
        cause = { error };
        throw error;
      }
    }
    try {
      return await this.#link.use(async (client) => {
        using watch = new Watch(this.#link, client, options, () => this.#late(path));
        const opening = client.open(temporary, { write: true, truncate: true });
        const handle = await watch.wait(opening).catch((error: unknown) => {
          closeLate(client, opening);
          if (!isBerthError(error, "ENOENT") && !isBerthError(error, "ENOTDIR")) throw error;
          // The shell has made it a moment ago.
          this.#link.refuse(error);
          return undefined;
        });
        if (handle === undefined) return undefined;
        const { signal, progress } = watch;
        return await writeChunks(client, handle, watched(watch), { signal, onProgress: progress });
      }, options.signal);
    } catch (error) {
      if (cause !== undefined && cause.error === error) throw error;
      throw this.#explain(error, path);
    }
  }

  #late(path: string): BerthError {
    return berthError("fs.timeout", {
      hop: "transport",
      runtime: this.#runs.description,
      context: { path },
    });
  }

  /** About the caller's path, and with the place's name. */
  #explain(cause: unknown, path: string): unknown {
    if (!isBerthError(cause)) return cause;
    const { code, hop, message } = cause;
    const runtime = this.#runs.description;
    if (/^(E[A-Z0-9]+|fs\..+)$/.test(code)) {
      return berthError(code as ErrorCode, { hop, runtime, context: { path }, cause });
    }
    return berthError(code as ErrorCode, { hop, runtime, message, cause });
  }
}

/** A file that opens when nobody waits for it any more is one of the few that the server has open at once. */
function closeLate(client: SftpClient, opening: ReturnType<SftpClient["open"]>): void {
  opening.then((handle) => client.closeHandle(handle)).catch(() => {});
}

/** Whether both are most likely the same file: of another tree it would differ in one of these. */
function isSame(now: SftpAttributes, found: FileStat): boolean {
  return (
    now.mode !== undefined &&
    (now.mode & 0o7777) === found.mode &&
    now.uid === found.uid &&
    now.gid === found.gid &&
    now.mtime === Math.floor(found.mtimeMs / 1000) &&
    now.size === found.size
  );
}

/** The deadline of a transfer: without an answer for so long the server hangs, and with it everything behind. */
class Watch implements Disposable {
  readonly #late = new AbortController();
  readonly #timeoutMs: number;
  readonly #fire: () => void;
  readonly signal: AbortSignal;
  #timer: NodeJS.Timeout | undefined;
  #resting = false;

  constructor(link: SftpLink, client: SftpClient, options: FileOptions, late: () => BerthError) {
    this.#timeoutMs = milliseconds("timeoutMs", options.timeoutMs, 1) ?? DEFAULT_TIMEOUT_MS;
    this.signal =
      options.signal === undefined ? this.#late.signal : AbortSignal.any([options.signal, this.#late.signal]);
    this.#fire = () => {
      this.#late.abort(late());
      link.retire(client);
    };
    this.progress();
  }

  /** An answer came. */
  readonly progress = (): void => {
    clearTimeout(this.#timer);
    if (!this.#resting) this.#timer = setTimeout(this.#fire, this.#timeoutMs);
  };

  /** What comes next is this side's: nothing is late until `resume`. */
  rest(): void {
    this.#resting = true;
    clearTimeout(this.#timer);
  }

  resume(): void {
    this.#resting = false;
    this.progress();
  }

  wait<T>(promise: Promise<T>): Promise<T> {
    return unlessAborted(promise, this.signal);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
