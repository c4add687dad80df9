import type {
  ChangedFile,
  ChangeOptions,
  FileChange,
  ReadTextOptions,
  SearchOptions,
  SearchResult,
  TextRead,
} from "./text.ts";

export type FileType = "file" | "directory" | "symlink" | "fifo" | "socket" | "block" | "character";

export interface FileStat {
  readonly type: FileType;
  /** Bytes. */
  readonly size: number;
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number;
  /** Milliseconds since the epoch. */
  readonly mtimeMs: number;
  readonly uid: number;
  readonly gid: number;
  readonly inode: number;
  readonly links: number;
  /** Of `lstat` on a symlink. */
  readonly symlinkTarget?: string | undefined;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly type: FileType;
}

/** Keeps a path inside these directories, symlinks followed; one that leaves is fs.outside_workspace. */
export interface Containment {
  readonly root: string;
  readonly extraRoots?: readonly string[];
}

/** Options of every file operation. */
export interface FileOptions {
  readonly signal?: AbortSignal;
  /** Deadline in milliseconds of an operation on a file system that does not answer. Default 30,000. */
  readonly timeoutMs?: number;
  /** As whom; see the capability `user`. */
  readonly user?: string;
  readonly contained?: Containment;
}

export interface ReadOptions extends FileOptions {
  /** First byte and last byte, both inclusive, as in node:fs. */
  readonly start?: number;
  readonly end?: number;
  /** Also FIFOs, sockets and devices. Default false: fs.not_a_regular_file. */
  readonly special?: boolean;
}

export interface WriteOptions extends FileOptions {
  /** Of a new file; an existing one keeps its own. Default 0666 less the umask. */
  readonly mode?: number;
  /** fsync before the rename, and of the directory behind it. */
  readonly durable?: boolean;
}

export interface WriteResult {
  /** False when the target had to be written in place (SEMANTICS, Files 1). */
  readonly atomic: boolean;
  readonly bytes: number;
}

export interface TransferProgress {
  readonly bytes: number;
  /** When it is known. */
  readonly totalBytes?: number | undefined;
  readonly files: number;
  /** The entry that is under way. */
  readonly path?: string | undefined;
}

export interface TransferOptions extends FileOptions {
  readonly onProgress?: (progress: TransferProgress) => void;
}

export type WatchEvent =
  | {
      readonly type: "create" | "change" | "remove";
      readonly path: string;
      readonly inode?: number | undefined;
      readonly fileType?: FileType | undefined;
    }
  /** Events may have been lost: look at everything again. */
  | { readonly type: "rescan"; readonly path: string };

export interface WatchOptions extends FileOptions {
  /** Default true. */
  readonly recursive?: boolean;
  /** Glob patterns relative to the watched directory, such as "node_modules" or "*.log". */
  readonly ignore?: readonly string[];
}

/** A watch that is in place; changes made after it was returned are reported. */
export interface Watch extends AsyncIterable<WatchEvent>, AsyncDisposable {}

/** Files of a place. Names and meanings follow node:fs. Errors carry the errno name as code, and the path. */
export interface FileSystem {
  readFile(path: string, encoding: "utf8"): Promise<string>;
  readFile(path: string, options: ReadOptions & { readonly encoding: "utf8" }): Promise<string>;
  readFile(path: string, options?: ReadOptions): Promise<Uint8Array>;
  /** Chunks with backpressure and flat memory. */
  createReadStream(path: string, options?: ReadOptions): AsyncIterable<Uint8Array>;
  /** Atomic where the file system allows; parents are created. */
  writeFile(
    path: string,
    data: string | Uint8Array | AsyncIterable<Uint8Array>,
    options?: WriteOptions,
  ): Promise<WriteResult>;
  /** `close()` makes the content visible at once; disposing without it leaves the old content. */
  createWriteStream(path: string, options?: WriteOptions): FileWriter;
  /**
   * Lines of a text file, and what it is when it is none: looked at in the place, one round trip and little memory however
   * large it is. @throws fs.not_a_regular_file
   */
  readText(path: string, options?: ReadTextOptions): Promise<TextRead>;
  /**
   * Changes the text of files: all of them or none, in one round trip. Changes of one file at a time; who comes second finds
   * what the first has left. Each file is written as by `writeFile`; line ends, byte order mark, mode and links stay.
   * @throws fs.changed, edit.not_found, edit.ambiguous, edit.invalid, edit.binary
   */
  change(changes: readonly FileChange[], options?: ChangeOptions): Promise<ChangedFile[]>;
  /** Finds lines or files, in one round trip. @throws search.pattern_invalid */
  search(options?: SearchOptions): Promise<SearchResult>;
  stat(path: string, options?: FileOptions): Promise<FileStat>;
  lstat(path: string, options?: FileOptions): Promise<FileStat>;
  /** Many paths in one round trip; null where there is nothing. */
  statMany(paths: readonly string[], options?: FileOptions): Promise<(FileStat | null)[]>;
  exists(path: string, options?: FileOptions): Promise<boolean>;
  realpath(path: string, options?: FileOptions): Promise<string>;
  readdir(path: string, options?: FileOptions): Promise<DirectoryEntry[]>;
  mkdir(
    path: string,
    options?: FileOptions & { readonly recursive?: boolean; readonly mode?: number },
  ): Promise<void>;
  /** Across devices it copies. Replaces an existing file. */
  rename(from: string, to: string, options?: FileOptions): Promise<void>;
  rm(
    path: string,
    options?: FileOptions & { readonly recursive?: boolean; readonly force?: boolean },
  ): Promise<void>;
  symlink(target: string, path: string, options?: FileOptions): Promise<void>;
  chmod(path: string, mode: number, options?: FileOptions): Promise<void>;
  watch(path: string, options?: WatchOptions): Promise<Watch>;
  /** A local file or tree into the place: `remote` becomes the copy of `local`. */
  upload(local: string, remote: string, options?: TransferOptions): Promise<TransferProgress>;
  /** A file or tree of the place to this machine: `local` becomes the copy of `remote`. */
  download(remote: string, local: string, options?: TransferOptions): Promise<TransferProgress>;
  /** A file or tree as a tar archive, as it comes: the top is the entry ".", whatever its type. */
  readArchive(path: string, options?: FileOptions): AsyncIterable<Uint8Array>;
  /**
   * Unpacks a tar archive at `path`: its entry ".", or a directory there. An archive that is cut off leaves what was
   * unpacked of it; with the daemon each file is then whole, or as it was.
   * @throws fs.archive_invalid; fs.archive_entry_outside: an entry, or a link on its way, would land elsewhere
   */
  writeArchive(
    path: string,
    archive: AsyncIterable<Uint8Array>,
    options?: FileOptions,
  ): Promise<TransferProgress>;
}

export interface FileWriter extends AsyncDisposable {
  write(data: string | Uint8Array): Promise<void>;
  close(): Promise<WriteResult>;
}
