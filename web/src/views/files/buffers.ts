import { isBerthError } from "../../../../src/client/index.ts";
import { Variable } from "../../state/observable.ts";
import { type FileAt, type Precondition, readContent, writeContent } from "./content.ts";
import { isWithin } from "./paths.ts";
import type { TextFile } from "./text-file.ts";

/** A text that is open, and how it stands to the file. */
export interface OpenFile {
  readonly path: string;
  /** The file as it was read or written last. */
  readonly base: TextFile;
  /** Tag of that file; "absent": it is not there any more. */
  readonly tag: Precondition;
  readonly isDirty: boolean;
  readonly isSaving: boolean;
  /** What was seen of the file since: it is the same, another one, or gone. */
  readonly disk: "same" | "changed" | "gone";
  /** What the editor has to show from now on; a higher version is another text. */
  readonly show: { readonly text: string; readonly version: number };
}

/** What was typed into a file, in the editor's own form. */
export interface Draft {
  readonly state: unknown;
  readonly version: number;
  readonly text: () => string;
}

/** A save that the file's change in the place has stopped. */
export interface Conflict {
  readonly path: string;
  /** undefined: the file is gone, or no text any more. */
  readonly theirs: TextFile | undefined;
  readonly tag: Precondition;
}

/** Texts without changes that are kept for coming back to them. */
const MOST_CLEAN = 12;

/** The open texts of a workspace. What is not saved stays until it is saved or given up. */
export class Buffers {
  readonly files = new Variable<ReadonlyMap<string, OpenFile>>(new Map());
  readonly #drafts = new Map<string, Draft>();
  readonly #saving = new Map<string, Promise<Conflict | undefined>>();
  #writes = 0;

  /** Another number whenever a save begins or ends: what was read meanwhile may be the file of before. */
  get writes(): number {
    return this.#writes;
  }

  get(path: string): OpenFile | undefined {
    return this.files.get().get(path);
  }

  get dirty(): readonly OpenFile[] {
    return [...this.files.get().values()].filter(({ isDirty }) => isDirty);
  }

  draft(path: string): Draft | undefined {
    return this.#drafts.get(path);
  }

  /** As it is edited now. */
  textOf(path: string): string {
    return this.#drafts.get(path)?.text() ?? this.get(path)?.show.text ?? "";
  }

  /** The file was read: taken over, unless there is something that is not saved. Gives whether what is shown is another. */
  wasRead(path: string, base: TextFile, etag: string): "same" | "taken" | "kept" {
    const before = this.get(path);
    if (before === undefined) {
      const show = { text: base.text, version: 1 };
      this.#put({ path, base, tag: { etag }, isDirty: false, isSaving: false, disk: "same", show });
      this.#forget();
      return "taken";
    }
    if (before.isSaving || (before.tag !== "absent" && before.tag.etag === etag)) return "same";
    if (isSame(base, before.base)) {
      // Written again with the same content, or only touched.
      this.#put({ ...before, tag: { etag }, disk: "same" });
      return "same";
    }
    if (before.isDirty) {
      this.#put({ ...before, disk: "changed" });
      return "kept";
    }
    this.#show({ ...before, base, tag: { etag }, disk: "same" }, base.text);
    return "taken";
  }

  /** Nothing is there any more, or nothing that can be edited. */
  wasGone(path: string): void {
    const before = this.get(path);
    if (before === undefined) return;
    if (before.isDirty) this.#put({ ...before, disk: "gone" });
    else this.giveUp(path);
  }

  typed(path: string, draft: Draft, isDirty: boolean): void {
    this.#drafts.set(path, draft);
    const file = this.get(path);
    if (file !== undefined && file.isDirty !== isDirty) this.#put({ ...file, isDirty });
  }

  /**
   * Writes what is edited over the file that was read. While it is being written, what was typed since is written next.
   * @throws what the place says
   */
  async save(at: FileAt): Promise<Conflict | undefined> {
    const running = this.#saving.get(at.path);
    if (running !== undefined) {
      const conflict = await running;
      return conflict ?? (this.get(at.path)?.isDirty === true ? this.save(at) : undefined);
    }
    const file = this.get(at.path);
    if (file === undefined) return undefined;
    const saving = this.#write(at, file, file.tag).finally(() => this.#saving.delete(at.path));
    this.#saving.set(at.path, saving);
    return saving;
  }

  /** Writes what is edited over what stands there now. */
  async overwrite(at: FileAt, { tag }: Conflict): Promise<Conflict | undefined> {
    const file = this.get(at.path);
    return file === undefined ? undefined : this.#write(at, file, tag);
  }

  /** Goes on with this text, on top of what stands there now. */
  rebase({ path, theirs, tag }: Conflict, text: string): void {
    const file = this.get(path);
    if (file === undefined || theirs === undefined) return;
    const isDirty = text !== theirs.text;
    this.#show({ ...file, base: theirs, tag, disk: "same", isDirty }, text);
  }

  giveUp(path: string): void {
    this.#drafts.delete(path);
    const files = new Map(this.files.get());
    if (files.delete(path)) this.files.set(files);
  }

  /** Whatever is at or below the path was removed. */
  removed(path: string): void {
    for (const one of this.files.get().keys()) if (isWithin(one, path)) this.giveUp(one);
  }

  renamed(from: string, to: string): void {
    for (const file of [...this.files.get().values()]) {
      if (!isWithin(file.path, from)) continue;
      const draft = this.#drafts.get(file.path);
      this.giveUp(file.path);
      const path = to + file.path.slice(from.length);
      if (!file.isDirty) continue;
      if (draft !== undefined) this.#drafts.set(path, draft);
      this.#put({ ...file, path });
    }
  }

  /** What stands in the place now, to be compared. @throws what the place says */
  async conflictOf(at: FileAt): Promise<Conflict> {
    const { path } = at;
    try {
      const content = await readContent(at);
      if (content.kind === "text") return { path, theirs: content.file, tag: { etag: content.etag } };
      throw new Error(`${path} is no text any more: save what you have under another name`);
    } catch (error) {
      if (!isBerthError(error, "ENOENT")) throw error;
      return { path, theirs: undefined, tag: "absent" };
    }
  }

  async #write(at: FileAt, file: OpenFile, precondition: Precondition): Promise<Conflict | undefined> {
    const { path } = at;
    const written: TextFile = { ...file.base, text: this.textOf(path) };
    this.#put({ ...file, isSaving: true });
    this.#writes += 1;
    try {
      const result = await writeContent(at, written, precondition);
      if (result === "changed") {
        const conflict = await this.conflictOf(at);
        this.#update(path, { isSaving: false, disk: conflict.theirs === undefined ? "gone" : "changed" });
        return conflict;
      }
      const isDirty = this.textOf(path) !== written.text;
      this.#update(path, { base: written, tag: result, isSaving: false, isDirty, disk: "same" });
      return undefined;
    } catch (error) {
      this.#update(path, { isSaving: false });
      throw error;
    } finally {
      this.#writes += 1;
    }
  }

  #update(path: string, change: Partial<OpenFile>): void {
    const file = this.get(path);
    if (file !== undefined) this.#put({ ...file, ...change });
  }

  #show(file: OpenFile, text: string): void {
    this.#put({ ...file, show: { text, version: file.show.version + 1 } });
  }

  #put(file: OpenFile): void {
    this.files.set(new Map(this.files.get()).set(file.path, file));
  }

  #forget(): void {
    const clean = [...this.files.get().values()].filter(({ isDirty, isSaving }) => !isDirty && !isSaving);
    for (const { path } of clean.slice(0, -MOST_CLEAN)) this.giveUp(path);
  }
}

function isSame(a: TextFile, b: TextFile): boolean {
  return a.text === b.text && a.lineEnd === b.lineEnd && a.mark === b.mark;
}

const all = new Map<string, Buffers>();
let owner: string | undefined;

/** Those of a workspace, also when its view has gone and come again; whoever signs in as somebody else finds none. */
export function buffersOf(workspace: string, token: string): Buffers {
  if (owner !== token) all.clear();
  owner = token;
  let buffers = all.get(workspace);
  if (buffers === undefined) {
    buffers = new Buffers();
    all.set(workspace, buffers);
  }
  return buffers;
}

if (typeof window !== "undefined") {
  window.addEventListener("beforeunload", (event) => {
    if ([...all.values()].some(({ dirty }) => dirty.length > 0)) event.preventDefault();
  });
}
