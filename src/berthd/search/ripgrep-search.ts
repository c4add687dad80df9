import type { SearchResult } from "../../contract/text.ts";
import { joinPath, splitPath } from "../../files/names.ts";
import { Collector, sortByPath } from "../../files/search/collector.ts";
import { type GlobFilter, globFilter } from "../../files/search/glob.ts";
import { NO_PARENT_RULES, outputShape, ripgrepArguments } from "../../files/search/ripgrep-arguments.ts";
import { patternRefused } from "../../files/search/ripgrep-messages.ts";
import { RipgrepOutput } from "../../files/search/ripgrep-output.ts";
import { rootsOverlap, type TreeSearch } from "../../files/search/tree.ts";
import { type RipgrepEnd, runRipgrep } from "./ripgrep.ts";
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
    const shape = outputShape(search, "files" in part);
    const place = placer(part, search, globs, seen);
    const output = new RipgrepOutput({ shape, maxLineBytes: search.limits.maxLineBytes, place }, collector);
    try {
      end = await runRipgrep({
        program,
        args: [...rulesAbove(part), ...ripgrepArguments(search, { shape, inOrder }), ...targetsOf(part)],
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

function rulesAbove(part: Part): string[] {
  return "directory" in part && !part.inRepository ? [NO_PARENT_RULES] : [];
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
