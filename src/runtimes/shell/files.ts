import { isUtf8 } from "node:buffer";
import type { CapabilityName } from "../../contract/capabilities.ts";
import { type BerthError, berthError } from "../../contract/errors.ts";
import type {
  DirectoryEntry,
  FileOptions,
  FileStat,
  FileSystem,
  FileWriter,
  ReadOptions,
  TransferOptions,
  TransferProgress,
  Watch,
  WatchOptions,
  WriteOptions,
  WriteResult,
} from "../../contract/files.ts";
import { nameFromBytes } from "../../files/names.ts";
import { decode } from "../common/capture.ts";
import { fileFailure } from "./file-errors.ts";
import { FileRuns } from "./file-runs.ts";
import * as scripts from "./file-scripts.ts";
import { listDirectory, statPath } from "./look.ts";
import type { ShellPlace } from "./place.ts";
import { readChunks, readWhole } from "./read.ts";
import { parseStat } from "./stat-format.ts";
import { download, upload } from "./transfer.ts";
import { ShellFileWriter, writeWhole } from "./write.ts";

/** Paths of one stat run, so that they fit the arguments of `stat`. */
const MAX_STAT_PATHS = 500;
const MAX_STAT_CHARACTERS = 64 * 1024;

/** Files of a place by its own tools, one run for each operation. */
export class ShellFileSystem implements FileSystem {
  readonly #runs: FileRuns;
  readonly #unsupported: (capability: CapabilityName) => BerthError;

  constructor(place: ShellPlace, unsupported: (capability: CapabilityName) => BerthError) {
    this.#runs = new FileRuns(place, unsupported);
    this.#unsupported = unsupported;
  }

  readFile(path: string, encoding: "utf8"): Promise<string>;
  readFile(path: string, options: ReadOptions & { readonly encoding: "utf8" }): Promise<string>;
  readFile(path: string, options?: ReadOptions): Promise<Uint8Array>;
  async readFile(
    path: string,
    options: "utf8" | (ReadOptions & { readonly encoding?: "utf8" }) = {},
  ): Promise<string | Uint8Array> {
    const given = typeof options === "string" ? { encoding: options } : options;
    const bytes = await readWhole(this.#runs, this.#runs.path(path, given), given);
    if (given.encoding !== "utf8") return bytes;
    if (!isUtf8(bytes)) {
      throw berthError("fs.encoding_invalid", { runtime: this.#runs.description, context: { path } });
    }
    return decode(bytes);
  }

  createReadStream(path: string, options: ReadOptions = {}): AsyncIterable<Uint8Array> {
    return {
      [Symbol.asyncIterator]: () => readChunks(this.#runs, this.#runs.path(path, options), options),
    };
  }

  async writeFile(
    path: string,
    data: string | Uint8Array | AsyncIterable<Uint8Array>,
    options: WriteOptions = {},
  ): Promise<WriteResult> {
    return await writeWhole(this.#runs, this.#runs.path(path, options), data, options);
  }

  createWriteStream(path: string, options: WriteOptions = {}): FileWriter {
    return new ShellFileWriter(this.#runs, this.#runs.path(path, options), options);
  }

  stat(path: string, options: FileOptions = {}): Promise<FileStat> {
    return this.#stat(path, options, true);
  }

  lstat(path: string, options: FileOptions = {}): Promise<FileStat> {
    return this.#stat(path, options, false);
  }

  async #stat(path: string, options: FileOptions, follow: boolean): Promise<FileStat> {
    return await statPath(this.#runs, this.#runs.path(path, options), options, follow);
  }

  async statMany(paths: readonly string[], options: FileOptions = {}): Promise<(FileStat | null)[]> {
    const found: (FileStat | null)[] = [];
    for (let start = 0; start < paths.length; ) {
      const portion: string[] = [];
      for (let characters = 0; start < paths.length && portion.length < MAX_STAT_PATHS; start++) {
        const path = this.#runs.path(paths[start]!, options);
        characters += path.length;
        if (portion.length > 0 && characters > MAX_STAT_CHARACTERS) break;
        portion.push(path);
      }
      found.push(...(await this.#statPortion(portion, options)));
    }
    return found;
  }

  async #statPortion(paths: readonly string[], options: FileOptions): Promise<(FileStat | null)[]> {
    const tools = await this.#runs.tools();
    const { stdout } = await this.#runs.run(scripts.statManyBody(paths, tools), paths[0]!, options);
    const [flags = "", ...lines] = stdout.toString("latin1").trimEnd().split("\n");
    if (
      flags.includes("2") ||
      flags.replaceAll("0", "").length !== lines.filter((line) => line !== "").length
    ) {
      // One of them can't be looked at, or went meanwhile: which one is found by asking for each.
      return this.#statEach(paths, options);
    }
    let next = 0;
    return [...flags].map((flag) => (flag === "1" ? parseStat(lines[next++]!, tools.stat) : null));
  }

  async #statEach(paths: readonly string[], options: FileOptions): Promise<(FileStat | null)[]> {
    const found: (FileStat | null)[] = [];
    for (const path of paths) {
      found.push((await this.exists(path, options)) ? await this.stat(path, options) : null);
    }
    return found;
  }

  async exists(path: string, options: FileOptions = {}): Promise<boolean> {
    const at = this.#runs.path(path, options);
    const { stdout } = await this.#runs.run(scripts.existsBody(at), at, options);
    return stdout[0] === 0x31;
  }

  async realpath(path: string, options: FileOptions = {}): Promise<string> {
    const at = this.#runs.path(path, options);
    const tools = await this.#runs.tools();
    const { stdout } = await this.#runs.run(scripts.realpathBody(at, tools), at, options);
    return nameFromBytes(stdout);
  }

  async readdir(path: string, options: FileOptions = {}): Promise<DirectoryEntry[]> {
    return await listDirectory(this.#runs, this.#runs.path(path, options), options);
  }

  async mkdir(
    path: string,
    options: FileOptions & { readonly recursive?: boolean; readonly mode?: number } = {},
  ): Promise<void> {
    const at = this.#runs.path(path, options);
    await this.#runs.run(scripts.mkdirBody(at, options.recursive === true, options.mode), at, options);
  }

  async rename(from: string, to: string, options: FileOptions = {}): Promise<void> {
    const source = this.#runs.path(from, options);
    const target = this.#runs.path(to, options);
    const tools = await this.#runs.tools();
    await this.#runs.run(scripts.renameBody(source, target, tools), target, options, {
      failure: (result) =>
        fileFailure(result, result.stdout.length > 0 ? source : target, this.#runs.description),
    });
  }

  async rm(
    path: string,
    options: FileOptions & { readonly recursive?: boolean; readonly force?: boolean } = {},
  ): Promise<void> {
    const at = this.#runs.path(path, options);
    const { recursive = false, force = false } = options;
    await this.#runs.run(scripts.rmBody(at, recursive, force), at, options);
  }

  async symlink(target: string, path: string, options: FileOptions = {}): Promise<void> {
    const at = this.#runs.path(path, options);
    await this.#runs.run(scripts.symlinkBody(target, at), at, options);
  }

  async chmod(path: string, mode: number, options: FileOptions = {}): Promise<void> {
    const at = this.#runs.path(path, options);
    await this.#runs.run(scripts.chmodBody(at, mode), at, options);
  }

  async watch(_path: string, _options: WatchOptions = {}): Promise<Watch> {
    throw this.#unsupported("watch");
  }

  async upload(local: string, remote: string, options: TransferOptions = {}): Promise<TransferProgress> {
    return await upload(this.#runs, local, this.#runs.path(remote, options), options);
  }

  async download(remote: string, local: string, options: TransferOptions = {}): Promise<TransferProgress> {
    return await download(this.#runs, this.#runs.path(remote, options), local, options);
  }
}
