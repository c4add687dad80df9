import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import type { SearchOptions, SearchResult } from "../../contract/text.ts";
import { joinPath, nameFromBytes, nameToBytes, splitPath } from "../../files/names.ts";
import { Collector, SEARCH_DEFAULTS, sortByPath } from "../../files/search/collector.ts";
import { type GrepPattern, grepPattern } from "../../files/search/extended.ts";
import { globFilter } from "../../files/search/glob.ts";
import { outputShape } from "../../files/search/ripgrep-arguments.ts";
import { patternRefused, RipgrepMessages } from "../../files/search/ripgrep-messages.ts";
import { RipgrepOutput } from "../../files/search/ripgrep-output.ts";
import { milliseconds } from "../common/milliseconds.ts";
import { errnoOfMessage, fileFailure } from "./file-errors.ts";
import type { FileRuns } from "./file-runs.ts";
import type { ScriptResult } from "./place.ts";
import { Listing } from "./search-listing.ts";
import { GrepOutput } from "./search-output.ts";
import { PARTLY, REFUSED, type ShellSearch, searchBody } from "./search-script.ts";
import type { PlaceTools } from "./tools.ts";

/** Longer waits are the search's own deadline, not the run's. */
const IDLE_BEHIND_MS = 5_000;

/**
 * Searches by what the place has: ripgrep, or find and grep. One run for each of the paths; lines are looked for in the place,
 * and what .gitignore and its like leave out is left out here, of the paths that find tells.
 * @throws search.pattern_invalid, operation.timeout, runtime.capability_unsupported where there is no find, stat, xargs or
 * grep; what files throw
 */
export async function searchPlace(
  runs: FileRuns,
  options: SearchOptions,
  unsupported: () => BerthError,
): Promise<SearchResult> {
  const search = searchOf(options);
  globFilter(search.globs);
  const paths = [...new Set((options.paths ?? ["."]).map((path) => runs.path(path, options)))];
  const deadlineMs = milliseconds("deadlineMs", options.deadlineMs, 1) ?? SEARCH_DEFAULTS.deadlineMs;
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(tooLong(deadlineMs)), deadlineMs);
  const tools = await runs.tools();
  const found: Found = {
    collector: new Collector(search.limits),
    seen: paths.length > 1 ? new Set() : undefined,
    byRipgrep: false,
  };
  try {
    for (const path of sortByPath(paths.map((path) => ({ path }))).map(({ path }) => path)) {
      const one = new OneSearch(runs, { path, search, tools, options, unsupported }, found);
      if ((await one.run(ending.signal, deadlineMs + IDLE_BEHIND_MS)) === "enough") break;
    }
  } catch (error) {
    throw ending.signal.aborted ? ending.signal.reason : error;
  } finally {
    clearTimeout(timer);
  }
  const result = found.collector.result(found.byRipgrep ? "ripgrep" : "grep");
  return search.sort === "path" ? { ...result, files: sortByPath(result.files) } : result;
}

interface Found {
  readonly collector: Collector;
  /** Real paths, where one of several directories may lie in another. */
  readonly seen: Set<string> | undefined;
  byRipgrep: boolean;
}

interface Asked {
  /** Of the place, absolute or with ~. */
  readonly path: string;
  readonly search: ShellSearch;
  readonly tools: PlaceTools;
  readonly options: SearchOptions;
  readonly unsupported: () => BerthError;
}

/** The search in one directory or file. */
class OneSearch {
  readonly #runs: FileRuns;
  readonly #asked: Asked;
  readonly #found: Found;
  readonly #listing: Listing;
  /** Settles with the paths that grep gets. */
  readonly #paths = Promise.withResolvers<Buffer>();
  readonly #pattern: GrepPattern | undefined;
  /** Why grep can't look for the pattern. */
  readonly #refusal: unknown;
  #head: Buffer | undefined = Buffer.alloc(0);
  /** Path of what is searched, as it is told, and without links. */
  #root = { path: "", real: "" };
  #listed = false;
  #output: RipgrepOutput | GrepOutput | undefined;

  constructor(runs: FileRuns, asked: Asked, found: Found) {
    this.#runs = runs;
    this.#asked = asked;
    this.#found = found;
    this.#listing = new Listing(asked.tools.stat);
    const { pattern } = asked.search;
    if (pattern === undefined) return;
    try {
      this.#pattern = grepPattern(pattern.text, pattern);
    } catch (error) {
      this.#refusal = error;
    }
  }

  async run(ended: AbortSignal, idleTimeoutMs: number): Promise<"on" | "enough"> {
    const { path, search, tools, options } = this.#asked;
    const spot = this.#runs.scriptPath(path, options);
    const body = searchBody(spot, search, this.#pattern, tools);
    const enough = new AbortController();
    const signals = [ended, enough.signal, ...(options.signal === undefined ? [] : [options.signal])];
    const limits = { ...options, signal: AbortSignal.any(signals), timeoutMs: idleTimeoutMs };
    let failure: unknown;
    const onData = (bytes: Buffer) => {
      if (failure !== undefined || enough.signal.aborted) return;
      try {
        if (this.#take(bytes) === "enough") enough.abort();
      } catch (error) {
        failure = error;
        enough.abort();
      }
    };
    try {
      const result = await this.#runs.run(body, path, limits, {
        onData,
        ...(search.pattern === undefined ? {} : { input: this.#input() }),
        failure: (failed) => this.#failure(failed),
      });
      if (failure !== undefined) throw failure;
      this.#output?.end();
      this.#told(result.stderr);
      if (search.pattern === undefined) return this.#entries();
      return "on";
    } catch (error) {
      if (failure !== undefined) throw failure;
      if (enough.signal.aborted && isBerthError(error, "operation.aborted") && !options.signal?.aborted)
        return "enough";
      throw error;
    } finally {
      this.#paths.resolve(Buffer.alloc(0));
    }
  }

  async *#input(): AsyncGenerator<Uint8Array, void, undefined> {
    const paths = await this.#paths.promise;
    if (paths.length > 0) yield paths;
  }

  #take(bytes: Buffer): "on" | "enough" {
    let data: Buffer | undefined = bytes;
    if (this.#head !== undefined) {
      const head = Buffer.concat([this.#head, bytes]);
      const end = head.indexOf(0);
      this.#head = end < 0 ? head : undefined;
      if (end < 0) return "on";
      this.#begin(head.subarray(0, end));
      data = head.subarray(end + 1);
    }
    if (!this.#listed) {
      data = this.#listing.take(data);
      if (data === undefined) return "on";
      this.#listed = true;
      this.#choose();
    }
    return this.#output?.take(data) ?? "on";
  }

  /** `r` or `g`, `d` or `f`, the path. */
  #begin(head: Buffer): void {
    const { path, search } = this.#asked;
    const { collector } = this.#found;
    const isFile = head[1] === 0x66;
    const real = nameFromBytes(head.subarray(2));
    // Only what is said of the home directory is not known before.
    this.#root = { path: path.startsWith("~") ? real : path.replace(/(?<=.)\/+$/, ""), real };
    const { maxLineBytes, show } = search.limits;
    if (head[0] === 0x72) {
      this.#found.byRipgrep = true;
      this.#paths.resolve(Buffer.alloc(0));
      this.#listed = true;
      const shape = outputShape(search, isFile);
      const place = isFile ? () => this.#placed("") : this.#byGlobs();
      this.#output = new RipgrepOutput({ shape, maxLineBytes, place }, collector);
      return;
    }
    if (search.pattern === undefined) return;
    const place = (found: string) => joinedPath(this.#root.path, isFile ? "" : found.replace(/^\.\//, ""));
    const literals = this.#pattern?.literals;
    this.#output = new GrepOutput({ show, maxLineBytes, literals, place }, collector);
    if (!isFile) return;
    this.#listed = true;
    this.#paths.resolve(Buffer.alloc(0));
    // Found already in another of the paths.
    if (this.#placed("") === undefined) this.#output = undefined;
  }

  #byGlobs(): (path: string) => string | undefined {
    const { globs, hidden } = this.#asked.search;
    const filter = globFilter(globs);
    return (output) => {
      const path = output.replace(/^\.\//, "");
      // Types and globs let hidden files through.
      if (!hidden && /(?:^|\/)\./.test(path)) return undefined;
      return filter.takes(path, splitPath(`/${path}`).name) ? this.#placed(path) : undefined;
    };
  }

  /** Path in the place of one relative to the root; undefined when it was found already. */
  #placed(path: string): string | undefined {
    const { seen } = this.#found;
    const real = joinedPath(this.#root.real, path);
    if (seen?.has(real)) return undefined;
    seen?.add(real);
    return joinedPath(this.#root.path, path);
  }

  /** The listing is whole. */
  #choose(): void {
    if (this.#pattern === undefined) return;
    const paths = this.#listing
      .wanted(this.#asked.search, this.#root.real)
      .filter(({ path }) => this.#placed(path) !== undefined);
    this.#paths.resolve(nameToBytes(paths.map(({ path }) => `./${path}\0`).join("")));
  }

  #entries(): "on" | "enough" {
    for (const { path, ...rest } of this.#listing.wanted(this.#asked.search, this.#root.real)) {
      const whole = this.#placed(path);
      if (whole === undefined) continue;
      const next = this.#found.collector.entry({ path: whole, ...rest, matches: 0, lines: [] });
      if (next === "enough") return "enough";
    }
    return "on";
  }

  /** What the tools complained of. */
  #told(stderr: string): void {
    const { collector } = this.#found;
    const place = (path: string) => joinedPath(this.#root.path, path.replace(/^\.\/?/, ""));
    for (const path of this.#listing.unreadable) collector.skip(place(path), "EILSEQ");
    if (this.#output instanceof RipgrepOutput) {
      const messages = new RipgrepMessages();
      messages.take(Buffer.from(stderr));
      for (const { path, reason } of messages.end().skipped) collector.skip(place(path), reason);
      return;
    }
    const skipped = new Map<string, string>();
    for (const line of stderr.split("\n")) {
      const path = /[ '‘`](\.(?:\/.*?)?)['’]?: [^:]+$/.exec(line)?.[1];
      const reason = errnoOfMessage(line);
      // Gone meanwhile.
      if (path === undefined || reason === undefined || reason === "ENOENT") continue;
      if (!skipped.has(path)) skipped.set(path, reason);
    }
    for (const [path, reason] of skipped) collector.skip(place(path), reason);
  }

  #failure(result: ScriptResult): BerthError | undefined {
    const text = this.#asked.search.pattern?.text ?? "";
    if (result.error === "runtime.capability_unsupported") return this.#asked.unsupported();
    if (result.error === "search.pattern_invalid" && isBerthError(this.#refusal)) return this.#refusal;
    if (result.error === undefined && result.status === REFUSED) return patternRefused(result.stderr, text);
    if (result.error === undefined && result.status === PARTLY) {
      const messages = new RipgrepMessages();
      messages.take(Buffer.from(result.stderr));
      const { skipped, message } = messages.end();
      return skipped.length === 0 ? patternRefused(message, text) : undefined;
    }
    return fileFailure(result, this.#asked.path, this.#runs.description);
  }
}

function joinedPath(root: string, path: string): string {
  return path === "" ? root : joinPath(root, path);
}

/** @throws EINVAL */
function searchOf(options: SearchOptions): ShellSearch {
  const whole = (name: keyof SearchOptions, least: number, standard: number): number => {
    const value = options[name] ?? standard;
    if (value === standard || (Number.isSafeInteger(value) && (value as number) >= least))
      return value as number;
    throw berthError("EINVAL", {
      message: `${name} is a whole number from ${least} on`,
      context: { path: "" },
    });
  };
  const { pattern, literal = false, ignoreCase = false, word = false, multiline = false } = options;
  const before = whole("before", 0, 0);
  return {
    pattern:
      pattern === undefined ? undefined : { text: pattern, literal, ignoreCase, word, multiline, before },
    limits: {
      show: options.show ?? "lines",
      after: whole("after", 0, 0),
      maxResults: whole("maxResults", 1, SEARCH_DEFAULTS.maxResults),
      maxPerFile: whole("maxPerFile", 1, Number.POSITIVE_INFINITY),
      maxBytes: whole("maxBytes", 1, SEARCH_DEFAULTS.maxBytes),
      maxLineBytes: whole("maxLineBytes", 1, SEARCH_DEFAULTS.maxLineBytes),
    },
    globs: options.globs ?? [],
    types: options.types ?? ["file"],
    maxDepth: whole("maxDepth", 1, Number.POSITIVE_INFINITY),
    hidden: options.hidden ?? false,
    ignored: options.ignored ?? false,
    maxFileBytes: whole("maxFileBytes", 1, Number.POSITIVE_INFINITY),
    sort: options.sort ?? "path",
  };
}

function tooLong(deadlineMs: number): BerthError {
  return berthError("operation.timeout", {
    hop: "transport",
    message: `the search took longer than ${deadlineMs} ms`,
    hint: "Search fewer directories, by a simpler pattern, or raise deadlineMs.",
    context: { timeoutMs: deadlineMs },
  });
}
