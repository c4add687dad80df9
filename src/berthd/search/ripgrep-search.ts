import type { SearchResult } from "../../contract/text.ts";
import { joinPath, splitPath } from "../../files/names.ts";
import { Collector, sortByPath } from "../../files/search/collector.ts";
import { type GlobFilter, globFilter } from "../../files/search/glob.ts";
import { rootsOverlap, type TreeSearch } from "../../files/search/tree.ts";
import { patternRefused, type RipgrepEnd, runRipgrep } from "./ripgrep.ts";
import { type OutputShape, RipgrepOutput } from "./ripgrep-output.ts";
import type { OpenRoot } from "./search.ts";

/** First descriptor of a child behind its stdio. */
const FIRST_DESCRIPTOR = 3;
/** Files that were named, looked at by one run. */
const FILES_PER_RUN = 64;

/** One run: a directory as its working directory, or some files as open descriptors. */
type Part =
  | { readonly directory: OpenRoot; readonly inRepository: boolean }
  | { readonly files: readonly OpenRoot[] };

/**
 * Searches by ripgrep, which looks at files on all processors and so tells them in any order. When there is more than the
 * limits let through it is run again, in order, up to where they end: the result is the same each time.
 * @returns undefined when it can't be run
 * @throws search.pattern_invalid, the reason of `signal`
 */
export async function searchByRipgrep(
  program: string,
  search: TreeSearch,
  roots: readonly OpenRoot[],
  signal: AbortSignal,
): Promise<SearchResult | undefined> {
  const inOrder = search.sort === "modified";
  const found = await searchOnce(program, search, roots, signal, inOrder);
  if (found === undefined) return undefined;
  if (!inOrder && !found.truncated) return { ...found, files: sortByPath(found.files) };
  if (inOrder) return found;
  const again = await searchOnce(program, search, roots, signal, true);
  return again === undefined ? undefined : { ...again, files: sortByPath(again.files) };
}

async function searchOnce(
  program: string,
  search: TreeSearch,
  roots: readonly OpenRoot[],
  signal: AbortSignal,
  inOrder: boolean,
): Promise<SearchResult | undefined> {
  const collector = new Collector(search.limits);
  const seen = rootsOverlap(roots) ? new Set<string>() : undefined;
  const globs = globFilter(search.globs);
  for (const part of partsOf(roots)) {
    let end: RipgrepEnd;
    const shape = shapeOf(search, part);
    const place = placer(part, search, globs, seen);
    const output = new RipgrepOutput({ shape, maxLineBytes: search.limits.maxLineBytes, place }, collector);
    try {
      end = await runRipgrep({
        program,
        args: [...argsOf(search, part, shape, inOrder), ...targetsOf(part)],
        cwd: "directory" in part ? part.directory.at : "/",
        descriptors: "directory" in part ? [] : part.files.map(({ fd }) => fd ?? -1),
        onOutput: (chunk) => output.take(chunk),
        signal,
      });
    } catch (error) {
      if (["ENOENT", "EACCES", "ENOEXEC", "ETXTBSY"].includes(String((error as { code?: unknown }).code))) {
        return undefined;
      }
      throw error;
    }
    output.end();
    if (end.enough) break;
    // Ended by somebody else.
    if (end.exitCode === null) return undefined;
    if (end.exitCode > 1 && end.skipped.length === 0) {
      throw patternRefused(end.message, search.pattern?.text ?? "");
    }
    for (const { path, reason } of end.skipped) collector.skip(named(part, path), reason);
  }
  return collector.result("ripgrep");
}

function partsOf(roots: readonly OpenRoot[]): Part[] {
  const parts: Part[] = [];
  const files = roots.filter(({ type }) => type === "file");
  for (let start = 0; start < files.length; start += FILES_PER_RUN) {
    parts.push({ files: files.slice(start, start + FILES_PER_RUN) });
  }
  for (const root of roots) {
    if (root.type === "directory") parts.push({ directory: root, inRepository: root.inRepository });
  }
  return parts;
}

/**
 * With lines over several lines, ripgrep would count matches and not lines; and of files that are named it counts binary
 * ones, too.
 */
function shapeOf({ limits: { show }, pattern }: TreeSearch, part: Part): OutputShape {
  return "files" in part || (show === "count" && pattern?.multiline) ? "lines" : show;
}

const ALWAYS = [
  "--no-config",
  "--color=never",
  "--no-heading",
  "--with-filename",
  "--null",
  "--no-mmap",
  "--crlf",
  "--no-ignore-messages",
  "--no-ignore-global",
  "--no-require-git",
  "--glob=!.git",
];

function argsOf(search: TreeSearch, part: Part, shape: OutputShape, inOrder: boolean): string[] {
  const { pattern, limits } = search;
  const args = [...ALWAYS];
  if (pattern === undefined) return args;
  const before = limits.show === "lines" ? pattern.before : 0;
  const after = limits.show === "lines" ? limits.after : 0;
  if (shape === "lines") args.push("--line-number", "--column", "--no-context-separator");
  else args.push(shape === "files" ? "--files-with-matches" : "--count");
  if (before > 0) args.push(`--before-context=${before}`);
  if (after > 0) args.push(`--after-context=${after}`);
  // Lines behind the last match that counts may have further ones.
  if (after === 0 && Number.isFinite(limits.maxPerFile) && !pattern.multiline) {
    args.push(`--max-count=${limits.maxPerFile}`);
  }
  if (pattern.literal) args.push("--fixed-strings");
  if (pattern.word) args.push("--word-regexp");
  if (pattern.multiline) args.push("--multiline", "--multiline-dotall");
  if (pattern.ignoreCase === "smart") args.push("--smart-case");
  else args.push(pattern.ignoreCase ? "--ignore-case" : "--case-sensitive");
  if (Number.isFinite(search.maxDepth)) args.push(`--max-depth=${search.maxDepth}`);
  if (Number.isFinite(search.maxFileBytes)) args.push(`--max-filesize=${search.maxFileBytes}`);
  if (search.hidden) args.push("--hidden");
  if (search.ignored) args.push("--no-ignore");
  else if ("directory" in part && !part.inRepository) args.push("--no-ignore-parent");
  if (inOrder) args.push(search.sort === "modified" ? "--sortr=modified" : "--sort=path");
  args.push(...globArgs(search.globs));
  args.push(`--regexp=${pattern.text}`, "--");
  return args;
}

/**
 * Globs as ripgrep can help with: what they leave out is never entered, and names that none of them could mean are not
 * looked at. Its own globs for what is wanted would bring back what is ignored, so the rest is left to `placer`.
 */
function globArgs(globs: readonly string[]): string[] {
  const left = globs.filter((glob) => glob.startsWith("!"));
  const wanted = globs.filter((glob) => !glob.startsWith("!"));
  const args = left.map((glob) => `--glob=${glob}`);
  const names = wanted.map((glob) => splitPath(glob).name);
  // The braces of a glob may hold a slash, and so may belong to several names.
  const isPlain =
    names.every((name) => name !== "**" && name !== "." && !/[{}\\]/.test(name)) &&
    !wanted.some((glob) => /[{}\\]/.test(glob) && glob.includes("/"));
  if (names.length > 0 && isPlain) {
    args.push(...names.map((name) => `--type-add=berth:${name}`), "--type=berth");
  }
  return args;
}

function targetsOf(part: Part): string[] {
  return "directory" in part
    ? ["./"]
    : part.files.map((_, index) => `/proc/self/fd/${FIRST_DESCRIPTOR + index}`);
}

/** Which path of the place a path of the output is; undefined for what was not meant. */
function placer(
  part: Part,
  search: TreeSearch,
  globs: GlobFilter,
  seen: Set<string> | undefined,
): (path: string) => string | undefined {
  const isNew = (root: OpenRoot, path: string): boolean => {
    if (seen === undefined) return true;
    const real = path === "" ? root.real : joinPath(root.real, path);
    if (seen.has(real)) return false;
    seen.add(real);
    return true;
  };
  if ("files" in part) {
    return (path) => {
      const root = fileAt(part.files, path);
      return root !== undefined && isNew(root, "") ? root.path : undefined;
    };
  }
  return (output) => {
    const path = output.replace(/^\.\//, "");
    // Types and globs let hidden files through.
    if (!search.hidden && /(?:^|\/)\./.test(path)) return undefined;
    if (!globs.takes(path, splitPath(path).name)) return undefined;
    return isNew(part.directory, path) ? joinPath(part.directory.path, path) : undefined;
  };
}

/** The path in the place of one that ripgrep complains of. */
function named(part: Part, path: string): string {
  return "files" in part
    ? (fileAt(part.files, path)?.path ?? path)
    : joinPath(part.directory.path, path.replace(/^\.\//, ""));
}

function fileAt(files: readonly OpenRoot[], path: string): OpenRoot | undefined {
  return files[Number(path.slice(path.lastIndexOf("/") + 1)) - FIRST_DESCRIPTOR];
}
