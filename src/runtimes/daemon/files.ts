import { constants } from "node:buffer";
import { berthError } from "../../contract/errors.ts";
import type {
  DirectoryEntry,
  FileOptions,
  FileStat,
  FileSystem,
  FileType,
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
import { decodeError } from "../../wire/error-codec.ts";
import { INITIAL_WINDOW_BYTES } from "../../wire/frame.ts";
import type { Method, ParamsInput } from "../../wire/messages.ts";
import { placePath } from "../common/command.ts";
import { PlaceFiles } from "../common/files.ts";
import { milliseconds } from "../common/milliseconds.ts";
import type { BulkLink } from "./bulk-link.ts";
import type { RuntimeContext } from "./context.ts";
import { readWhole } from "./file-read.ts";
import { searchPlace } from "./file-search.ts";
import { RemoteFileWriter, writeWhole } from "./file-write.ts";
import { abortedError, type Link } from "./link.ts";
import { StreamReader } from "./stream-reader.ts";
import { change, changeBytes } from "./text-change.ts";
import { readText } from "./text-read.ts";
import { download, readArchive, upload, writeArchive } from "./transfer.ts";
import { RemoteWatch } from "./watch.ts";

/** More can't be one array on this side; the daemon refuses before it sends. */
const MAX_READ_BYTES = 2 ** 31 - 1;
const MAX_TEXT_BYTES = constants.MAX_STRING_LENGTH;
/** Paths of one stat request: by number as the schema allows, by length as a frame does. */
const STAT_PORTION = { paths: 10_000, characters: 128 * 1024 };

type StatAnswer = { readonly ok?: FileStat; readonly error?: unknown };

/** Files of a place over its daemon. Every path argument is mapped and made absolute before it leaves. */
export class RemoteFiles extends PlaceFiles implements FileSystem {
  protected readonly description: string;
  protected readonly statPortion = STAT_PORTION;
  readonly #context: RuntimeContext;
  readonly #link: Link;
  readonly #bulk: BulkLink;

  constructor(context: RuntimeContext, bulk: BulkLink) {
    super();
    this.description = context.link.description;
    this.#context = context;
    this.#link = context.link;
    this.#bulk = bulk;
  }

  protected place(path: string): string {
    return placePath(path, this.#context.paths);
  }

  protected readBytes(path: string, options: ReadOptions, text: boolean): Promise<Uint8Array> {
    const params = this.#readParams(path, options);
    params.maxBytes = text ? MAX_TEXT_BYTES : MAX_READ_BYTES;
    return readWhole(this.#link, params, options.signal);
  }

  protected async *readChunks(
    path: string,
    options: ReadOptions,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const params = this.#readParams(path, options);
    const { signal } = options;
    using held = this.#bulk.hold();
    const client = held.link.client ?? (await held.link.connect(signal));
    const reader = new StreamReader(
      (handler) => client.request("fs.read", params, handler),
      berthError("operation.aborted"),
    );
    const onAbort = () => reader.abort(abortedError(signal, this.#link.description));
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted) onAbort();
    try {
      yield* reader;
    } catch (error) {
      throw this.#link.explain(error);
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async writeFile(
    path: string,
    data: string | Uint8Array | AsyncIterable<Uint8Array>,
    options: WriteOptions = {},
  ): Promise<WriteResult> {
    const params = this.#writeParams(path, options);
    const bytes = typeof data === "string" ? Buffer.from(data, "utf8") : data;
    if (bytes instanceof Uint8Array && bytes.length <= INITIAL_WINDOW_BYTES) {
      return await writeWhole(this.#link, params, bytes, options.signal);
    }
    using held = this.#bulk.hold();
    return await writeWhole(held.link, params, bytes, options.signal);
  }

  createWriteStream(path: string, options: WriteOptions = {}): FileWriter {
    return new RemoteFileWriter(this.#bulk.hold(), this.#writeParams(path, options), options.signal);
  }

  async readText(path: string, options: ReadTextOptions = {}): Promise<TextRead> {
    const { startLine, maxLines, maxBytes, maxLineBytes, maxImageBytes } = options;
    const params = { ...this.#base(options), path: this.place(path) };
    const limits = { startLine, maxLines, maxBytes, maxLineBytes, maxImageBytes };
    return await readText(this.#link, { ...params, ...limits }, options.signal);
  }

  async change(changes: readonly FileChange[], options: ChangeOptions = {}): Promise<ChangedFile[]> {
    const { dryRun, durable, signal } = options;
    const parts = changes.map(changeBytes);
    const params: ParamsInput<"fs.change"> = {
      ...this.#base(options),
      requestId: this.#context.requestId(),
      changes: changes.map((one, index) => ({
        type: one.type,
        path: this.place(one.path),
        moveTo: one.type === "edit" && one.moveTo !== undefined ? this.place(one.moveTo) : undefined,
        mode: one.type === "write" ? one.mode : undefined,
        expected: one.expected,
        bytes: parts[index]!.length,
      })),
      dryRun,
      durable,
    };
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    if (bytes <= INITIAL_WINDOW_BYTES) return await change(this.#link, { params, parts }, signal);
    using held = this.#bulk.hold();
    return await change(held.link, { params, parts }, signal);
  }

  async search(options: SearchOptions = {}): Promise<SearchResult> {
    const { signal, user: _user, contained: _contained, paths = ["."], globs, types, ...rest } = options;
    const params = {
      ...rest,
      ...this.#base(options),
      paths: paths.map((path) => this.place(path)),
      globs: globs === undefined ? undefined : [...globs],
      types: types === undefined ? undefined : [...types],
      deadlineMs: milliseconds("deadlineMs", options.deadlineMs, 1),
    };
    return await searchPlace(this.#link, params, signal);
  }

  protected async look(path: string, options: FileOptions, follow: boolean): Promise<FileStat> {
    const params = { ...this.#base(options), paths: [path], follow };
    const result = await this.#link.call("fs.stat", params, { signal: options.signal, repeatable: true });
    const answer = (result as { stats?: StatAnswer[] } | null)?.stats?.[0];
    if (answer?.ok !== undefined) return answer.ok;
    throw this.#link.explain(decodeError(answer?.error));
  }

  protected async lookAtAll(paths: readonly string[], options: FileOptions): Promise<(FileStat | null)[]> {
    const params = { ...this.#base(options), paths: [...paths] };
    const stats = await this.#collect<StatAnswer>("fs.stat", params, "stats", options.signal);
    return stats.map((answer) => this.#statOrNull(answer));
  }

  #statOrNull(answer: StatAnswer): FileStat | null {
    if (answer.ok !== undefined) return answer.ok;
    const error = decodeError(answer.error);
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
    throw this.#link.explain(error);
  }

  async realpath(path: string, options: FileOptions = {}): Promise<string> {
    const params = { ...this.#base(options), path: this.place(path) };
    const result = await this.#link.call("fs.realpath", params, { signal: options.signal, repeatable: true });
    return String((result as { path?: unknown } | null)?.path);
  }

  async readdir(path: string, options: FileOptions = {}): Promise<DirectoryEntry[]> {
    const params = { ...this.#base(options), path: this.place(path) };
    const entries = await this.#collect<[string, FileType]>("fs.readdir", params, "entries", options.signal);
    return entries.map(([name, type]) => ({ name, type }));
  }

  async mkdir(
    path: string,
    options: FileOptions & { readonly recursive?: boolean; readonly mode?: number } = {},
  ): Promise<void> {
    const { recursive, mode, signal } = options;
    await this.#link.call(
      "fs.mkdir",
      { ...this.#base(options), path: this.place(path), recursive, mode },
      { signal },
    );
  }

  async rename(from: string, to: string, options: FileOptions = {}): Promise<void> {
    const params = { ...this.#base(options), from: this.place(from), to: this.place(to) };
    await this.#link.call("fs.rename", params, { signal: options.signal });
  }

  async rm(
    path: string,
    options: FileOptions & { readonly recursive?: boolean; readonly force?: boolean } = {},
  ): Promise<void> {
    const { recursive, force, signal } = options;
    await this.#link.call(
      "fs.rm",
      { ...this.#base(options), path: this.place(path), recursive, force },
      { signal },
    );
  }

  async symlink(target: string, path: string, options: FileOptions = {}): Promise<void> {
    const params = { ...this.#base(options), target, path: this.place(path) };
    await this.#link.call("fs.symlink", params, { signal: options.signal });
  }

  async chmod(path: string, mode: number, options: FileOptions = {}): Promise<void> {
    const params = { ...this.#base(options), path: this.place(path), mode };
    await this.#link.call("fs.chmod", params, { signal: options.signal, repeatable: true });
  }

  async watch(path: string, options: WatchOptions = {}): Promise<Watch> {
    const watch = new RemoteWatch(
      this.#link,
      {
        ...this.#base(options),
        path: this.place(path),
        recursive: options.recursive,
        ignore: options.ignore === undefined ? undefined : [...options.ignore],
      },
      options.signal,
    );
    await watch.placed;
    return watch;
  }

  async upload(local: string, remote: string, options: TransferOptions = {}): Promise<TransferProgress> {
    const params = { ...this.#base(options), path: this.place(remote) };
    using held = this.#bulk.hold();
    return await upload({ link: held.link, events: this.#context.link }, local, params, options);
  }

  async download(remote: string, local: string, options: TransferOptions = {}): Promise<TransferProgress> {
    const params = { ...this.#base(options), path: this.place(remote) };
    using held = this.#bulk.hold();
    return await download({ link: held.link, events: this.#context.link }, params, local, options);
  }

  async *readArchive(path: string, options: FileOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const params = { ...this.#base(options), path: this.place(path) };
    using held = this.#bulk.hold();
    yield* readArchive({ link: held.link, events: this.#context.link }, params, options);
  }

  async writeArchive(
    path: string,
    archive: AsyncIterable<Uint8Array>,
    options: FileOptions = {},
  ): Promise<TransferProgress> {
    const params = { ...this.#base(options), path: this.place(path) };
    using held = this.#bulk.hold();
    return await writeArchive({ link: held.link, events: this.#context.link }, archive, params, options);
  }

  #base(options: FileOptions) {
    const { contained } = options;
    return {
      user: this.#context.userFor(options.user),
      timeoutMs: milliseconds("timeoutMs", options.timeoutMs, 1),
      contained:
        contained === undefined
          ? undefined
          : {
              root: this.place(contained.root),
              extraRoots: contained.extraRoots?.map((root) => this.place(root)),
            },
    };
  }

  #readParams(path: string, options: ReadOptions): ParamsInput<"fs.read"> {
    const { start, end, special } = options;
    return { ...this.#base(options), path, start, end, special };
  }

  #writeParams(path: string, options: WriteOptions): ParamsInput<"fs.write"> {
    const { mode, durable } = options;
    return { ...this.#base(options), path: this.place(path), mode, durable };
  }

  /** A list that comes as EVENT frames with the last part in the RESPONSE. */
  async #collect<T>(
    method: Method & ("fs.stat" | "fs.readdir"),
    params: ParamsInput<"fs.stat"> | ParamsInput<"fs.readdir">,
    field: string,
    signal: AbortSignal | undefined,
  ): Promise<T[]> {
    return (await this.#link.collect(method, params, field, signal)) as T[];
  }
}
