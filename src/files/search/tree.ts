import fs, { type Dirent, type Stats } from "node:fs";
import type { SearchedFile } from "../../contract/text.ts";
import { OPEN_DIRECTORY, OPEN_READ } from "../calls.ts";
import { HAS_DESCRIPTOR_PATHS } from "../handles.ts";
import { isBeneath } from "../mounts.ts";
import { joinPath, nameFromLatin1, nativePath } from "../names.ts";
import { errnoOf, fileType } from "../stat.ts";
import { type CollectLimits, Collector, type Next } from "./collector.ts";
import { type GlobFilter, globFilter } from "./glob.ts";
import { IGNORE_FILES, type IgnoreLevel, IgnoreRules, isIgnored } from "./ignore.ts";
import { compilePattern, type PatternOptions } from "./pattern.ts";
import { Scanner } from "./scanner.ts";

/** A directory or file to look in, open already: whatever happens to its path, this is what is meant. */
export interface SearchRoot {
  readonly type: "directory" | "file";
  /** Absolute path as it was asked for. */
  readonly path: string;
  /** Path for system calls of this process, which may be of /proc/self/fd. */
  readonly at: string;
  /** Absolute path without links. */
  readonly real: string;
  /** It, or a directory above, has a .git: the ignore rules above count, too. */
  readonly inRepository: boolean;
}

/** A search as Berth itself does it; plain data, as it goes to another thread. */
export interface TreeSearch {
  readonly roots: readonly SearchRoot[];
  readonly pattern: (PatternOptions & { readonly text: string; readonly before: number }) | undefined;
  readonly limits: CollectLimits;
  readonly globs: readonly string[];
  readonly types: readonly string[];
  readonly maxDepth: number;
  readonly hidden: boolean;
  readonly ignored: boolean;
  readonly maxFileBytes: number;
  readonly sort: "path" | "modified";
}

/** Around each call of the file system, so that somebody else sees one that does not return. */
export interface CallWatch {
  begin(): void;
  end(): void;
}

/** Directories inside each other; each is held open while what is in it is looked at. */
const MAX_LEVELS = 256;
/** Larger ignore files are not read. */
const MAX_RULES_BYTES = 1024 * 1024;

/** Searches on this thread, which does nothing else meanwhile. @throws search.pattern_invalid */
export function searchTree(
  search: TreeSearch,
  watch: CallWatch,
): Omit<ReturnType<Collector["result"]>, "engine"> {
  const collector = new Collector(search.limits);
  new TreeWalk(search, watch, collector).run();
  return collector.result("berth");
}

/** Something found that is told, or looked at, when all of it is known. */
interface Candidate {
  readonly root: SearchRoot;
  /** Below the root; "" for itself. */
  readonly path: string;
  readonly type: SearchedFile["type"];
  readonly size: number;
  readonly mtimeMs: number;
}

interface Place {
  readonly root: SearchRoot;
  readonly at: string;
  /** Path of this directory relative to it, with a slash at its end; "" for itself. */
  readonly path: string;
  readonly depth: number;
  readonly rules: IgnoreLevel | undefined;
}

class TreeWalk {
  readonly #search: TreeSearch;
  readonly #watch: CallWatch;
  readonly #collector: Collector;
  readonly #globs: GlobFilter;
  readonly #scanner: Scanner | undefined;
  readonly #types: ReadonlySet<string>;
  /** With sort "modified": what is looked at when all is known. */
  #later: Candidate[] = [];
  /** Where one root lies in another. */
  readonly #seen: Set<string> | undefined;

  constructor(search: TreeSearch, watch: CallWatch, collector: Collector) {
    this.#search = search;
    this.#watch = watch;
    this.#collector = collector;
    this.#globs = globFilter(search.globs);
    this.#types = new Set(search.pattern === undefined ? search.types : ["file"]);
    this.#seen = rootsOverlap(search.roots) ? new Set() : undefined;
    if (search.pattern !== undefined) {
      const { text, before, multiline } = search.pattern;
      const pattern = compilePattern(text, search.pattern);
      this.#scanner = new Scanner({ pattern, multiline, before, after: search.limits.after }, collector);
    }
  }

  run(): void {
    for (const root of this.#search.roots) {
      if ((root.type === "directory" ? this.#root(root) : this.#given(root)) === "enough") break;
    }
    if (this.#search.sort === "modified") this.#tellNewestFirst();
  }

  #root(root: SearchRoot): Next {
    const { ignored } = this.#search;
    const rules = ignored || !root.inRepository ? undefined : this.#rulesAbove(root.real);
    return this.#directory({ root, at: `${root.at}/`, path: "", depth: 0, rules });
  }

  /** A file that was named: no rule leaves it out. */
  #given(root: SearchRoot): Next {
    if (!this.#types.has("file")) return "on";
    return this.#found(root, "", root.at, "file");
  }

  #directory(place: Place): Next {
    if (place.depth >= this.#search.maxDepth) return "on";
    let entries: Dirent[];
    try {
      entries = this.#call(() =>
        fs.readdirSync(nativePath(place.at), { encoding: "latin1", withFileTypes: true }),
      );
    } catch (error) {
      this.#skip(pathIn(place.root, place.path), error);
      return "on";
    }
    // By bytes, as names are latin1 here.
    entries.sort((left, right) => (left.name < right.name ? -1 : left.name > right.name ? 1 : 0));
    const rules = this.#search.ignored ? undefined : this.#rulesIn(place, entries);
    for (const entry of entries) {
      if (this.#entry(place, entry, rules) === "enough") return "enough";
    }
    return "on";
  }

  #entry(place: Place, entry: Dirent, rules: IgnoreLevel | undefined): Next {
    const name = nameFromLatin1(entry.name);
    if (name === ".git" || (!this.#search.hidden && name.startsWith("."))) return "on";
    const path = place.path + name;
    const at = place.at + name;
    const type = this.#type(entry, at);
    if (type === undefined) return "on";
    const isDirectory = type === "directory";
    if (!isDirectory && !this.#types.has(type)) return "on";
    if (isDirectory ? this.#globs.prunes(path, name) : !this.#globs.takes(path, name)) return "on";
    if (isIgnored(rules, path, name, isDirectory)) return "on";
    if (!isDirectory) return this.#found(place.root, path, at, type);
    if (this.#types.has("directory") && this.#globs.takes(path, name)) {
      if (this.#found(place.root, path, at, type) === "enough") return "enough";
    }
    return this.#descend(place, at, path, rules);
  }

  #descend(place: Place, at: string, path: string, rules: IgnoreLevel | undefined): Next {
    const { root } = place;
    const depth = place.depth + 1;
    if (depth >= this.#search.maxDepth) return "on";
    if (depth > MAX_LEVELS) {
      this.#collector.skip(pathIn(root, path), "ENAMETOOLONG");
      return "on";
    }
    if (!HAS_DESCRIPTOR_PATHS) return this.#directory({ root, at: `${at}/`, path: `${path}/`, depth, rules });
    let fd: number;
    try {
      fd = this.#call(() => fs.openSync(nativePath(at), OPEN_DIRECTORY));
    } catch (error) {
      // Gone, or something else by now: no link is followed.
      if (!["ENOENT", "ENOTDIR", "ELOOP"].includes(errnoOf(error) ?? ""))
        this.#skip(pathIn(root, path), error);
      return "on";
    }
    try {
      return this.#directory({ root, at: `/proc/self/fd/${fd}/`, path: `${path}/`, depth, rules });
    } finally {
      fs.closeSync(fd);
    }
  }

  #type(entry: Dirent, at: string): "file" | "directory" | "symlink" | undefined {
    if (entry.isFile()) return "file";
    if (entry.isDirectory()) return "directory";
    if (entry.isSymbolicLink()) return "symlink";
    if (entry.isFIFO() || entry.isSocket() || entry.isCharacterDevice() || entry.isBlockDevice())
      return undefined;
    // Some file systems do not say the type in the directory.
    try {
      const type = fileType(this.#call(() => fs.lstatSync(nativePath(at))));
      return type === "file" || type === "directory" || type === "symlink" ? type : undefined;
    } catch {
      return undefined;
    }
  }

  #found(root: SearchRoot, path: string, at: string, type: SearchedFile["type"]): Next {
    const whole = pathIn(root, path);
    if (this.#seen !== undefined) {
      const real = pathIn({ path: root.real }, path);
      if (this.#seen.has(real)) return "on";
      this.#seen.add(real);
    }
    const { sort, maxFileBytes, limits } = this.#search;
    if (this.#scanner !== undefined && sort === "path")
      return this.#scan(this.#scanner, whole, at, path === "");
    let stats: Stats;
    try {
      stats = this.#call(() => (path === "" ? fs.statSync(nativePath(at)) : fs.lstatSync(nativePath(at))));
    } catch {
      return "on";
    }
    const { size, mtimeMs } = stats;
    if (size > maxFileBytes) return "on";
    if (sort === "path")
      return this.#collector.entry({ path: whole, type, size, mtimeMs, matches: 0, lines: [] });
    this.#later.push({ root, path, type, size, mtimeMs });
    // One more than is told says that there are more.
    if (this.#scanner === undefined && this.#later.length > 2 * limits.maxResults + 1_000) {
      this.#later = this.#later.sort(newestFirst).slice(0, limits.maxResults + 1);
    }
    return "on";
  }

  #tellNewestFirst(): void {
    for (const { root, path, type, size, mtimeMs } of this.#later.sort(newestFirst)) {
      const whole = pathIn(root, path);
      const next =
        this.#scanner === undefined
          ? this.#collector.entry({ path: whole, type, size, mtimeMs, matches: 0, lines: [] })
          : this.#scanBelow(this.#scanner, root, path);
      if (next === "enough") return;
    }
  }

  /** Looks at a file whose directory is no longer open: the way to it is walked again, and no link followed. */
  #scanBelow(scanner: Scanner, root: SearchRoot, path: string): Next {
    const whole = pathIn(root, path);
    if (path === "" || !HAS_DESCRIPTOR_PATHS)
      return this.#scan(scanner, whole, path === "" ? root.at : whole, path === "");
    const names = path.split("/");
    const last = names.pop() ?? "";
    let at = `${root.at}/`;
    let open: number | undefined;
    try {
      for (const name of names) {
        const fd = this.#call(() => fs.openSync(nativePath(at + name), OPEN_DIRECTORY));
        if (open !== undefined) fs.closeSync(open);
        open = fd;
        at = `/proc/self/fd/${fd}/`;
      }
      return this.#scan(scanner, whole, at + last, false);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return "on";
    } finally {
      if (open !== undefined) fs.closeSync(open);
    }
  }

  #scan(scanner: Scanner, path: string, at: string, follow: boolean): Next {
    let fd: number;
    try {
      const flags = OPEN_READ | (follow ? 0 : fs.constants.O_NOFOLLOW);
      fd = this.#call(() => fs.openSync(nativePath(at), flags));
    } catch (error) {
      if (!["ENOENT", "ELOOP", "ENXIO"].includes(errnoOf(error) ?? "")) this.#skip(path, error);
      return "on";
    }
    try {
      const stats = this.#call(() => fs.fstatSync(fd));
      if (!stats.isFile() || stats.size > this.#search.maxFileBytes) return "on";
      return scanner.scan(path, stats.size, (buffer, offset, length) =>
        this.#call(() => fs.readSync(fd, buffer, offset, length, null)),
      );
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      this.#skip(path, error);
      return "on";
    } finally {
      fs.closeSync(fd);
      scanner.release();
    }
  }

  /** Rules of the directories above one in a repository. */
  #rulesAbove(real: string): IgnoreLevel | undefined {
    const parts = real.split("/").filter((part) => part !== "");
    const directories = parts.map((_, index) => `/${parts.slice(0, index).join("/")}`);
    let level: IgnoreLevel | undefined;
    for (let index = 0; index < directories.length; index++) {
      const directory = directories[index]!;
      const at = directory.endsWith("/") ? directory : `${directory}/`;
      const names = [...IGNORE_FILES, ".git"].filter((name) => this.#exists(at + name));
      const prefix = `${parts.slice(index).join("/")}/`;
      level = this.#level(at, names, { above: level, start: 0, prefix });
    }
    return level;
  }

  #rulesIn(place: Place, entries: readonly Dirent[]): IgnoreLevel | undefined {
    const names: string[] = [];
    for (const { name } of entries) {
      if (name.startsWith(".") && (name === ".git" || (IGNORE_FILES as readonly string[]).includes(name))) {
        names.push(name);
      }
      // Sorted: nothing with a dot in front comes behind this.
      if (name > "/") break;
    }
    return this.#level(place.at, names, { above: place.rules, start: place.path.length, prefix: "" });
  }

  #level(
    at: string,
    names: readonly string[],
    base: Pick<IgnoreLevel, "above" | "start" | "prefix">,
  ): IgnoreLevel | undefined {
    if (names.length === 0) return base.above;
    const isRepository = names.includes(".git");
    const rules = IGNORE_FILES.map((name) => (names.includes(name) ? this.#rules(at + name) : undefined));
    rules.push(isRepository ? this.#rules(`${this.#gitDirectory(at)}/info/exclude`) : undefined);
    return { ...base, rules, isRepository };
  }

  /** Where the rules of a repository are: a worktree's .git is a file that names it. */
  #gitDirectory(at: string): string {
    const named = /^gitdir: (.+)$/m.exec(this.#read(`${at}.git`) ?? "")?.[1];
    if (named === undefined) return `${at}.git`;
    const directory = named.startsWith("/") ? named : at + named;
    const common = this.#read(`${directory}/commondir`)?.trim();
    if (common === undefined) return directory;
    return common.startsWith("/") ? common : `${directory}/${common}`;
  }

  #rules(at: string): IgnoreRules | undefined {
    const text = this.#read(at);
    if (text === undefined) return undefined;
    const rules = new IgnoreRules(text);
    return rules.isEmpty ? undefined : rules;
  }

  /** A small file of text; undefined where there is none. */
  #read(at: string): string | undefined {
    try {
      return this.#call(() => {
        const fd = fs.openSync(nativePath(at), OPEN_READ);
        try {
          const stats = fs.fstatSync(fd);
          return stats.isFile() && stats.size <= MAX_RULES_BYTES ? fs.readFileSync(fd, "utf8") : undefined;
        } finally {
          fs.closeSync(fd);
        }
      });
    } catch {
      return undefined;
    }
  }

  #exists(at: string): boolean {
    return this.#call(() => fs.existsSync(nativePath(at)));
  }

  #skip(path: string, error: unknown): void {
    this.#collector.skip(path.replace(/(?<=.)\/$/, ""), errnoOf(error) ?? "EIO");
  }

  #call<T>(work: () => T): T {
    this.#watch.begin();
    try {
      return work();
    } finally {
      this.#watch.end();
    }
  }
}

function newestFirst(left: Candidate, right: Candidate): number {
  return right.mtimeMs - left.mtimeMs || (left.path < right.path ? -1 : 1);
}

function pathIn(root: Pick<SearchRoot, "path">, path: string): string {
  return path === "" ? root.path : joinPath(root.path, path);
}

/** Whether one of the roots lies in another, so that files would be found twice. */
export function rootsOverlap(roots: readonly SearchRoot[]): boolean {
  return roots.some((one, index) =>
    roots.some((other, place) => place !== index && isBeneath(one.real, other.real)),
  );
}
