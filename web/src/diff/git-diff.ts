import type { DiffFile, DiffHunk, DiffLine } from "./model.ts";

type Draft = { -readonly [Key in keyof DiffFile]: DiffFile[Key] } & { hunks: DraftHunk[] };
type DraftHunk = DiffHunk & { readonly lines: DiffLine[] };
/** Characters of a line that are kept: more than are ever shown. */
const MOST_OF_LINE = 20_000;

type Part = "start" | "head" | "hunk" | "binary";

/**
 * Reads what `git diff -p` prints, in pieces as they come. What it keeps of a binary file is that it is one, and of a file
 * with more than `mostLines` that it has been read without them.
 */
export class GitDiffParser {
  readonly #mostLines: number;
  readonly #files: Draft[] = [];
  #rest = "";
  /** Characters of the line that are not kept. */
  #left = 0;
  #part: Part = "start";
  #hunk: DraftHunk | undefined;
  /** Lines that the hunk still has of each old text, and of the new one. */
  #oldLeft: number[] = [];
  #newLeft = 0;
  #oldAt = 0;
  #newAt = 0;
  #lines = 0;
  /** Of the file that is read. */
  #linesOfFile = 0;

  constructor({ mostLines = Number.POSITIVE_INFINITY }: { readonly mostLines?: number } = {}) {
    this.#mostLines = mostLines;
  }

  /** Of all files so far; the last one may not be complete. */
  get files(): readonly DiffFile[] {
    return this.#files;
  }

  /** How many lines of files are kept. */
  get lines(): number {
    return this.#lines;
  }

  push(text: string): void {
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      this.#gather(text.slice(start, end));
      this.#line(this.#rest);
      this.#rest = "";
      this.#left = 0;
      start = end + 1;
    }
    this.#gather(text.slice(start));
  }

  end(): void {
    if (this.#rest !== "") this.#line(this.#rest);
    this.#rest = "";
  }

  /** More of the line that is read; a very long one is kept in part. */
  #gather(part: string): void {
    const room = MOST_OF_LINE - this.#rest.length;
    this.#rest += part.slice(0, room);
    this.#left += Math.max(0, part.length - room);
  }

  #line(line: string): void {
    if (this.#part === "hunk" && this.#inHunk(line)) return;
    const head = /^diff --(git|cc|combined) (.*)$/s.exec(line);
    if (head !== null) this.#begin(head[1] ?? "", head[2] ?? "");
    else if (line.startsWith("@@")) this.#beginHunk(line);
    else if (this.#part === "head") this.#inHead(line);
  }

  #begin(kind: string, names: string): void {
    const combined = kind !== "git";
    const [old, path] = combined ? [null, unquoted(names)] : namesOf(names);
    this.#part = "head";
    this.#hunk = undefined;
    this.#linesOfFile = 0;
    this.#files.push({
      path,
      oldPath: old === path ? null : old,
      status: "modified",
      oldMode: null,
      newMode: null,
      binary: false,
      combined,
      isCut: false,
      hunks: [],
      added: 0,
      deleted: 0,
    });
  }

  #inHead(line: string): void {
    const file = this.#files.at(-1);
    if (file === undefined) return;
    const value = (prefix: string) => (line.startsWith(prefix) ? line.slice(prefix.length) : undefined);
    const newMode = value("new file mode ");
    const gone = value("deleted file mode ");
    if (newMode !== undefined) Object.assign(file, { status: "added", newMode });
    else if (gone !== undefined) Object.assign(file, { status: "deleted", oldMode: gone });
    else if (line.startsWith("old mode ")) file.oldMode = value("old mode ") ?? null;
    else if (line.startsWith("new mode ")) file.newMode = value("new mode ") ?? null;
    else if (line.startsWith("rename from ")) setOld(file, "renamed", value("rename from ") ?? "");
    else if (line.startsWith("copy from ")) setOld(file, "copied", value("copy from ") ?? "");
    else if (line.startsWith("rename to ")) file.path = unquoted(value("rename to ") ?? "");
    else if (line.startsWith("copy to ")) file.path = unquoted(value("copy to ") ?? "");
    else if (line.startsWith("--- ")) {
      const name = sideName(line, "a/");
      if (name !== undefined && file.status === "deleted") file.path = name;
    } else if (line.startsWith("+++ ")) {
      const name = sideName(line, "b/");
      if (name !== undefined) file.path = name;
      if (file.status === "modified") file.oldPath = null;
    } else if (line === "GIT binary patch" || /^Binary files .* differ$/s.test(line)) {
      file.binary = true;
      this.#part = "binary";
    }
  }

  #beginHunk(line: string): void {
    const file = this.#files.at(-1);
    const match = /^(@{2,}) (.*?) \1(?: (.*))?$/s.exec(line);
    if (file === undefined || match === null) return;
    const ranges = (match[2] ?? "").split(" ").map(rangeOf);
    const after = ranges.pop();
    if (after === undefined || ranges.some((range) => range === undefined)) return;
    this.#part = "hunk";
    this.#oldLeft = ranges.map((range) => range?.count ?? 0);
    this.#newLeft = after.count;
    this.#oldAt = ranges[0]?.start ?? 0;
    this.#newAt = after.start;
    this.#hunk = {
      range: `${match[1]} ${match[2]} ${match[1]}`,
      heading: (match[3] ?? "").trimEnd(),
      newStart: after.start,
      lines: [],
    };
    if (!file.isCut) file.hunks.push(this.#hunk);
  }

  /** Whether the line is the hunk's. */
  #inHunk(line: string): boolean {
    const [file, hunk] = [this.#files.at(-1), this.#hunk];
    if (file === undefined || hunk === undefined) return false;
    if (line.startsWith("\\")) {
      const last = hunk.lines.pop();
      if (last !== undefined) hunk.lines.push({ ...last, noNewline: true });
      return true;
    }
    if (this.#newLeft <= 0 && this.#oldLeft.every((left) => left <= 0)) {
      this.#part = "head";
      return false;
    }
    const signs = line.slice(0, this.#oldLeft.length).padEnd(this.#oldLeft.length, " ");
    const text = line.slice(this.#oldLeft.length);
    const kind = signs.includes("-") ? "-" : signs.includes("+") ? "+" : " ";
    for (const [side, sign] of [...signs].entries()) {
      const isThere = kind === "-" ? sign === "-" : sign === " ";
      if (isThere) this.#oldLeft[side] = (this.#oldLeft[side] ?? 0) - 1;
    }
    const isOld = kind === "-" ? signs.startsWith("-") : signs.startsWith(" ");
    const found = {
      kind,
      text,
      old: isOld ? this.#oldAt++ : null,
      new: kind === "-" ? null : this.#newAt++,
      ...(this.#left > 0 ? { left: this.#left } : {}),
    } as const;
    this.#keep(file, hunk, found);
    if (kind !== "-") this.#newLeft -= 1;
    if (kind === "+") file.added += 1;
    if (kind === "-") file.deleted += 1;
    return true;
  }

  #keep(file: Draft, hunk: DraftHunk, line: DiffLine): void {
    if (file.isCut) return;
    this.#linesOfFile += 1;
    this.#lines += 1;
    if (this.#linesOfFile <= this.#mostLines) {
      hunk.lines.push(line);
      return;
    }
    this.#lines -= this.#linesOfFile;
    file.isCut = true;
    file.hunks = [];
  }
}

function setOld(file: Draft, status: "renamed" | "copied", name: string): void {
  file.status = status;
  file.oldPath = unquoted(name);
}

function rangeOf(text: string): { readonly start: number; readonly count: number } | undefined {
  const match = /^[-+](\d+)(?:,(\d+))?$/.exec(text);
  return match === null ? undefined : { start: Number(match[1]), count: Number(match[2] ?? 1) };
}

/** The path of a line with --- or +++; undefined: /dev/null. */
function sideName(line: string, prefix: string): string | undefined {
  // A name with spaces has a tab behind it.
  const text = line.slice(4).replace(/\t$/, "");
  if (text === "/dev/null") return undefined;
  const name = unquoted(text);
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}

/** Both paths of "a/X b/Y", of which either may be quoted; where spaces leave it open, the two are the same. */
function namesOf(text: string): readonly [string, string] {
  const quoted = /^("(?:[^"\\]|\\.)*"|\S+) ("(?:[^"\\]|\\.)*"|\S+)$/s.exec(text);
  if (quoted !== null) return [strip(unquoted(quoted[1] ?? "")), strip(unquoted(quoted[2] ?? ""))];
  const half = (text.length - 1) / 2;
  const [first, second] = [text.slice(0, half), text.slice(half + 1)];
  if (strip(first) === strip(second)) return [strip(first), strip(second)];
  const at = text.indexOf(" b/");
  return at < 0 ? [strip(text), strip(text)] : [strip(text.slice(0, at)), strip(text.slice(at + 1))];
}

const strip = (name: string) => name.replace(/^[ab]\//, "");

const ESCAPES: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 };

/** A path as git writes it where it has characters that are not plain: "caf\303\251". */
function unquoted(text: string): string {
  if (!text.startsWith('"') || !text.endsWith('"') || text.length < 2) return text;
  const bytes: number[] = [];
  for (const [part] of text.slice(1, -1).matchAll(/\\[0-7]{3}|\\.|[^\\]+/gs)) {
    if (!part.startsWith("\\")) bytes.push(...new TextEncoder().encode(part));
    else if (part.length === 4) bytes.push(Number.parseInt(part.slice(1), 8));
    else bytes.push(ESCAPES[part.slice(1)] ?? part.charCodeAt(1));
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}
