import { HunkLines, invalidPatch, type PatchedFile, type PlacedHunk, withLineEndsOfFile } from "./lines.ts";
import { gitNames, headerName, withoutPrefixes } from "./names.ts";

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;
const NOTHING = "/dev/null";
/** Where git's patches by mail end. */
const SIGNATURE = /^-- ?$/;

/** What the lines before a file's hunks say. */
interface Head {
  readonly line: number;
  readonly names: { readonly from: string; readonly to: string } | undefined;
  from?: string;
  to?: string;
  created?: boolean;
  removed?: boolean;
  renamedFrom?: string;
  renamedTo?: string;
  mode?: number;
  readonly hunks: PlacedHunk[];
}

/**
 * A unified diff, of git or of `diff -u`. What stands before, between and behind its files is no part of it. The numbers
 * of lines in hunks are taken as hints, also by those who write too many or too few lines.
 * @throws patch.invalid
 */
export function parseUnifiedDiff(lines: readonly string[]): PatchedFile[] {
  return new Reader(lines).files();
}

class Reader {
  readonly #lines: readonly string[];
  readonly #heads: Head[] = [];
  #at = 0;

  constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  files(): PatchedFile[] {
    for (; this.#at < this.#lines.length; this.#at++) this.#line(this.#lines[this.#at] ?? "");
    if (this.#heads.length === 0) {
      throw invalidPatch(
        1,
        "there is no patch",
        'Begin with "*** Begin Patch", or give a unified diff with "--- a/PATH" and "+++ b/PATH".',
      );
    }
    return this.#heads.map(fileOf);
  }

  #line(text: string): void {
    const line = this.#at + 1;
    const head = this.#heads.at(-1);
    if (text.startsWith("diff --git ")) {
      this.#heads.push({ line, names: gitNames(text.slice("diff --git ".length)), hunks: [] });
    } else if (this.#isHeader()) {
      this.#names(text, this.#lines[this.#at + 1] ?? "");
      this.#at += 1;
    } else if (text.startsWith("@@")) {
      this.#hunk(text);
    } else if (head !== undefined && head.hunks.length === 0) {
      extended(head, text, line);
    } else if (head !== undefined && /^[+-]/.test(text) && !SIGNATURE.test(text)) {
      throw invalidPatch(line, "it is in no hunk", 'A hunk begins with "@@ -1,3 +1,4 @@".');
    }
  }

  /** "--- " with "+++ " behind it: a removed line may look like the first of them. */
  #isHeader(): boolean {
    return (
      this.#lines[this.#at]?.startsWith("--- ") === true &&
      this.#lines[this.#at + 1]?.startsWith("+++ ") === true
    );
  }

  #names(before: string, behind: string): void {
    let head = this.#heads.at(-1);
    // Names behind "diff --git" are of its file; any others begin one.
    if (head?.names === undefined || head.from !== undefined || head.hunks.length > 0) {
      head = { line: this.#at + 1, names: undefined, hunks: [] };
      this.#heads.push(head);
    }
    head.from = headerName(before.slice(4));
    head.to = headerName(behind.slice(4));
  }

  #hunk(text: string): void {
    const line = this.#at + 1;
    const head = this.#heads.at(-1);
    if (head === undefined) {
      throw invalidPatch(line, "the hunk is of no file", 'Put "--- a/PATH" and "+++ b/PATH" before it.');
    }
    const numbers = HUNK.exec(text);
    const wanted = { old: Number(numbers?.[2] ?? 1), new: Number(numbers?.[4] ?? 1) };
    const gathered = new HunkLines(line);
    while (this.#at + 1 < this.#lines.length) {
      const next = this.#lines[this.#at + 1] ?? "";
      const { counts } = gathered;
      const full = numbers !== null && counts.old >= wanted.old && counts.new >= wanted.new;
      if (full && (next.trim() === "" || SIGNATURE.test(next))) break;
      if (/^(?:diff --git |@@)/.test(next)) break;
      this.#at += 1;
      if (this.#isHeader() && (full || this.#lines[this.#at + 2]?.startsWith("@@"))) {
        this.#at -= 1;
        break;
      }
      if (gathered.add(next)) continue;
      this.#at -= 1;
      if (full || /^Index: /.test(next)) break;
      throw invalidPatch(this.#at + 2, 'a line of a hunk has to begin with " ", "+" or "-"');
    }
    const { counts } = gathered;
    if (numbers === null || counts.old > wanted.old) gathered.dropBare();
    if (gathered.size === 0) throw invalidPatch(line, "the hunk has no lines");
    // "-5,0" is behind line 5: its new lines are where the sixth was.
    const first = numbers === null ? undefined : Number(numbers[1]) + (wanted.old === 0 ? 1 : 0);
    head.hunks.push(gathered.placed({ line: first === undefined ? undefined : Math.max(1, first) }));
  }
}

/** A line between "diff --git" and the first hunk. */
function extended(head: Head, text: string, line: number): void {
  const [, word, value = ""] =
    /^(old mode|new mode|new file mode|deleted file mode|rename from|rename to|copy from|copy to|GIT binary patch|Binary files)(?: (.*))?$/.exec(
      text,
    ) ?? [];
  switch (word) {
    case "rename from":
      head.renamedFrom = headerName(value);
      break;
    case "rename to":
      head.renamedTo = headerName(value);
      break;
    case "new file mode":
    case "deleted file mode":
      if (!/^100[0-7]{3}$/.test(value))
        throw invalidPatch(line, "links and submodules are not patched", "Use a command.");
      if (word === "deleted file mode") head.removed = true;
      else {
        head.created = true;
        head.mode = Number.parseInt(value.slice(3), 8);
      }
      break;
    case "old mode":
    case "new mode":
      throw invalidPatch(line, "modes of files are not patched", "Use chmod, and leave these lines out.");
    case "copy from":
    case "copy to":
      throw invalidPatch(
        line,
        "files are not copied by patches",
        "Add the copy as a new file, or use a command.",
      );
    case "GIT binary patch":
    case "Binary files":
      throw invalidPatch(line, "binary files are not patched", "Write them by a command.");
  }
}

function fileOf(head: Head): PatchedFile {
  const { line } = head;
  const { from, to } = namesOf(head);
  const hunks = withLineEndsOfFile(head.hunks);
  if (from === undefined && to === undefined) throw invalidPatch(line, "it names no file");
  if (from === undefined && to !== undefined) {
    const { mode } = head;
    // 0644 is git's word for any file that can't be executed.
    return {
      type: "add",
      path: to,
      line,
      content: contentOf(head.hunks),
      mode: mode === 0o644 ? undefined : mode,
    };
  }
  if (from !== undefined && to === undefined) return { type: "delete", path: from, line };
  const path = from ?? "";
  const moveTo = to === path ? undefined : to;
  if (moveTo !== undefined && head.renamedTo === undefined) {
    throw invalidPatch(
      line,
      "its two names are of different files",
      'A file is renamed by "diff --git", "rename from PATH" and "rename to PATH".',
    );
  }
  if (hunks.length === 0 && moveTo === undefined) throw invalidPatch(line, "there is no hunk for the file");
  return { type: "update", path, line, moveTo, hunks };
}

/** undefined: no file before, or none behind. */
function namesOf(head: Head): { readonly from: string | undefined; readonly to: string | undefined } {
  if (head.renamedFrom !== undefined && head.renamedTo !== undefined) {
    return { from: head.renamedFrom, to: head.renamedTo };
  }
  const named =
    head.from !== undefined && head.to !== undefined ? { from: head.from, to: head.to } : head.names;
  if (named === undefined) return { from: undefined, to: undefined };
  const { from, to } = withoutPrefixes(named, NOTHING);
  return {
    from: from === NOTHING || head.created === true ? undefined : from,
    to: to === NOTHING || head.removed === true ? undefined : to,
  };
}

function contentOf(hunks: readonly PlacedHunk[]): string {
  const lines = hunks.flatMap(({ line, hunk }) => hunk.lines.map((of) => ({ ...of, line })));
  const other = lines.find(({ kind }) => kind !== "add");
  if (other !== undefined) throw invalidPatch(other.line, "a new file has no old lines");
  const text = lines.map(({ text }) => `${text}\n`).join("");
  return hunks.at(-1)?.hunk.finalLineEnd === false ? text.slice(0, -1) : text;
}
