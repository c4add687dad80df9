import { joinPath, nameFromBytes, splitPath } from "../../files/names.ts";
import { sortByPath } from "../../files/search/collector.ts";
import { globFilter } from "../../files/search/glob.ts";
import { IGNORE_FILES, type IgnoreLevel, IgnoreRules, isIgnored } from "../../files/search/ignore.ts";
import type { ShellSearch } from "./search-script.ts";
import { parseStat } from "./stat-format.ts";
import type { PlaceTools } from "./tools.ts";

const NUL = 0;
const LINE_FEED = 10;

/** An entry below a directory. */
export interface Listed {
  /** Relative to the directory. */
  readonly path: string;
  readonly type: "file" | "directory" | "symlink";
  readonly size: number;
  readonly mtimeMs: number;
}

/** What the rules of one directory are, as they came. */
type FoundRules = Map<string, IgnoreRules>;

/** The listing of a directory (`listing` of search-script.ts), read as it comes. */
export class Listing {
  readonly #style: PlaceTools["stat"];
  readonly #entries: Listed[] = [];
  /** By directory: "a/b/" below the searched one, "/…/" above it. */
  readonly #rules = new Map<string, FoundRules>();
  /** Names that are left out. */
  readonly unreadable: string[] = [];
  #rest: Buffer = Buffer.alloc(0);

  constructor(style: PlaceTools["stat"]) {
    this.#style = style;
  }

  /** What comes behind the listing, once it is over. */
  take(chunk: Buffer): Buffer | undefined {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at < data.length) {
      if (data[at] !== NUL) {
        const end = data.indexOf(LINE_FEED, at);
        if (end < 0) break;
        this.#entry(data.subarray(at, end));
        at = end + 1;
        continue;
      }
      const name = data.indexOf(NUL, at + 1);
      const end = name < 0 ? -1 : data.indexOf(NUL, name + 1);
      if (end < 0) break;
      const kind = String.fromCharCode(data[at + 1]!);
      if (kind === "e") {
        this.#rest = Buffer.alloc(0);
        return data.subarray(end + 1);
      }
      this.#record(kind, nameFromBytes(data.subarray(at + 2, name)), data.toString("utf8", name + 1, end));
      at = end + 1;
    }
    this.#rest = Buffer.from(data.subarray(at));
    return undefined;
  }

  #entry(line: Buffer): void {
    // No field has a slash; the directory itself is "." alone.
    const name = line.indexOf(" ./");
    const { type, size, mtimeMs } = parseStat(
      line.toString("latin1", 0, name < 0 ? line.length - 2 : name),
      this.#style,
    );
    if (type !== "file" && type !== "directory" && type !== "symlink") return;
    if (name >= 0) this.#entries.push({ path: nameFromBytes(line.subarray(name + 3)), type, size, mtimeMs });
    else if (type === "file") this.#entries.push({ path: "", type, size, mtimeMs });
  }

  #record(kind: string, path: string, text: string): void {
    const whole = path.replace(/^\.\//, "");
    if (kind === "n") {
      this.unreadable.push(whole);
      return;
    }
    const slash = whole.lastIndexOf("/") + 1;
    const directory = whole.slice(0, slash);
    const found: FoundRules = this.#rules.get(directory) ?? new Map();
    found.set(whole.slice(slash), new IgnoreRules(text));
    this.#rules.set(directory, found);
  }

  /**
   * What is meant by a search, in the order of the paths, or the newest first.
   * @param real absolute path of the directory without links
   */
  wanted(search: ShellSearch, real: string): Listed[] {
    const globs = globFilter(search.globs);
    const left = new Map<string, IgnoreLevel | "left" | undefined>();
    left.set("", this.#level("", this.#above(real), 0, ""));
    /** The rules in a directory, or that it is left out with all that is in it. */
    const inside = (directory: string): IgnoreLevel | "left" | undefined => {
      if (left.has(directory)) return left.get(directory);
      const path = directory.slice(0, -1);
      const { name } = splitPath(`/${path}`);
      const rules = inside(path.slice(0, path.length - name.length));
      const isLeft = rules === "left" || globs.prunes(path, name) || isIgnored(rules, path, name, true);
      const found = isLeft ? "left" : this.#level(directory, rules, directory.length, "");
      left.set(directory, found);
      return found;
    };
    const wanted = this.#entries.filter(({ path, type, size }) => {
      if (path === "") return size <= search.maxFileBytes;
      const { name } = splitPath(`/${path}`);
      if (size > search.maxFileBytes || !globs.takes(path, name)) return false;
      const rules = inside(path.slice(0, path.length - name.length));
      return rules !== "left" && !isIgnored(rules, path, name, type === "directory");
    });
    if (search.sort === "path") return sortByPath(wanted);
    return wanted.sort((one, other) => other.mtimeMs - one.mtimeMs || (one.path < other.path ? -1 : 1));
  }

  #above(real: string): IgnoreLevel | undefined {
    const parts = real.split("/").filter((part) => part !== "");
    let level: IgnoreLevel | undefined;
    let inRepository = this.#rules.get("")?.has(".git") === true;
    for (let index = 0; index < parts.length; index++) {
      const directory = joinPath(`/${parts.slice(0, index).join("/")}`, "");
      inRepository ||= this.#rules.get(directory)?.has(".git") === true;
      level = this.#level(directory, level, 0, `${parts.slice(index).join("/")}/`);
    }
    return inRepository ? level : undefined;
  }

  #level(
    directory: string,
    above: IgnoreLevel | undefined,
    start: number,
    prefix: string,
  ): IgnoreLevel | undefined {
    const found = this.#rules.get(directory);
    if (found === undefined) return above;
    const isRepository = found.has(".git");
    return {
      above,
      start,
      prefix,
      isRepository,
      rules: [...IGNORE_FILES, ".git"].map((name) => found.get(name)),
    };
  }
}
