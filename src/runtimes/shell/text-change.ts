import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import type { ChangedFile, ChangeOptions, FileChange } from "../../contract/text.ts";
import { applyEdits } from "../../files/text/edit.ts";
import { unifiedDiff } from "../../files/text/unified.ts";
import { contentVersion } from "../../files/text/version.ts";
import { shellQuote } from "../../transports/shell-quote.ts";
import type { FileRuns } from "./file-runs.ts";
import { rmBody } from "./file-scripts.ts";
import { statPath } from "./look.ts";
import { statFunction } from "./stat-format.ts";
import { type SeenFile, seeFile } from "./text-read.ts";
import type { PlaceTools } from "./tools.ts";
import { writeBytes } from "./write.ts";

/** Files that others change meanwhile are looked at again so often. */
const MAX_ATTEMPTS = 4;

/** One file of a change, with paths of the place. */
interface Planned {
  readonly change: FileChange;
  readonly path: string;
  readonly moveTo: string | undefined;
  readonly base: SeenFile | undefined;
  /** Undefined: it is removed. */
  readonly content: Buffer | undefined;
  readonly result: ChangedFile;
}

/** Something that takes a step back. */
type Undo = () => Promise<unknown>;

/**
 * Changes texts by runs of the place's tools: what is there is read, the new contents are computed here, and each is written
 * by a run that compares the file once more with what was read, right before it takes its place. Changes of one client are
 * made one after the other. Of several files those that were written are put back when a later one fails; a connection that
 * is lost in the middle leaves some changed and others not, each of them whole.
 * @throws edit.outcome_unknown when the connection was lost while something was written
 */
export class ShellChanges {
  readonly #runs: FileRuns;
  #last: Promise<unknown> = Promise.resolve();

  constructor(runs: FileRuns) {
    this.#runs = runs;
  }

  make(changes: readonly FileChange[], options: ChangeOptions): Promise<ChangedFile[]> {
    const made = this.#last.then(() => this.#make(changes, options));
    this.#last = made.catch(() => {});
    return made;
  }

  async #make(changes: readonly FileChange[], options: ChangeOptions): Promise<ChangedFile[]> {
    for (let attempt = 1; ; attempt++) {
      const planned: Planned[] = [];
      for (const change of changes) planned.push(await this.#plan(change, options));
      requireDifferent(planned);
      if (options.dryRun === true) return planned.map(({ result }) => result);
      try {
        return await this.#commit(planned, options);
      } catch (error) {
        // Only what was changed between the look and the write is worth another look.
        if (!isBerthError(error, "fs.changed") || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }

  async #plan(change: FileChange, options: ChangeOptions): Promise<Planned> {
    const path = this.#runs.path(change.path, options);
    const asked = change.type === "edit" ? change.moveTo : undefined;
    const moveTo = asked === undefined ? undefined : this.#runs.path(asked, options);
    const base = await seeFile(this.#runs, path, options).catch((error: unknown) => {
      const missing = isBerthError(error, "ENOENT") || isBerthError(error, "ENOTDIR");
      if (missing && change.type === "write") return undefined;
      if (change.type === "remove" && change.expected === undefined)
        return this.#nameAlone(path, options, error);
      throw error;
    });
    checkExpected(change, path, base);
    const { content, fuzzy } = contentOf(change, path, base);
    const diff = unifiedDiff({ path, content: base?.content }, { path: moveTo ?? path, content });
    const result: ChangedFile = {
      path,
      ...(moveTo === undefined ? {} : { movedTo: moveTo }),
      created: base === undefined && content !== undefined,
      removed: content === undefined,
      version: content === undefined ? null : contentVersion(content),
      ...diff,
      fuzzy,
      atomic: true,
    };
    return { change, path, moveTo, base, content, result };
  }

  /** A link, FIFO or socket is removed by its name, whatever is behind it. @throws `failure` for all else */
  async #nameAlone(path: string, options: ChangeOptions, failure: unknown): Promise<undefined> {
    const { type } = await statPath(this.#runs, path, options, false);
    if (type === "directory" || type === "file") throw failure;
  }

  async #commit(planned: readonly Planned[], options: ChangeOptions): Promise<ChangedFile[]> {
    const undo: Undo[] = [];
    const results: ChangedFile[] = [];
    const tools = await this.#runs.tools();
    try {
      for (const one of planned) results.push(await this.#write(one, options, tools, undo));
      return results;
    } catch (error) {
      for (const back of undo.reverse()) {
        await back().catch((cause: unknown) => {
          throw outcomeUnknown(cause);
        });
      }
      throw isBerthError(error) && error.hop === "transport" && LOST.has(error.code)
        ? outcomeUnknown(error)
        : error;
    }
  }

  async #write(
    { change, path, moveTo, base, content, result }: Planned,
    options: ChangeOptions,
    tools: PlaceTools,
    undo: Undo[],
  ): Promise<ChangedFile> {
    const { signal: _signal, ...later } = options;
    const remove = async (at: string, check: string) => {
      const body = rmBody(this.#runs.scriptPath(at, options), false, false, tools, check);
      await this.#runs.run(body, at, later);
    };
    const old = base?.content;
    const restore = (at: string) =>
      writeBytes(this.#runs, at, old ?? Buffer.alloc(0), { ...later, mode: base?.stat.mode });
    if (content === undefined) {
      await remove(path, base === undefined ? ":" : unchanged(base, tools));
      if (old !== undefined) undo.push(() => restore(path));
      return result;
    }
    const target = moveTo ?? path;
    const check = moveTo === undefined ? unchanged(base, tools) : NOTHING_THERE;
    const mode = base?.stat.mode ?? (change.type === "write" ? change.mode : undefined);
    const { atomic } = await writeBytes(this.#runs, target, content, { ...options, mode }, check);
    undo.push(() => (moveTo === undefined && base !== undefined ? restore(path) : remove(target, ":")));
    if (moveTo !== undefined) {
      await remove(path, unchanged(base, tools));
      undo.push(() => restore(path));
    }
    return { ...result, atomic };
  }
}

/** Errors behind which it is not known what the place has done. */
const LOST = new Set(["transport.disconnected", "fs.timeout"]);

function outcomeUnknown(cause: unknown): BerthError {
  return berthError("edit.outcome_unknown", { hop: "transport", cause });
}

const NOTHING_THERE = 'if [ -e "$_bp" ] || [ -L "$_bp" ]; then _bE EEXIST; fi';

/** Script that fails unless the file is what was looked at. */
function unchanged(base: SeenFile | undefined, tools: PlaceTools): string {
  if (base === undefined) return 'if [ -e "$_bp" ]; then _bE fs.changed; fi';
  const compare = `${statFunction(tools, true)}
_bs=$(_bst "$_bp") || _bE fs.changed`;
  if (tools.stat !== "ls") {
    return `${compare}
if [ "$_bs" != ${shellQuote(base.line)} ]; then _bE fs.changed; fi`;
  }
  // What ls says ends with the name, which is another one where the file was held by its descriptor.
  const seen = base.line.trim().split(/\s+/).slice(0, 9).join(" ");
  return `${compare}
set -f
set -- $_bs
set +f
if [ "$1 $2 $3 $4 $5 $6 $7 $8 $9" != ${shellQuote(seen)} ]; then _bE fs.changed; fi`;
}

function checkExpected({ type, expected }: FileChange, path: string, base: SeenFile | undefined): void {
  if (expected === undefined) return;
  if (expected === null) {
    if (base !== undefined) throw berthError("EEXIST", { context: { path } });
    return;
  }
  if (base?.version === expected) return;
  throw berthError("fs.changed", {
    ...(base === undefined && type === "write" ? { message: `${path} was removed since it was read` } : {}),
    context: { path, expected, version: base?.version ?? null },
  });
}

function contentOf(
  change: FileChange,
  path: string,
  base: SeenFile | undefined,
): { readonly content: Buffer | undefined; readonly fuzzy: boolean } {
  if (change.type === "remove") return { content: undefined, fuzzy: false };
  if (change.type === "write") return { content: Buffer.from(change.content, "utf8"), fuzzy: false };
  if (base?.content === undefined) {
    throw berthError("fs.too_large", { context: { path, size: base?.stat.size } });
  }
  if (change.edits.length > 0) return applyEdits(base.content, change.edits, path);
  if (change.moveTo !== undefined) return { content: base.content, fuzzy: false };
  throw berthError("edit.invalid", {
    message: `the change of ${path} has no edits`,
    hint: "Leave it out.",
    context: { path },
  });
}

/** @throws edit.invalid when one file is named twice */
function requireDifferent(planned: readonly Planned[]): void {
  const seen = new Set<string>();
  for (const { path, moveTo, base } of planned) {
    for (const key of [
      path,
      moveTo,
      base === undefined ? undefined : ` ${base.stat.inode} ${base.line.slice(0, 80)}`,
    ]) {
      if (key === undefined) continue;
      if (seen.has(key)) {
        throw berthError("edit.invalid", {
          message: `${path} is the same file as another one of the change`,
          hint: "Put all edits of a file into one change.",
          context: { path },
        });
      }
      seen.add(key);
    }
  }
}
