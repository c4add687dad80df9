import { type FSWatcher, type Stats, watch as watchPath } from "node:fs";
import type { FileType, WatchEvent } from "../../contract/files.ts";
import type { FileCalls } from "../../files/calls.ts";
import { type DirectoryHandle, openDirectory } from "../../files/handles.ts";
import { listDirectory } from "../../files/list.ts";
import { joinPath, nameFromBytes, splitPath } from "../../files/names.ts";
import { fileType } from "../../files/stat.ts";
import { walkFrom } from "../../files/walk.ts";
import type { WatchLoad } from "./watch-load.ts";

/** Changes are collected for so long, so that a file written in pieces is one change. */
const COALESCE_MS = 20;
/** More changes than this between two looks are not told one by one. */
const MAX_DIRTY = 10_000;
/** Where the kernel has no watches left, changes are not seen: it is said again and again. */
const UNWATCHED_RESCAN_MS = 10_000;
/** Entries whose inode is looked up beside the work after the start, so that their removal can name it. */
const MAX_INODE_LOOKUPS = 20_000;

interface Known {
  readonly type: FileType;
  readonly inode: number | undefined;
}

interface Directory {
  readonly watcher: FSWatcher | undefined;
  readonly inode: number | undefined;
  readonly entries: Map<string, Known>;
}

export interface WatchTreeOptions {
  readonly calls: FileCalls;
  readonly load: WatchLoad;
  /**
   * Opens the watched directory. It is not kept open: an open descriptor would keep the kernel from telling that
   * the directory was removed.
   */
  readonly openRoot: () => Promise<DirectoryHandle>;
  /** Path of the root in events. */
  readonly rootPath: string;
  readonly recursive: boolean;
  /** Only this entry of the root: the watch of a single file. */
  readonly only?: string;
  readonly ignored: (path: string, name: string) => boolean;
  /** Links on the way to a directory are never followed, not even one that was swapped in. */
  readonly contained: boolean;
  readonly emit: (events: WatchEvent[]) => void;
  /** The root's own entry may have changed: the caller looks whether it is still there. */
  readonly onRootChanged: () => void;
}

/**
 * Watches a directory, one inotify watch a directory. A directory is watched first and listed then, so that nothing
 * made in between is missed; what an event is about is looked up afterwards, so that many events become one and a
 * rename becomes a remove and a create with the same inode.
 */
export class WatchTree {
  readonly #options: WatchTreeOptions;
  /** By path relative to the root; "" is the root. */
  readonly #directories = new Map<string, Directory>();
  /** Entries that something happened to, with the kind of node:fs's watch: "rename" or "change". */
  #dirty = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #flushing = false;
  #lost = false;
  #closed = false;
  #root: Promise<DirectoryHandle> | undefined;
  #users = 0;
  #rescanTimer: NodeJS.Timeout | undefined;
  readonly #unsubscribe: () => void;

  constructor(options: WatchTreeOptions) {
    this.#options = options;
    this.#unsubscribe = options.load.subscribe(() => this.#lose());
  }

  /**
   * Settles when every directory that is there is watched.
   * @throws ENOSPC, EMFILE when not even the root can be watched
   */
  async start(): Promise<void> {
    await this.#withRoot(() => this.#add("", undefined));
    // What can't be looked up stays unknown.
    this.#withRoot(() => this.#lookUpInodes()).catch(() => {});
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unsubscribe();
    clearTimeout(this.#timer);
    clearInterval(this.#rescanTimer);
    for (const directory of this.#directories.values()) directory.watcher?.close();
    this.#directories.clear();
  }

  /** Keeps the root open while some work goes on. */
  async #withRoot(work: () => Promise<void>): Promise<void> {
    this.#users += 1;
    try {
      this.#root ??= this.#options.openRoot();
      await this.#root;
      await work();
    } finally {
      this.#users -= 1;
      if (this.#users === 0) {
        const root = this.#root;
        this.#root = undefined;
        root?.then(
          (handle) => handle.close(),
          () => {},
        );
      }
    }
  }

  #eventPath(path: string): string {
    return path === "" ? this.#options.rootPath : joinPath(this.#options.rootPath, path);
  }

  #isIgnored(path: string, name: string): boolean {
    const { only, ignored } = this.#options;
    return only === undefined ? ignored(path, name) : path !== only;
  }

  /** The root, which is open during all work. */
  async #opened(): Promise<DirectoryHandle> {
    this.#root ??= this.#options.openRoot();
    return this.#root;
  }

  /** Opens a directory of the tree without following a link in its last component. */
  async #open(path: string): Promise<DirectoryHandle> {
    const { calls, contained } = this.#options;
    const root = await this.#opened();
    if (path === "") return openDirectory(calls, root.at("."), true);
    if (!contained) return openDirectory(calls, root.at(path), false);
    const spot = await walkFrom(calls, root, path, { follow: false });
    try {
      return await openDirectory(calls, spot.at, false);
    } finally {
      spot.release();
    }
  }

  async #lstat(path: string): Promise<Stats | undefined> {
    const { calls, contained } = this.#options;
    try {
      const root = await this.#opened();
      if (!contained) return await calls.lstat(root.at(path));
      const spot = await walkFrom(calls, root, path, { follow: false });
      try {
        return await calls.lstat(spot.at);
      } finally {
        spot.release();
      }
    } catch {
      // Gone, or not to be seen: the same to the watcher.
      return undefined;
    }
  }

  /** Watches a directory and those below; with `events`, all that is found in them is new. */
  async #add(path: string, events: WatchEvent[] | undefined): Promise<void> {
    if (this.#closed) return;
    let handle: DirectoryHandle;
    try {
      handle = await this.#open(path);
    } catch (error) {
      if (path === "") throw error;
      return;
    }
    const below: string[] = [];
    try {
      this.#remove(path);
      const watcher = this.#watch(path, handle);
      const own = await this.#options.calls.lstat(handle.at(".")).catch(() => undefined);
      const directory: Directory = { watcher, inode: own?.ino, entries: new Map() };
      this.#directories.set(path, directory);
      for await (const batch of listDirectory(this.#options.calls, handle.at("."))) {
        for (const { name, type } of batch) {
          const child = path === "" ? name : `${path}/${name}`;
          if (this.#isIgnored(child, name)) continue;
          const stats =
            events === undefined
              ? undefined
              : await this.#options.calls.lstat(handle.at(name)).catch(() => undefined);
          directory.entries.set(name, { type, inode: stats?.ino });
          events?.push({ type: "create", path: this.#eventPath(child), inode: stats?.ino, fileType: type });
          if (type === "directory" && this.#options.recursive) below.push(child);
        }
      }
    } catch (error) {
      // One that can't be listed is watched as far as it goes; one that is gone is told by its parent.
      if (path === "") throw error;
    } finally {
      handle.close();
    }
    for (const child of below) await this.#add(child, events);
  }

  #watch(path: string, handle: DirectoryHandle): FSWatcher | undefined {
    try {
      // By descriptor: no path of the user's is looked up in this thread. "." cannot be the name of an entry, so
      // that events of the directory itself, which carry the last name of this path, can be told apart.
      const watcher = watchPath(
        handle.at("."),
        { encoding: "buffer", persistent: false },
        (kind: string, name: Buffer | null) => this.#onEvent(path, kind, name),
      );
      watcher.on("error", () => this.#lose());
      return watcher;
    } catch (error) {
      if (path === "") throw error;
      this.#options.emit([{ type: "rescan", path: this.#eventPath(path) }]);
      this.#rescanTimer ??= setInterval(
        () => this.#options.emit([{ type: "rescan", path: this.#options.rootPath }]),
        UNWATCHED_RESCAN_MS,
      ).unref();
      return undefined;
    }
  }

  /** Stops watching a directory and those below, and forgets them. */
  #remove(path: string): void {
    const directory = this.#directories.get(path);
    if (directory === undefined) return;
    this.#directories.delete(path);
    directory.watcher?.close();
    for (const [name, { type }] of directory.entries) {
      if (type === "directory") this.#remove(path === "" ? name : `${path}/${name}`);
    }
  }

  #onEvent(path: string, kind: string, bytes: Buffer | null): void {
    this.#options.load.count();
    if (this.#closed || this.#lost) return;
    const name = bytes === null ? "." : nameFromBytes(bytes);
    if (name === ".") {
      if (path === "") this.#options.onRootChanged();
      return;
    }
    const child = path === "" ? name : `${path}/${name}`;
    if (this.#isIgnored(child, name)) return;
    if (kind === "rename" || !this.#dirty.has(child)) this.#dirty.set(child, kind);
    if (this.#dirty.size > MAX_DIRTY) this.#lose();
    else this.#schedule();
  }

  /** Events may have been lost: everything is watched anew, and the other side told to look at everything. */
  #lose(): void {
    if (this.#closed) return;
    this.#lost = true;
    this.#dirty.clear();
    this.#schedule();
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#flushing) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#flush();
    }, COALESCE_MS);
  }

  async #flush(): Promise<void> {
    this.#flushing = true;
    try {
      await this.#withRoot(() => (this.#lost ? this.#renew() : this.#lookAtDirty()));
    } catch {
      // Only the root can fail, and then it is gone or out of reach.
      this.#options.onRootChanged();
    } finally {
      this.#flushing = false;
    }
    if (!this.#closed && (this.#lost || this.#dirty.size > 0)) this.#schedule();
  }

  async #renew(): Promise<void> {
    this.#lost = false;
    this.#remove("");
    await this.#add("", undefined);
    if (!this.#closed) this.#options.emit([{ type: "rescan", path: this.#options.rootPath }]);
  }

  async #lookAtDirty(): Promise<void> {
    const dirty = this.#dirty;
    this.#dirty = new Map();
    const events: WatchEvent[] = [];
    for (const [path, kind] of dirty) {
      if (this.#closed || this.#lost) break;
      await this.#look(path, kind, events);
    }
    if (events.length > 0 && !this.#closed) this.#options.emit(events);
  }

  /** What became of an entry that something happened to. */
  async #look(path: string, kind: string, events: WatchEvent[]): Promise<void> {
    const { parent, name } = path.includes("/") ? splitPath(path) : { parent: "", name: path };
    const directory = this.#directories.get(parent);
    // Its directory went meanwhile, and it was told with it.
    if (directory === undefined) return;
    const before = directory.entries.get(name);
    const stats = await this.#lstat(path);
    if (stats === undefined) {
      if (before !== undefined) this.#gone(directory, path, name, before, events);
      return;
    }
    const now: Known = { type: fileType(stats), inode: stats.ino };
    const inode = before?.inode ?? this.#directories.get(path)?.inode;
    const isOther =
      before !== undefined &&
      (before.type !== now.type || (now.type === "directory" && inode !== undefined && inode !== now.inode));
    if (before?.type === "directory" && !isOther && kind === "rename") {
      // It was found by listing before its own event came, or was renamed away and back: the watch stayed with it.
      directory.entries.set(name, now);
      return;
    }
    if (isOther) this.#gone(directory, path, name, before, events);
    directory.entries.set(name, now);
    const type = before === undefined || isOther ? "create" : "change";
    events.push({ type, path: this.#eventPath(path), inode: now.inode, fileType: now.type });
    if (type === "create" && now.type === "directory" && this.#options.recursive)
      await this.#add(path, events);
  }

  /** Tells the removal of an entry, and before it of everything that was known below. */
  #gone(parent: Directory, path: string, name: string, known: Known, events: WatchEvent[]): void {
    parent.entries.delete(name);
    const directory = this.#directories.get(path);
    if (directory !== undefined) {
      for (const [child, entry] of [...directory.entries]) {
        this.#gone(directory, `${path}/${child}`, child, entry, events);
      }
      this.#directories.delete(path);
      directory.watcher?.close();
    }
    events.push({ type: "remove", path: this.#eventPath(path), inode: known.inode, fileType: known.type });
  }

  async #lookUpInodes(): Promise<void> {
    let left = MAX_INODE_LOOKUPS;
    for (const [path, directory] of [...this.#directories]) {
      for (const [name, known] of [...directory.entries]) {
        if (this.#closed || left-- === 0) return;
        if (known.inode !== undefined) continue;
        const stats = await this.#lstat(path === "" ? name : `${path}/${name}`);
        // Only what was not looked at meanwhile.
        if (stats !== undefined && directory.entries.get(name) === known && fileType(stats) === known.type) {
          directory.entries.set(name, { type: known.type, inode: stats.ino });
        }
      }
    }
  }
}
