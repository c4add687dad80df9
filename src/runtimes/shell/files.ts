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
import type {
  ChangedFile,
  ChangeOptions,
  FileChange,
  ReadTextOptions,
  SearchOptions,
  SearchResult,
  TextRead,
} from "../../contract/text.ts";
import { nameFromBytes } from "../../files/names.ts";
import { PlaceFiles } from "../common/files.ts";
import { fileFailure } from "./file-errors.ts";
import { FileRuns } from "./file-runs.ts";
import * as scripts from "./file-scripts.ts";
import { listDirectory, statPath, statPaths } from "./look.ts";
import type { ShellPlace } from "./place.ts";
import { readChunks, readWhole } from "./read.ts";
import { searchPlace } from "./search.ts";
import { ShellChanges } from "./text-change.ts";
import { readText, requireRange } from "./text-read.ts";
import { download, readArchive, upload, writeArchive } from "./transfer.ts";
import { ShellFileWriter, writeWhole } from "./write.ts";

/** Paths of one stat run, so that they fit the arguments of `stat`. */
const STAT_PORTION = { paths: 500, characters: 64 * 1024 };

/**
 * Files of a place without a daemon: what they are by its own tools, one run for each operation; large content by SFTP
 * where there is one.
 */
export class ShellFileSystem extends PlaceFiles implements FileSystem {
  protected readonly description: string;
  protected readonly statPortion = STAT_PORTION;
  readonly #runs: FileRuns;
  readonly #changes: ShellChanges;
  readonly #unsupported: (capability: CapabilityName) => BerthError;

  constructor(place: ShellPlace, unsupported: (capability: CapabilityName) => BerthError) {
    super();
    this.description = place.description;
    this.#runs = new FileRuns(place, unsupported);
    this.#changes = new ShellChanges(this.#runs);
    this.#unsupported = unsupported;
  }

  protected place(path: string, options: FileOptions): string {
    return this.#runs.path(path, options);
  }

  protected readBytes(path: string, options: ReadOptions): Promise<Uint8Array> {
    return readWhole(this.#runs, path, options);
  }

  protected readChunks(path: string, options: ReadOptions): AsyncIterator<Uint8Array> {
    return readChunks(this.#runs, path, options);
  }

  protected look(path: string, options: FileOptions, follow: boolean): Promise<FileStat> {
    return statPath(this.#runs, path, options, follow);
  }

  protected lookAtAll(paths: readonly string[], options: FileOptions): Promise<(FileStat | null)[]> {
    return statPaths(this.#runs, paths, options);
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

  async readText(path: string, options: ReadTextOptions = {}): Promise<TextRead> {
    requireRange(options, path);
    return await readText(this.#runs, this.#runs.path(path, options), options);
  }

  async change(changes: readonly FileChange[], options: ChangeOptions = {}): Promise<ChangedFile[]> {
    return await this.#changes.make(changes, options);
  }

  async search(options: SearchOptions = {}): Promise<SearchResult> {
    return await searchPlace(this.#runs, options, () =>
      berthError("runtime.capability_unsupported", {
        runtime: this.description,
        context: { capability: "search" },
        hint: "The place has no find, stat, xargs or grep.",
      }),
    );
  }

  async realpath(path: string, options: FileOptions = {}): Promise<string> {
    const at = this.#runs.path(path, options);
    const tools = await this.#runs.tools();
    const { stdout } = await this.#runs.run(
      scripts.realpathBody(this.#runs.scriptPath(at, options), tools),
      at,
      options,
    );
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
    const { recursive = false, mode } = options;
    const spot = this.#runs.scriptPath(at, options);
    await this.#runs.run(scripts.mkdirBody(spot, recursive, mode, await this.#runs.tools()), at, options);
  }

  async rename(from: string, to: string, options: FileOptions = {}): Promise<void> {
    this.#runs.refuseContained(options);
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
    const tools = await this.#runs.tools();
    // Other tools can be led out of the tree that they remove by a directory that becomes a link.
    if (recursive && !tools.coreutils) this.#runs.refuseContained(options);
    const body = scripts.rmBody(this.#runs.scriptPath(at, options), recursive, force, tools);
    await this.#runs.run(body, at, options);
  }

  async symlink(target: string, path: string, options: FileOptions = {}): Promise<void> {
    const at = this.#runs.path(path, options);
    const body = scripts.symlinkBody(target, this.#runs.scriptPath(at, options), await this.#runs.tools());
    await this.#runs.run(body, at, options);
  }

  async chmod(path: string, mode: number, options: FileOptions = {}): Promise<void> {
    const at = this.#runs.path(path, options);
    const body = scripts.chmodBody(this.#runs.scriptPath(at, options), mode, await this.#runs.tools());
    await this.#runs.run(body, at, options);
  }

  async watch(_path: string, _options: WatchOptions = {}): Promise<Watch> {
    throw this.#unsupported("watch");
  }

  async upload(local: string, remote: string, options: TransferOptions = {}): Promise<TransferProgress> {
    this.#runs.refuseContained(options);
    return await upload(this.#runs, local, this.#runs.path(remote, options), options);
  }

  async download(remote: string, local: string, options: TransferOptions = {}): Promise<TransferProgress> {
    this.#runs.refuseContained(options);
    return await download(this.#runs, this.#runs.path(remote, options), local, options);
  }

  readArchive(path: string, options: FileOptions = {}): AsyncIterable<Uint8Array> {
    this.#runs.refuseContained(options);
    return readArchive(this.#runs, this.#runs.path(path, options), options);
  }

  async writeArchive(
    path: string,
    archive: AsyncIterable<Uint8Array>,
    options: FileOptions = {},
  ): Promise<TransferProgress> {
    this.#runs.refuseContained(options);
    return await writeArchive(this.#runs, archive, this.#runs.path(path, options), options);
  }
}
