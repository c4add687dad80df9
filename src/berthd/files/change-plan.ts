import type { BigIntStats } from "node:fs";
import { posix } from "node:path";
import { berthError, fileError } from "../../contract/errors.ts";
import type { ChangedFile, FileVersion, TextEdit } from "../../contract/text.ts";
import type { FileCalls } from "../../files/calls.ts";
import { splitPath } from "../../files/names.ts";
import { errnoOf } from "../../files/stat.ts";
import { applyEdits } from "../../files/text/edit.ts";
import { unifiedDiff } from "../../files/text/unified.ts";
import { contentVersion, MAX_TEXT_BYTES, statVersion } from "../../files/text/version.ts";
import type { Spot } from "../../files/walk.ts";
import type { Change, Params } from "../../wire/messages.ts";
import type { FileLocks } from "./change-locks.ts";
import type { FileContext } from "./context.ts";
import { readContent, withText } from "./read-text.ts";
import { findTarget } from "./write.ts";
import type { WriteTarget } from "./write-target.ts";

/** A change as it was asked for, with what its bytes mean. */
export type RequestedChange = Change & {
  /** Of a write. */
  readonly content?: Buffer;
  readonly edits?: readonly TextEdit[];
};

/** A step over less than this takes a few milliseconds. */
const LARGE_BYTES = 1024 * 1024;
/** Names that become others while they are looked up are looked up again so often. */
const MAX_FINDS = 16;

/** An entry of the place that a change is about. */
export interface Entry {
  readonly absolute: string;
  readonly calls: FileCalls;
  readonly spot: Spot;
  readonly target: WriteTarget;
}

/** What a file was when the change was computed. */
export interface Base {
  readonly stats: BigIntStats;
  /** Undefined where it is not needed, or larger than MAX_TEXT_BYTES. */
  readonly content: Buffer | undefined;
  readonly version: FileVersion;
}

/** One file of a change, from looking it up to its new content. */
export interface Subject {
  readonly change: RequestedChange;
  /** Undefined where directories on the way are missing, which a write makes. */
  entry: Entry | undefined;
  /** Where it is moved to, likewise. */
  to: Entry | undefined;
  /** Undefined when there is no such file. */
  base: Base | undefined;
  /** Undefined when it is only moved, or removed. */
  content: Buffer | undefined;
  result: ChangedFile | undefined;
}

/**
 * Looks up the files of a change, takes their locks, and computes what they are to become; nothing is changed. Ending it
 * gives everything back.
 */
export class ChangePlan implements AsyncDisposable {
  readonly subjects: readonly Subject[];
  readonly #context: FileContext;
  readonly #params: Params<"fs.change">;
  readonly #locks: FileLocks;
  #release: (() => void) | undefined;

  constructor(
    context: FileContext,
    params: Params<"fs.change">,
    changes: readonly RequestedChange[],
    locks: FileLocks,
  ) {
    this.#context = context;
    this.#params = params;
    this.#locks = locks;
    this.subjects = changes.map((change) => ({
      change,
      entry: undefined,
      to: undefined,
      base: undefined,
      content: undefined,
      result: undefined,
    }));
  }

  /**
   * Finds the files and waits for who changes them. Names are looked up again behind the wait, as what they mean may have
   * changed with it.
   * @throws edit.invalid when one file is named twice
   */
  async find(): Promise<void> {
    let held = "";
    for (let finds = 1; ; finds++) {
      const keys = await this.#lookUp();
      const all = keys.join("\0");
      if (all === held) return;
      if (finds === MAX_FINDS) {
        throw berthError("fs.changed", { hop: "berthd", context: { path: this.subjects[0]!.change.path } });
      }
      this.#release?.();
      const { waited, release } = await this.#locks.acquire(keys);
      this.#release = release;
      if (!waited) return;
      held = all;
    }
  }

  /** @throws fs.changed, edit.*, ENOENT, EEXIST, fs.not_a_regular_file, fs.too_large */
  async compute(): Promise<void> {
    for (const subject of this.subjects) {
      try {
        await this.#compute(subject);
      } catch (error) {
        throw fileError(error, subject.change.path);
      }
    }
  }

  results(): readonly ChangedFile[] {
    return this.subjects.flatMap(({ result }) => result ?? []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#drop();
    this.#release?.();
  }

  #drop(): void {
    for (const subject of this.subjects) {
      subject.entry?.spot.release();
      subject.to?.spot.release();
      subject.entry = undefined;
      subject.to = undefined;
    }
  }

  /** Keys of the files' locks, in the order of the changes. */
  async #lookUp(): Promise<string[]> {
    this.#drop();
    const keys: string[] = [];
    for (const subject of this.subjects) {
      const { type, path, moveTo } = subject.change;
      const own = new Set<string>();
      try {
        const absolute = this.#context.absolute(path);
        subject.entry = type === "remove" ? await this.#findName(absolute) : await this.#find(absolute);
        for (const key of await keysOf(subject.entry, absolute)) own.add(key);
      } catch (error) {
        throw fileError(error, path);
      }
      if (moveTo !== undefined) {
        try {
          const absolute = this.#context.absolute(moveTo);
          subject.to = await this.#find(absolute);
          for (const key of await keysOf(subject.to, absolute)) own.add(key);
        } catch (error) {
          throw fileError(error, moveTo);
        }
      }
      for (const key of own) {
        if (keys.includes(key)) {
          throw berthError("edit.invalid", {
            hop: "berthd",
            message: `${path} is the same file as another one of the change`,
            hint: "Put all edits of a file into one change.",
            context: { path },
          });
        }
      }
      keys.push(...own);
    }
    return keys;
  }

  /** The file at a path, links followed; undefined where a directory on the way is missing. */
  async #find(absolute: string): Promise<Entry | undefined> {
    const calls = this.#context.calls(this.#params, absolute);
    try {
      return { absolute, calls, ...(await findTarget(this.#context, calls, this.#params, absolute, false)) };
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** The name itself, be it a link. */
  async #findName(absolute: string): Promise<Entry> {
    const calls = this.#context.calls(this.#params, absolute);
    const spot = await this.#context.spot(calls, this.#params, absolute, { follow: false });
    try {
      const stats = await calls.lstat(spot.at);
      if (stats.isDirectory()) throw berthError("EISDIR", { hop: "berthd", context: { path: absolute } });
      return { absolute, calls, spot, target: { at: spot.at, sibling: spot.sibling, stats } };
    } catch (error) {
      spot.release();
      throw error;
    }
  }

  async #compute(subject: Subject): Promise<void> {
    const { change, entry } = subject;
    subject.base = await this.#base(subject);
    const { base } = subject;
    this.#checkExpected(change, base);
    if (change.type !== "write" && (entry === undefined || base === undefined)) {
      throw berthError("ENOENT", { hop: "berthd", context: { path: change.path } });
    }
    await turn(base?.content);
    let fuzzy = false;
    if (change.type === "write") {
      subject.content = change.content ?? Buffer.alloc(0);
    } else if (change.type === "edit") {
      fuzzy = await this.#edit(subject);
    }
    await turn(subject.content);
    subject.result = await this.#result(subject, fuzzy);
  }

  async #edit(subject: Subject): Promise<boolean> {
    const { change, base } = subject;
    const { edits = [], moveTo, path } = change;
    if (moveTo !== undefined) await this.#checkMove(subject, moveTo);
    if (edits.length === 0) {
      if (moveTo !== undefined) {
        // Written anew as well, so that it may go to another file system.
        subject.content = base?.content;
        return false;
      }
      throw berthError("edit.invalid", {
        hop: "berthd",
        message: `the change of ${path} has no edits`,
        hint: "Leave it out.",
        context: { path },
      });
    }
    if (base?.content === undefined) {
      throw berthError("fs.too_large", { hop: "berthd", context: { path, size: Number(base?.stats.size) } });
    }
    const edited = applyEdits(base.content, edits, path);
    subject.content = edited.content;
    return edited.fuzzy;
  }

  async #checkMove({ change, entry, to }: Subject, moveTo: string): Promise<void> {
    if (to?.target.stats !== undefined || (to !== undefined && to.target.at !== to.spot.at)) {
      throw berthError("EEXIST", { hop: "berthd", context: { path: moveTo } });
    }
    const absolute = this.#context.absolute(change.path);
    const named = entry === undefined ? undefined : await this.#findName(absolute);
    named?.spot.release();
    if (named?.target.stats?.isSymbolicLink() !== true) return;
    throw berthError("edit.invalid", {
      hop: "berthd",
      message: `${change.path} is a symbolic link, which is not moved with what it points to`,
      hint: "Name the file itself.",
      context: { path: change.path },
    });
  }

  /** The file as it is now; undefined when there is none. */
  async #base({ change, entry }: Subject): Promise<Base | undefined> {
    if (entry?.target.stats === undefined) return undefined;
    if (change.type !== "remove" || entry.target.stats.isFile()) return await readBase(entry);
    const stats = await entry.calls.lstatExact(entry.spot.at);
    const own = { stats, content: undefined, version: statVersion(stats) };
    if (change.expected === undefined || !stats.isSymbolicLink()) return own;
    // What was read of a link is the file that it points to.
    const file = await this.#find(entry.absolute);
    try {
      return file?.target.stats === undefined ? own : { ...own, version: (await readBase(file)).version };
    } finally {
      file?.spot.release();
    }
  }

  #checkExpected({ type, path, expected }: Change, base: Base | undefined): void {
    if (expected === undefined) return;
    if (expected === null) {
      if (base !== undefined) throw berthError("EEXIST", { hop: "berthd", context: { path } });
      return;
    }
    if (base?.version === expected) return;
    if (base === undefined && type !== "write") return;
    throw berthError("fs.changed", {
      hop: "berthd",
      ...(base === undefined ? { message: `${path} was removed since it was read` } : {}),
      context: { path, expected, version: base?.version ?? null },
    });
  }

  async #result({ change, base, content }: Subject, fuzzy: boolean): Promise<ChangedFile> {
    const { path, type, moveTo } = change;
    const removed = type === "remove";
    const after = removed ? undefined : (content ?? base?.content);
    // What is too large to be read is not compared.
    const known = base === undefined || base.content !== undefined;
    const diff = known
      ? unifiedDiff({ path, content: base?.content }, { path: moveTo ?? path, content: after })
      : { diff: "", diffCut: !removed, additions: 0, deletions: 0 };
    await turn(content);
    return {
      path,
      ...(moveTo === undefined ? {} : { movedTo: moveTo }),
      created: base === undefined,
      removed,
      version: removed ? null : content === undefined ? base!.version : contentVersion(content),
      ...diff,
      fuzzy,
      atomic: true,
    };
  }
}

/** Others have their turn between the steps of a change of something large. */
async function turn(content: Buffer | undefined): Promise<void> {
  if (content !== undefined && content.length > LARGE_BYTES) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

async function readBase({ calls, spot, target }: Entry): Promise<Base> {
  return await withText(calls, { ...spot, at: target.at }, async (text) => {
    const { stats } = text;
    if (stats.size > MAX_TEXT_BYTES) return { stats, content: undefined, version: statVersion(stats) };
    const content = await readContent(calls, text);
    return { stats, content, version: contentVersion(content) };
  });
}

/** What a file is known by: its directory and name, so that it stays the same when it is replaced, and its other names. */
async function keysOf(entry: Entry | undefined, absolute: string): Promise<string[]> {
  if (entry === undefined) return [`path ${posix.normalize(absolute)}`];
  const { calls, target } = entry;
  let directory: BigIntStats;
  try {
    directory = await calls.lstatExact(target.sibling("."));
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    return [`path ${posix.normalize(absolute)}`];
  }
  const keys = [`${directory.dev} ${directory.ino} ${splitPath(target.at).name}`];
  if (target.stats !== undefined && target.stats.nlink > 1) {
    const { dev, ino } = await calls.lstatExact(target.at);
    keys.push(`${dev} ${ino}`);
  }
  return keys;
}
