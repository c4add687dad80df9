import { posix } from "node:path";
import { berthError } from "../contract/errors.ts";
import type { Containment } from "../contract/files.ts";
import type { FileCalls } from "./calls.ts";
import { type DirectoryHandle, openDirectory } from "./handles.ts";
import { isBeneath } from "./mounts.ts";

/** As many links as the kernel follows in one path (path_resolution(7)). */
export const MAX_LINKS = 40;

/** Where an entry is, for system calls. Released when the operation is over. */
export interface Spot {
  /** Path of the entry itself. */
  readonly at: string;
  /** Path of another entry of the same directory. */
  sibling(name: string): string;
  /** Name in its directory; "." for a root itself. */
  readonly name: string;
  /** The last component must not be followed when it turns out to be a link: it was none when it was looked at. */
  readonly pinned: boolean;
  release(): void;
}

export interface WalkOptions {
  /** Also a link as last component is followed. */
  readonly follow: boolean;
  /** Missing directories on the way are made. */
  readonly createParents?: boolean;
}

interface Root {
  readonly path: string;
  readonly handle: DirectoryHandle;
  real: string | undefined;
}

/**
 * Walks a path component by component inside of the containment's roots: each directory is opened beneath the
 * one before with O_NOFOLLOW and pinned by its descriptor, links are read and resolved by hand. A directory
 * that is swapped for a link meanwhile therefore never leads outside.
 * @throws fs.outside_workspace for a path or a link that leaves all roots, ELOOP, and what opening gives
 */
export async function walkContained(
  calls: FileCalls,
  containment: Containment,
  path: string,
  options: WalkOptions,
): Promise<Spot> {
  const walker = new Walker(calls, [containment.root, ...(containment.extraRoots ?? [])], path);
  try {
    return await walker.walk(options);
  } catch (error) {
    walker.close();
    throw error;
  }
}

/** Like `walkContained` from a directory that is open already; `path` is relative to it. The handle stays open. */
export async function walkFrom(
  calls: FileCalls,
  root: DirectoryHandle,
  path: string,
  options: WalkOptions,
): Promise<Spot> {
  const walker = new Walker(calls, [], path, root);
  try {
    return await walker.walk(options);
  } catch (error) {
    walker.close();
    throw error;
  }
}

class Walker {
  readonly #calls: FileCalls;
  readonly #rootPaths: readonly string[];
  readonly #path: string;
  readonly #given: DirectoryHandle | undefined;
  readonly #roots = new Map<string, Root>();
  #root: Root | undefined;
  /** Directories below the root, in order. */
  #stack: DirectoryHandle[] = [];
  /** Components to come, the next one last. */
  #rest: string[] = [];
  #links = 0;

  constructor(calls: FileCalls, rootPaths: readonly string[], path: string, given?: DirectoryHandle) {
    this.#calls = calls;
    this.#rootPaths = rootPaths;
    this.#path = path;
    this.#given = given;
  }

  async walk(options: WalkOptions): Promise<Spot> {
    if (this.#given !== undefined) {
      this.#root = { path: "", handle: this.#given, real: undefined };
      this.#push(this.#path);
    } else {
      await this.#start(this.#path);
    }
    for (;;) {
      const part = this.#rest.pop();
      if (part === undefined) return this.#spot(".");
      if (part === "..") {
        await this.#up();
      } else if (this.#rest.length > 0) {
        await this.#down(part, options.createParents === true);
      } else if (!options.follow || !(await this.#link(part))) {
        return this.#spot(part);
      }
    }
  }

  close(): void {
    for (const handle of this.#stack) handle.close();
    for (const root of this.#roots.values()) root.handle.close();
    this.#stack = [];
    this.#roots.clear();
  }

  #spot(name: string): Spot {
    const directory = this.#directory();
    return {
      at: directory.at(name),
      sibling: (other) => directory.at(other),
      name,
      pinned: true,
      release: () => this.close(),
    };
  }

  #directory(): DirectoryHandle {
    const directory = this.#stack.at(-1) ?? this.#root?.handle;
    if (directory === undefined) throw this.#outside();
    return directory;
  }

  #push(path: string): void {
    const parts = path.split("/").filter((part) => part !== "" && part !== ".");
    this.#rest.push(...parts.reverse());
  }

  /** Begins anew at the root that an absolute path lies under: as the roots are written, or as they really are. */
  async #start(path: string): Promise<void> {
    if (!path.startsWith("/")) throw this.#outside();
    for (const handle of this.#stack) handle.close();
    this.#stack = [];
    const clean = path.replace(/\/+/g, "/");
    for (const rootPath of this.#rootPaths) {
      const root = posix.normalize(rootPath).replace(/(?<=.)\/$/, "");
      if (!isBeneath(clean, root)) continue;
      this.#root = await this.#open(root);
      this.#push(clean.slice(root === "/" ? 0 : root.length));
      return;
    }
    for (const rootPath of this.#rootPaths) {
      const root = await this.#open(posix.normalize(rootPath).replace(/(?<=.)\/$/, ""));
      const real = await this.#real(root);
      if (!isBeneath(clean, real)) continue;
      this.#root = root;
      this.#push(clean.slice(real === "/" ? 0 : real.length));
      return;
    }
    throw this.#outside();
  }

  async #open(path: string): Promise<Root> {
    const known = this.#roots.get(path);
    if (known !== undefined) return known;
    const root: Root = { path, handle: await openDirectory(this.#calls, path, true), real: undefined };
    this.#roots.set(path, root);
    return root;
  }

  async #real(root: Root): Promise<string> {
    root.real ??= await this.#calls.realpath(root.handle.at("."));
    return root.real;
  }

  async #up(): Promise<void> {
    const top = this.#stack.pop();
    if (top !== undefined) {
      top.close();
      return;
    }
    // Above a root there may be another one (extraRoots); with a given handle there is none.
    if (this.#root === undefined || this.#given !== undefined) throw this.#outside();
    const rest = this.#rest.reverse();
    this.#rest = [];
    await this.#start(posix.join(posix.dirname(await this.#real(this.#root)), ...rest));
  }

  async #down(part: string, create: boolean): Promise<void> {
    const at = this.#directory().at(part);
    for (let attempt = 0; ; attempt++) {
      try {
        this.#stack.push(await openDirectory(this.#calls, at, false));
        return;
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if ((code === "ENOTDIR" || code === "ELOOP") && (await this.#link(part))) return;
        if (code !== "ENOENT" || !create || attempt > 0) throw error;
        await makeDirectory(this.#calls, at);
      }
    }
  }

  /** If the entry is a link: puts its target before the rest of the way. */
  async #link(part: string): Promise<boolean> {
    let target: string;
    try {
      target = await this.#calls.readlink(this.#directory().at(part));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EINVAL" || code === "ENOENT") return false;
      throw error;
    }
    this.#links += 1;
    if (this.#links > MAX_LINKS) throw berthError("ELOOP", { hop: "berthd", context: { path: this.#path } });
    if (!target.startsWith("/")) {
      this.#push(target);
      return true;
    }
    if (this.#given !== undefined) throw this.#outside();
    const rest = this.#rest.reverse();
    this.#rest = [];
    await this.#start([target, ...rest].join("/"));
    return true;
  }

  #outside(): Error {
    return berthError("fs.outside_workspace", { hop: "berthd", context: { path: this.#path } });
  }
}

/** Makes one directory; one that is there already is as good. */
export async function makeDirectory(calls: FileCalls, at: string): Promise<void> {
  try {
    await calls.mkdir(at);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}
