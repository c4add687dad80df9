import type { DiffFile, DiffLine } from "./model.ts";

/** A file as the list of changes knows it, with its lines where they were read. */
export interface ShownFile {
  readonly path: string;
  readonly oldPath: string | null;
  /** "modified", "untracked", … */
  readonly status: string;
  /** Lines; null of a binary file. */
  readonly added: number | null;
  readonly deleted: number | null;
  readonly binary: boolean;
  /** undefined: not read. */
  readonly diff: DiffFile | undefined;
}

/** A line of the list that shows diffs; `file` is the place of its file. */
export type DiffRow =
  | { readonly kind: "file"; readonly file: number }
  | { readonly kind: "hunk"; readonly file: number; readonly text: string; readonly heading: string }
  /** `other` stands at the same place of the other text: words are compared with it. */
  | {
      readonly kind: "line";
      readonly file: number;
      readonly line: DiffLine;
      readonly other: DiffLine | undefined;
    }
  | {
      readonly kind: "pair";
      readonly file: number;
      readonly left: DiffLine | undefined;
      readonly right: DiffLine | undefined;
    }
  | {
      readonly kind: "note";
      readonly file: number;
      readonly text: string;
      readonly action?: "expand" | "load";
    };

export interface RowOptions {
  /** Old and new side by side. */
  readonly split: boolean;
  readonly collapsed: (file: ShownFile) => boolean;
  /** Whether what is not read is still on its way. */
  readonly loading: boolean;
  /** Each file with a row of its own above its lines. */
  readonly heads: boolean;
}

/** What is shown of files, one row after the other. */
export function rowsOf(files: readonly ShownFile[], options: RowOptions): DiffRow[] {
  const rows: DiffRow[] = [];
  for (const [index, file] of files.entries()) {
    if (options.heads) rows.push({ kind: "file", file: index });
    addFile(rows, index, file, options);
  }
  return rows;
}

function addFile(rows: DiffRow[], index: number, file: ShownFile, options: RowOptions): void {
  const note = (text: string, action?: "expand" | "load") =>
    rows.push({ kind: "note", file: index, text, ...(action === undefined ? {} : { action }) });
  if (options.collapsed(file)) {
    note(`${count((file.added ?? 0) + (file.deleted ?? 0), "changed line")}, folded away`, "expand");
    return;
  }
  const { diff } = file;
  if (diff?.isCut === true) {
    note(`${count(diff.added + diff.deleted, "changed line")}: too many to be shown here`);
    return;
  }
  if (diff === undefined) {
    if (file.binary) note("A binary file: no lines to show");
    else if (options.loading) note("Loading…");
    else note("Its lines were not read: all changes together are very long", "load");
    return;
  }
  for (const text of notesOf(diff)) note(text);
  for (const { range, heading, lines } of diff.hunks) {
    rows.push({ kind: "hunk", file: index, text: range, heading });
    if (options.split && !diff.combined) addPairs(rows, index, lines);
    else addLines(rows, index, lines);
  }
}

/** What is to be said of a file besides its lines. */
export function notesOf(diff: DiffFile): string[] {
  const notes: string[] = [];
  if (diff.status === "copied") notes.push(`Copied from ${diff.oldPath}`);
  if (diff.oldMode !== null && diff.newMode !== null && diff.oldMode !== diff.newMode) {
    notes.push(`Mode changed from ${modeWord(diff.oldMode)} to ${modeWord(diff.newMode)}`);
  } else if (diff.status === "added" && diff.newMode !== null && diff.newMode !== "100644") {
    notes.push(`New ${modeWord(diff.newMode)}`);
  }
  if (diff.combined) notes.push("A merge is not finished: compared with both sides");
  if (diff.binary) notes.push("A binary file: no lines to show");
  else if (diff.hunks.length === 0 && notes.length === 0) {
    notes.push(diff.status === "renamed" ? "Renamed, with the same content" : "An empty file");
  }
  return notes;
}

function modeWord(mode: string): string {
  const words: Readonly<Record<string, string>> = {
    "100644": "file (100644)",
    "100755": "executable file (100755)",
    "120000": "symbolic link",
    "160000": "submodule",
  };
  return words[mode] ?? mode;
}

/** Removed lines, then the added ones; the first of these stands against the first of those. */
function* runs(
  lines: readonly DiffLine[],
): Generator<{ readonly same?: DiffLine; readonly old: DiffLine[]; readonly new: DiffLine[] }> {
  let [old, now]: [DiffLine[], DiffLine[]] = [[], []];
  for (const line of lines) {
    if (line.kind === " " || (line.kind === "-" && now.length > 0)) {
      if (old.length + now.length > 0) yield { old, new: now };
      [old, now] = [[], []];
    }
    if (line.kind === " ") yield { same: line, old, new: now };
    else (line.kind === "-" ? old : now).push(line);
  }
  if (old.length + now.length > 0) yield { old, new: now };
}

function addLines(rows: DiffRow[], file: number, lines: readonly DiffLine[]): void {
  for (const { same, old, new: now } of runs(lines)) {
    if (same !== undefined) rows.push({ kind: "line", file, line: same, other: undefined });
    for (const [at, line] of old.entries()) rows.push({ kind: "line", file, line, other: now[at] });
    for (const [at, line] of now.entries()) rows.push({ kind: "line", file, line, other: old[at] });
  }
}

function addPairs(rows: DiffRow[], file: number, lines: readonly DiffLine[]): void {
  for (const { same, old, new: now } of runs(lines)) {
    if (same !== undefined) rows.push({ kind: "pair", file, left: same, right: same });
    for (let at = 0; at < Math.max(old.length, now.length); at++) {
      rows.push({ kind: "pair", file, left: old[at], right: now[at] });
    }
  }
}

/** Characters of a line that are shown. */
export const SHOWN_CHARACTERS = 2000;

/** Columns that a text takes at most. */
export function columnsOf(text: string): number {
  const shown = text.length > SHOWN_CHARACTERS ? SHOWN_CHARACTERS + 30 : text.length;
  let columns = shown;
  for (let at = 0; at < shown; at++) {
    const code = text.charCodeAt(at);
    if (code === 9) columns += 3;
    else if (code < 32) columns += 6;
    else if (code >= 0x1100) columns += 1;
  }
  return columns;
}

export function count(number: number, word: string): string {
  return `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
}
