/** A line of a diff as it is shown. */
export interface DiffLine {
  /** In both, only in the new text, only in the old one. */
  readonly kind: " " | "+" | "-";
  readonly text: string;
  /** Number in the old text, from 1; null where it is not there. */
  readonly old: number | null;
  readonly new: number | null;
  /** It is the last one, and no line end follows. */
  readonly noNewline?: true;
  /** Characters behind the text that were not kept. */
  readonly left?: number;
}

export interface DiffHunk {
  /** "@@ -1,4 +1,6 @@". */
  readonly range: string;
  /** What it is in, such as the head of a function; "" where git knows none. */
  readonly heading: string;
  readonly newStart: number;
  readonly lines: readonly DiffLine[];
}

export interface DiffFile {
  readonly path: string;
  /** Of a renamed or copied one. */
  readonly oldPath: string | null;
  readonly status: "added" | "deleted" | "modified" | "renamed" | "copied";
  /** As git writes them, "100644"; null where it says none. */
  readonly oldMode: string | null;
  readonly newMode: string | null;
  readonly binary: boolean;
  /** Of an unfinished merge: compared with both of its sides. */
  readonly combined: boolean;
  /** It has more lines than were wanted, and is without them. */
  readonly isCut: boolean;
  readonly hunks: readonly DiffHunk[];
  readonly added: number;
  readonly deleted: number;
}
