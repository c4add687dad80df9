import { deferred } from "../../contract/deferred.ts";
import { BerthError, berthError, fileError } from "../../contract/errors.ts";
import { splitPath } from "../../files/names.ts";
import { errnoOf } from "../../files/stat.ts";
import { sameStat, statVersion } from "../../files/text/version.ts";
import type { Params } from "../../wire/messages.ts";
import type { Entry, Subject } from "./change-plan.ts";
import type { FileContext } from "./context.ts";
import { makeParents } from "./metadata.ts";
import { findTarget, Write, type WriteSource, type Written } from "./write.ts";
import { openInPlace } from "./write-target.ts";

/** Given to a write at once. */
const PORTION_BYTES = 1024 * 1024;

/** A new content that lies complete beside its file, and waits for the word to take its place. */
interface Staged {
  readonly go: () => void;
  readonly stop: () => void;
  readonly written: Promise<Written | undefined>;
}

/** A file is no longer what the change was computed from. */
class Overtaken extends Error {
  readonly path: string;
  constructor(path: string) {
    super("changed meanwhile");
    this.path = path;
  }
}

/**
 * Makes the changes that were computed: first every new content lies complete beside its file, then all files are compared
 * once more with what the change was computed from, then one after the other gets its new content. What fails on the way
 * takes back what was done before.
 */
export class ChangeCommit {
  readonly #context: FileContext;
  readonly #params: Params<"fs.change">;
  readonly #subjects: readonly Subject[];
  readonly #aborted: () => boolean;
  /** What takes back each step that was done, in order. */
  readonly #undo: { readonly path: string; readonly run: () => Promise<void> }[] = [];
  /** Removes what only taking back would have needed. */
  readonly #cleanUp: (() => Promise<unknown>)[] = [];
  /** Directories that were missing, the deepest first. */
  readonly #made: string[] = [];

  constructor(
    context: FileContext,
    params: Params<"fs.change">,
    subjects: readonly Subject[],
    aborted: () => boolean,
  ) {
    this.#context = context;
    this.#params = params;
    this.#subjects = subjects;
    this.#aborted = aborted;
  }

  /**
   * False, and nothing is changed, when a file is no longer what the change was computed from.
   * @throws fs.changed in its place when this is the `last` attempt; operation.aborted, and what writing throws
   */
  async run(last: boolean): Promise<boolean> {
    const staged = new Map<Subject, Staged>();
    try {
      for (const subject of this.#subjects) {
        await named(subject, async () => {
          await this.#makeWay(subject);
          if (subject.content !== undefined) staged.set(subject, await this.#stage(subject, subject.content));
        });
      }
      for (const subject of this.#subjects) await this.#requireUnchanged(subject);
      if (this.#aborted()) throw berthError("operation.aborted", { hop: "berthd" });
      for (const subject of this.#subjects) {
        await named(subject, () => this.#make(subject, staged.get(subject)));
      }
      return true;
    } catch (cause) {
      await stopAll(staged.values());
      await this.#takeBack(cause);
      if (!(cause instanceof Overtaken)) throw cause;
      if (!last) return false;
      throw berthError("fs.changed", { hop: "berthd", context: { path: cause.path } });
    } finally {
      for (const clean of this.#cleanUp) await clean().catch(() => {});
    }
  }

  /** Makes the directories that a new file lacks. */
  async #makeWay(subject: Subject): Promise<void> {
    const { change, to, entry } = subject;
    const target = change.moveTo === undefined ? entry : to;
    if (target?.target.stats !== undefined || change.type === "remove") return;
    const path = change.moveTo ?? change.path;
    const absolute = this.#context.absolute(path);
    const missing = await this.#missing(absolute);
    if (target !== undefined && missing.length === 0) return;
    this.#made.unshift(...missing);
    // Without containment the write makes them.
    if (target !== undefined) return;
    const calls = this.#context.calls(this.#params, absolute);
    const found = { absolute, calls, ...(await findTarget(this.#context, calls, this.#params, absolute)) };
    if (change.moveTo === undefined) subject.entry = found;
    else subject.to = found;
  }

  /** Directories on the way to a path that are not there, the deepest first. */
  async #missing(absolute: string): Promise<string[]> {
    const missing: string[] = [];
    for (let { parent } = splitPath(absolute); parent !== "/"; parent = splitPath(parent).parent) {
      const there = await this.#context
        .at(this.#params, parent, { follow: true }, (spot, calls) => calls.stat(spot.at))
        .then(
          () => true,
          (error: unknown) => errnoOf(error) !== "ENOENT",
        );
      if (there) break;
      missing.push(parent);
    }
    return missing;
  }

  async #stage(subject: Subject, content: Buffer): Promise<Staged> {
    const { change, entry, to, base } = subject;
    const target = required(to ?? entry);
    this.#requireUndoable(subject);
    const arrived = deferred<void>();
    const gate = deferred<void>();
    gate.promise.catch(() => {});
    const write = new Write(
      this.#context,
      target.calls,
      {
        contained: this.#params.contained,
        mode: change.mode,
        durable: this.#params.durable,
        exclusive: to !== undefined || change.expected === null,
        ready: () => {
          arrived.resolve();
          return gate.promise;
        },
        ...(to === undefined || base === undefined ? {} : { like: required(entry).target }),
      },
      contentSource(content),
      target.target,
    );
    const written = write.run();
    written.catch(() => {});
    await Promise.race([arrived.promise, written]);
    return {
      written,
      go: () => gate.resolve(),
      stop: () => gate.reject(berthError("operation.aborted", { hop: "berthd" })),
    };
  }

  /** Of several files each one can be taken back: what is written in place has to be known. */
  #requireUndoable({ change, entry, base }: Subject): void {
    if (this.#subjects.length === 1 || base === undefined || base.content !== undefined) return;
    if (change.moveTo !== undefined || (entry?.target.stats?.nlink ?? 1) === 1) return;
    throw berthError("fs.too_large", {
      hop: "berthd",
      hint: "Change it by itself.",
      context: { path: change.path, size: Number(base.stats.size) },
    });
  }

  async #make(subject: Subject, staged: Staged | undefined): Promise<void> {
    const { change, to } = subject;
    await this.#requireUnchanged(subject);
    if (change.type === "remove") {
      await this.#remove(subject);
    } else if (to === undefined) {
      await this.#replace(subject, required(staged));
    } else {
      if (staged === undefined) await this.#link(subject, to);
      else await this.#create(subject, to, staged);
      await this.#remove(subject);
    }
  }

  async #replace(subject: Subject, staged: Staged): Promise<void> {
    const entry = required(subject.entry);
    const backup = subject.base === undefined ? undefined : await this.#backUp(entry);
    let made = false;
    this.#undo.push({
      path: subject.change.path,
      run: async () => {
        if (subject.base !== undefined) await this.#restore(subject, entry, backup);
        else if (made) await entry.calls.unlink(entry.target.at);
      },
    });
    staged.go();
    const written = await staged.written;
    made = true;
    if (subject.result !== undefined && written?.atomic === false) {
      subject.result = { ...subject.result, atomic: false };
    }
  }

  async #create(subject: Subject, to: Entry, staged: Staged): Promise<void> {
    staged.go();
    await staged.written;
    this.#undo.push({ path: subject.change.path, run: () => to.calls.unlink(to.target.at) });
  }

  /** A second name for a file that is too large to be written anew. */
  async #link(subject: Subject, to: Entry): Promise<void> {
    const { calls, target } = required(subject.entry);
    if (this.#params.contained === undefined) await makeParents(to.calls, to.target.at);
    await calls.link(target.at, to.target.at);
    this.#undo.push({ path: subject.change.path, run: () => to.calls.unlink(to.target.at) });
    if (subject.result !== undefined) {
      subject.result = { ...subject.result, version: statVersion(await calls.lstatExact(to.target.at)) };
    }
  }

  /** The last step of a change removes; one before it only puts away. */
  async #remove(subject: Subject): Promise<void> {
    const { calls, target } = required(subject.entry);
    if (subject === this.#subjects.at(-1)) {
      await calls.unlink(target.at);
      return;
    }
    const { temporaries } = this.#context;
    const name = temporaries.take();
    const away = target.sibling(name);
    await calls.rename(target.at, away);
    this.#undo.push({ path: subject.change.path, run: () => calls.rename(away, target.at) });
    this.#cleanUp.push(() => calls.unlink(away).finally(() => temporaries.release(name)));
  }

  /** A second name for the old file while others are changed; undefined where there can't be one. */
  async #backUp({ calls, target }: Entry): Promise<string | undefined> {
    if (this.#subjects.length === 1 || target.stats === undefined || target.stats.nlink > 1) return undefined;
    const { temporaries } = this.#context;
    const name = temporaries.take();
    const backup = target.sibling(name);
    try {
      await calls.link(target.at, backup);
    } catch {
      temporaries.release(name);
      return undefined;
    }
    this.#cleanUp.push(() => calls.unlink(backup).finally(() => temporaries.release(name)));
    return backup;
  }

  /** The old file: under its name again where it was replaced, its content where it was written in place. */
  async #restore({ base }: Subject, { calls, target }: Entry, backup: string | undefined): Promise<void> {
    if (base === undefined) return;
    const now = await calls.lstatExact(target.at);
    const replaced = now.ino !== base.stats.ino;
    if (!replaced && now.size === base.stats.size && now.mtimeNs === base.stats.mtimeNs) return;
    if (replaced && backup !== undefined) {
      await calls.rename(backup, target.at);
      return;
    }
    if (base.content === undefined) throw berthError("EIO", { hop: "berthd" });
    if (replaced) {
      const stats = await calls.lstat(target.at);
      const options = { contained: this.#params.contained, durable: this.#params.durable };
      await new Write(this.#context, calls, options, contentSource(base.content), { ...target, stats }).run();
      return;
    }
    const fd = await openInPlace(calls, target);
    try {
      if (base.content.length > 0) await calls.write(fd, [base.content], 0);
      await calls.ftruncate(fd, base.content.length);
    } finally {
      await calls.close(fd);
    }
  }

  /** @throws Overtaken */
  async #requireUnchanged({ change, entry, base }: Subject): Promise<void> {
    if (entry === undefined) return;
    const now = await entry.calls.lstatExact(entry.target.at).catch((error: unknown) => {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw fileError(error, change.path);
    });
    if (now === undefined && base === undefined) return;
    if (now !== undefined && base !== undefined && sameStat(now, base.stats)) return;
    throw new Overtaken(change.path);
  }

  /** Takes back what was done, the last first. What can't be is told with the error. */
  async #takeBack(cause: unknown): Promise<void> {
    const left: string[] = [];
    for (const { path, run } of this.#undo.splice(0).reverse()) {
      await run().catch(() => left.push(path));
    }
    const byDepth = this.#made.splice(0).sort((one, other) => other.length - one.length);
    for (const directory of byDepth) {
      await this.#context
        .at(this.#params, directory, { follow: false }, (spot, calls) => calls.rmdir(spot.at))
        .catch(() => {});
    }
    if (left.length === 0) return;
    const error =
      cause instanceof Overtaken ? berthError("fs.changed", { context: { path: cause.path } }) : cause;
    const told = fileError(error, left[0]!).toJSON();
    throw new BerthError(
      {
        ...told,
        message: `${told.message}; what was changed before could not be taken back in ${left.join(", ")}`,
        context: { ...told.context, left },
      },
      { cause },
    );
  }
}

async function stopAll(staged: Iterable<Staged>): Promise<void> {
  for (const { stop, written } of staged) {
    stop();
    await written.catch(() => {});
  }
}

async function named(subject: Subject, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw error instanceof Overtaken ? error : fileError(error, subject.change.moveTo ?? subject.change.path);
  }
}

function contentSource(content: Buffer): WriteSource {
  let at = 0;
  return {
    aborted: false,
    take: async () => {
      if (at >= content.length) return undefined;
      const part = content.subarray(at, at + PORTION_BYTES);
      at += part.length;
      return [part];
    },
    done: () => {},
  };
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw berthError("internal", { hop: "berthd", message: "a change lost its file" });
  return value;
}
