import type { WorkspaceChange, WorkspaceChanges } from "../../contract/workspace.ts";

/** Who has more changed files than are listed looks for them otherwise. */
const MAX_FILES = 10_000;

const STATUSES: Readonly<Record<string, WorkspaceChange["status"]>> = {
  A: "added",
  M: "modified",
  D: "deleted",
  R: "renamed",
  C: "copied",
  T: "type_changed",
  U: "conflicted",
};

type Found = { -readonly [Key in keyof WorkspaceChange]: WorkspaceChange[Key] };

/** Reads what the script CHANGES says, a word (each ends with NUL) at a time. Words are bytes, as paths are. */
export class ChangeReader {
  #rest: Buffer = Buffer.alloc(0);
  #state: (word: string) => void = (word) => this.#base(word);
  #start: string | null = null;
  readonly #unmerged = new Set<string>();
  readonly #untracked = new Set<string>();
  /** By path. */
  readonly #files = new Map<string, Found>();
  #count = 0;
  #added = 0;
  #deleted = 0;

  push(chunk: Uint8Array): void {
    const bytes = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
    let from = 0;
    for (let end = bytes.indexOf(0); end !== -1; end = bytes.indexOf(0, from)) {
      this.#state(bytes.toString("latin1", from, end));
      from = end + 1;
    }
    this.#rest = bytes.subarray(from);
  }

  changes(): WorkspaceChanges {
    // What is in conflict and like the base nevertheless.
    for (const path of this.#unmerged) {
      this.#count += 1;
      this.#keep(path, { ...fileAt(path, "conflicted"), added: 0, deleted: 0 });
    }
    return {
      base: this.#start,
      files: [...this.#files.values()],
      added: this.#added,
      deleted: this.#deleted,
      truncated: this.#count > this.#files.size,
    };
  }

  #base(word: string): void {
    this.#start = word === "" ? null : word;
    this.#state = (next) => this.#conflict(next);
  }

  /** "MODE OBJECT STAGE\tPATH", up to three of a path. */
  #conflict(word: string): void {
    if (word === "") this.#state = (next) => this.#new(next);
    else this.#unmerged.add(word.slice(word.indexOf("\t") + 1));
  }

  #new(word: string): void {
    if (word === "") this.#state = (next) => this.#change(next);
    else this.#untracked.add(word);
  }

  /** ":MODE MODE OBJECT OBJECT STATUS" and its paths; behind all of these "ADDED\tDELETED\tPATH". */
  #change(word: string): void {
    if (!word.startsWith(":")) {
      this.#numbers(word);
      return;
    }
    const letter = word.slice(word.lastIndexOf(" ") + 1, word.lastIndexOf(" ") + 2);
    const status = STATUSES[letter] ?? "modified";
    this.#state = (path) => {
      if (status !== "renamed" && status !== "copied") this.#changed(path, status);
      else {
        this.#state = (newPath) => this.#changed(newPath, status, path);
      }
    };
  }

  #changed(path: string, status: WorkspaceChange["status"], oldPath?: string): void {
    this.#count += 1;
    const conflicted = this.#unmerged.delete(path);
    const untracked = status === "added" && this.#untracked.has(path);
    this.#keep(path, fileAt(path, conflicted ? "conflicted" : untracked ? "untracked" : status, oldPath));
    this.#state = (next) => this.#change(next);
  }

  /** Of a renamed file the path is empty, and the old and the new one follow. */
  #numbers(word: string): void {
    const [added = "", deleted = ""] = word.split("\t", 2);
    const path = word.slice(added.length + deleted.length + 2);
    if (path !== "") this.#counted(path, added, deleted);
    else {
      this.#state = () => {
        this.#state = (newPath) => this.#counted(newPath, added, deleted);
      };
    }
  }

  /** "-" is a binary file's. */
  #counted(path: string, added: string, deleted: string): void {
    this.#state = (next) => this.#change(next);
    const binary = added === "-";
    if (!binary) {
      this.#added += Number(added);
      this.#deleted += Number(deleted);
    }
    const file = this.#files.get(path);
    if (file === undefined) return;
    file.binary = binary;
    file.added = binary ? null : Number(added);
    file.deleted = binary ? null : Number(deleted);
  }

  #keep(path: string, file: Found): void {
    if (this.#files.size < MAX_FILES) this.#files.set(path, file);
  }
}

function fileAt(path: string, status: WorkspaceChange["status"], oldPath?: string): Found {
  return {
    path: text(path),
    oldPath: oldPath === undefined ? null : text(oldPath),
    status,
    added: null,
    deleted: null,
    binary: false,
  };
}

function text(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}
