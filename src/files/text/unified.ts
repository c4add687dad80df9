import { type ByteText, fromByteText } from "./byte-text.ts";
import { type Change, diffLines } from "./diff.ts";
import { KIND_BYTES, kindOf } from "./kind.ts";

const MAX_DIFF_BYTES = 64 * 1024;
const CONTEXT_LINES = 3;
const LF = 0x0a;
const BLOCK_BYTES = 64 * 1024;

export interface TextDiff {
  readonly diff: string;
  readonly diffCut: boolean;
  readonly additions: number;
  readonly deletions: number;
}

/** One side of a difference: where it is, and what is there; `content` undefined for nothing. */
export interface DiffSide {
  readonly path: string;
  readonly content: Buffer | undefined;
}

/**
 * The difference of two contents as a unified diff with three lines of context, without a head when they are the same.
 * Carriage returns are parts of their lines. It is cut behind a whole line at MAX_DIFF_BYTES.
 */
export function unifiedDiff(old: DiffSide, now: DiffSide): TextDiff {
  const before = old.content ?? Buffer.alloc(0);
  const after = now.content ?? Buffer.alloc(0);
  const head = `--- ${fileName(old)}\n+++ ${fileName(now)}\n`;
  if (isBinary(before) || isBinary(after)) {
    const diff = before.equals(after) ? "" : `Binary files ${fileName(old)} and ${fileName(now)} differ\n`;
    return { diff, diffCut: false, additions: 0, deletions: 0 };
  }
  const common = commonLines(before, after);
  const oldLines = splitLines(before.toString("latin1", common.start, before.length - common.end));
  const newLines = splitLines(after.toString("latin1", common.start, after.length - common.end));
  const changes = diffLines(oldLines, newLines);
  const writer = new Writer(oldLines, newLines, common.line);
  for (const group of groups(changes)) writer.hunk(group);
  let additions = 0;
  let deletions = 0;
  for (const { from, to, newFrom, newTo } of changes) {
    additions += newTo - newFrom;
    deletions += to - from;
  }
  return { ...writer.result(head), additions, deletions };
}

function isBinary(content: Buffer): boolean {
  return kindOf(content.subarray(0, KIND_BYTES)).kind !== "text";
}

/** Names with characters that would end the line are quoted as JSON. */
function fileName({ path, content }: DiffSide): string {
  if (content === undefined) return "/dev/null";
  return /[\0-\x1f\x7f"\\]/.test(path) ? JSON.stringify(path) : path;
}

/** Bytes that both begin and end with, in whole lines, less those that are context. */
function commonLines(
  one: Buffer,
  other: Buffer,
): { readonly start: number; readonly end: number; readonly line: number } {
  const most = Math.min(one.length, other.length);
  let same = 0;
  for (let size = BLOCK_BYTES; size > 0; size = size === 1 ? 0 : size >> 4 || 1) {
    while (same + size <= most && one.compare(other, same, same + size, same, same + size) === 0)
      same += size;
  }
  let start = same;
  for (let lines = 0; start > 0; start--) {
    if (one[start - 1] === LF && lines++ === CONTEXT_LINES) break;
  }
  let equal = 0;
  const behind = most - same;
  for (let size = BLOCK_BYTES; size > 0; size = size === 1 ? 0 : size >> 4 || 1) {
    for (;;) {
      const next = equal + size;
      if (next > behind) break;
      const at = one.length - next;
      const otherAt = other.length - next;
      if (one.compare(other, otherAt, otherAt + size, at, at + size) !== 0) break;
      equal = next;
    }
  }
  let end = equal;
  for (let lines = 0; end > 0; end--) {
    if (one[one.length - end - 1] === LF && other[other.length - end - 1] === LF && lines++ === CONTEXT_LINES)
      break;
  }
  let line = 0;
  for (let at = one.indexOf(LF); at >= 0 && at < start; at = one.indexOf(LF, at + 1)) line += 1;
  return { start, end, line };
}

/** Lines with their ends. */
function splitLines(text: ByteText): ByteText[] {
  const lines: ByteText[] = [];
  let at = 0;
  while (at < text.length) {
    const end = text.indexOf("\n", at);
    const next = end < 0 ? text.length : end + 1;
    lines.push(text.slice(at, next));
    at = next;
  }
  return lines;
}

/** Changes whose context would meet are one hunk. */
function groups(changes: readonly Change[]): Change[][] {
  const found: Change[][] = [];
  for (const change of changes) {
    const last = found.at(-1)?.at(-1);
    if (last !== undefined && change.from - last.to <= 2 * CONTEXT_LINES) found.at(-1)!.push(change);
    else found.push([change]);
  }
  return found;
}

class Writer {
  readonly #old: readonly ByteText[];
  readonly #now: readonly ByteText[];
  readonly #line: number;
  #out = "";
  #bytes = 0;
  #cut = false;

  constructor(old: readonly ByteText[], now: readonly ByteText[], line: number) {
    this.#old = old;
    this.#now = now;
    this.#line = line;
  }

  hunk(changes: readonly Change[]): void {
    const first = changes[0]!;
    const last = changes.at(-1)!;
    const lead = Math.min(CONTEXT_LINES, first.from);
    const trail = Math.min(CONTEXT_LINES, this.#old.length - last.to);
    const from = first.from - lead;
    const oldRange = this.#range(from, last.to + trail);
    const newRange = this.#range(first.newFrom - lead, last.newTo + trail);
    this.#put(`@@ -${oldRange} +${newRange} @@\n`);
    let at = from;
    for (const change of changes) {
      for (; at < change.from; at++) this.#put(` ${shown(this.#old[at]!)}`);
      for (; at < change.to; at++) this.#put(`-${shown(this.#old[at]!)}`);
      for (let line = change.newFrom; line < change.newTo; line++) this.#put(`+${shown(this.#now[line]!)}`);
    }
    for (; at < last.to + trail; at++) this.#put(` ${shown(this.#old[at]!)}`);
  }

  result(head: string): { readonly diff: string; readonly diffCut: boolean } {
    return { diff: this.#out === "" && !this.#cut ? "" : head + this.#out, diffCut: this.#cut };
  }

  /** Start and number of lines, as unified diffs have them: an empty range is behind its line. */
  #range(from: number, to: number): string {
    const count = to - from;
    const start = this.#line + from + (count === 0 ? 0 : 1);
    return count === 1 ? String(start) : `${start},${count}`;
  }

  #put(line: string): void {
    if (this.#cut) return;
    const bytes = Buffer.byteLength(line);
    if (this.#bytes + bytes > MAX_DIFF_BYTES) {
      this.#cut = true;
      return;
    }
    this.#bytes += bytes;
    this.#out += line;
  }
}

function shown(line: ByteText): string {
  const text = fromByteText(line);
  return text.endsWith("\n") ? text : `${text}\n\\ No newline at end of file\n`;
}
