import fs from "node:fs";
import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import type { SearchedFile, SearchResult } from "../../contract/text.ts";
import { DEFAULT_TIMEOUT_MS, type FileCalls, OPEN_READ } from "../../files/calls.ts";
import { HAS_DESCRIPTOR_PATHS, openDirectory } from "../../files/handles.ts";
import { joinPath, splitPath } from "../../files/names.ts";
import { forEachParallel } from "../../files/parallel.ts";
import { SEARCH_DEFAULTS, sortByPath } from "../../files/search/collector.ts";
import { globFilter } from "../../files/search/glob.ts";
import { compilePattern } from "../../files/search/pattern.ts";
import type { SearchRoot, TreeSearch } from "../../files/search/tree.ts";
import type { Params } from "../../wire/messages.ts";
import type { WireStream } from "../../wire/types.ts";
import { errno, type FileContext } from "../files/context.ts";
import { openPinned, statSpot } from "../files/metadata.ts";
import { Outgoing } from "../files/stream-life.ts";
import type { RipgrepFinder } from "./ripgrep.ts";
import { searchByRipgrep } from "./ripgrep-search.ts";
import type { SearchWorkers } from "./workers.ts";

/** Paths that are opened at once. */
const PARALLEL_OPENS = 8;
/** Text and paths of one frame, which JSON makes up to six times as long. */
const FRAME_BYTES = 96 * 1024;

export interface SearchEngines {
  readonly ripgrep: RipgrepFinder;
  readonly workers: SearchWorkers;
}

/** A root, and how it is let go. */
export interface OpenRoot extends SearchRoot {
  /** Of a file: for a program that is to read it. */
  readonly fd: number | undefined;
  close(): void;
}

/** fs.search: what is found comes as EVENT { files } frames before the RESPONSE with the last of it. */
export async function search(
  engines: SearchEngines,
  context: FileContext,
  params: Params<"fs.search">,
  stream: WireStream,
): Promise<void> {
  const outgoing = new Outgoing(stream);
  const ending = new AbortController();
  outgoing.onAbort = () => ending.abort(berthError("operation.aborted", { hop: "berthd" }));
  const { deadlineMs = SEARCH_DEFAULTS.deadlineMs } = params;
  const deadline = setTimeout(() => ending.abort(tooLong(deadlineMs)), deadlineMs);
  const roots: OpenRoot[] = [];
  try {
    // Also what a look at the first file would find out.
    globFilter(params.globs);
    await openRoots(context, params, roots);
    const result = await look(engines, treeSearch(params, roots), roots, params, ending.signal);
    if (!outgoing.aborted) send(stream, result);
  } catch (error) {
    // Whoever asked has gone: there is nobody to tell.
    if (!outgoing.aborted) throw error;
  } finally {
    clearTimeout(deadline);
    for (const root of roots) root.close();
  }
}

async function look(
  { ripgrep, workers }: SearchEngines,
  tree: TreeSearch,
  roots: readonly OpenRoot[],
  params: Params<"fs.search">,
  signal: AbortSignal,
): Promise<SearchResult> {
  // Runs for several directories would each be in an order of their own.
  const inOneRun = tree.sort === "path" || roots.length === 1;
  if (tree.pattern !== undefined && inOneRun && HAS_DESCRIPTOR_PATHS && !isOnlyHere(tree.pattern)) {
    const program = await ripgrep.find();
    const found = program && (await searchByRipgrep(program, tree, roots, signal));
    if (found) return found;
    if (program !== undefined) ripgrep.forget();
  }
  const found = await workers.run(tree, params.timeoutMs ?? DEFAULT_TIMEOUT_MS, signal);
  const files = tree.sort === "path" ? sortByPath(found.files) : found.files;
  return { ...found, files, engine: "berth" };
}

/** What ripgrep would refuse and this can do. What neither can is left to ripgrep, for its words. */
function isOnlyHere(pattern: NonNullable<TreeSearch["pattern"]>): boolean {
  try {
    return compilePattern(pattern.text, pattern).onlyHere;
  } catch (error) {
    if (isBerthError(error, "search.pattern_invalid")) return false;
    throw error;
  }
}

function treeSearch(params: Params<"fs.search">, roots: readonly OpenRoot[]): TreeSearch {
  const { pattern, literal, ignoreCase, word, multiline, before, after } = params;
  return {
    roots: roots.map(({ type, path, at, real, inRepository }) => ({ type, path, at, real, inRepository })),
    pattern:
      pattern === undefined ? undefined : { text: pattern, literal, ignoreCase, word, multiline, before },
    limits: {
      show: params.show,
      after,
      maxResults: params.maxResults ?? SEARCH_DEFAULTS.maxResults,
      maxPerFile: params.maxPerFile ?? Number.POSITIVE_INFINITY,
      maxBytes: params.maxBytes ?? SEARCH_DEFAULTS.maxBytes,
      maxLineBytes: params.maxLineBytes ?? SEARCH_DEFAULTS.maxLineBytes,
    },
    globs: params.globs,
    types: params.types,
    maxDepth: params.maxDepth ?? Number.POSITIVE_INFINITY,
    hidden: params.hidden,
    ignored: params.ignored,
    maxFileBytes: params.maxFileBytes ?? Number.POSITIVE_INFINITY,
    sort: params.sort,
  };
}

/** In the order of their paths; what is open when one of them fails is in `opened`, too. */
async function openRoots(
  context: FileContext,
  params: Params<"fs.search">,
  opened: OpenRoot[],
): Promise<void> {
  const paths = [...new Set(params.paths.map((path) => context.absolute(path).replace(/(?<=.)\/+$/, "")))];
  await forEachParallel(paths, PARALLEL_OPENS, async (path) => {
    opened.push(await openRoot(context, params, path));
  });
  const sorted = sortByPath(opened);
  opened.splice(0, opened.length, ...sorted);
}

function openRoot(context: FileContext, params: Params<"fs.search">, path: string): Promise<OpenRoot> {
  return context.at(params, path, { follow: true }, async (spot, calls): Promise<OpenRoot> => {
    const stats = await statSpot(calls, spot, true);
    if (stats.isDirectory()) {
      const handle = spot.pinned ? await openPinned(calls, spot) : await openDirectory(calls, spot.at, true);
      const at = handle.at(".");
      const close = () => handle.close();
      const real = await calls.realpath(at);
      const inRepository = await isInRepository(calls, real);
      return { type: "directory", path, at, real, inRepository, fd: undefined, close };
    }
    if (!stats.isFile()) throw notRegular(path);
    const fd = await calls.open(spot.at, OPEN_READ | (spot.pinned ? fs.constants.O_NOFOLLOW : 0));
    const close = () => void calls.close(fd);
    if (!(await calls.fstat(fd)).isFile()) {
      close();
      throw errno("EINVAL");
    }
    const at = HAS_DESCRIPTOR_PATHS ? `/proc/self/fd/${fd}` : path;
    return { type: "file", path, at, real: await calls.realpath(at), inRepository: false, fd, close };
  });
}

async function isInRepository(calls: FileCalls, directory: string): Promise<boolean> {
  for (let at = directory; ; at = splitPath(at).parent) {
    const found = await calls.lstat(joinPath(at, ".git")).then(
      () => true,
      () => false,
    );
    if (found || at === "/") return found;
  }
}

function notRegular(path: string): BerthError {
  return berthError("fs.not_a_regular_file", { hop: "berthd", context: { path } });
}

function tooLong(deadlineMs: number): BerthError {
  return berthError("operation.timeout", {
    hop: "berthd",
    message: `the search took longer than ${deadlineMs} ms`,
    hint: "Search fewer directories, by a simpler pattern, or raise deadlineMs.",
    context: { timeoutMs: deadlineMs },
  });
}

/** A file whose lines don't fit into one frame goes on in the next one, under the same path. */
function send(stream: WireStream, { files, ...rest }: SearchResult): void {
  let part: SearchedFile[] = [];
  let bytes = 0;
  const flush = () => {
    stream.event({ files: part });
    part = [];
    bytes = 0;
  };
  for (const file of files) {
    bytes += file.path.length + 64;
    let lines: SearchedFile["lines"][number][] = [];
    for (const line of file.lines) {
      if (bytes + line.text.length > FRAME_BYTES && (lines.length > 0 || part.length > 0)) {
        if (lines.length > 0) part.push({ ...file, lines });
        lines = [];
        flush();
      }
      lines.push(line);
      bytes += line.text.length + 32;
    }
    if (bytes > FRAME_BYTES && part.length > 0) flush();
    part.push({ ...file, lines });
  }
  stream.respond({ files: part, ...rest });
  stream.end();
}
