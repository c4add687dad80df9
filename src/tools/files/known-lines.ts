/**
 * Stands behind the last line of a file whose end was seen, so that lines which are added there are between lines that were
 * seen. No line that is shown has a line feed.
 */
export const END_OF_FILE = "\n";

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

interface DiffHunk {
  /** Lines of the old text from `oldStart` up to, but not with, `oldEnd`. */
  readonly oldStart: number;
  readonly oldEnd: number;
  readonly newStart: number;
  /** Lines by which what stands behind it moves. */
  readonly shift: number;
  /** Of the new text. */
  readonly lines: string[];
}

/**
 * The lines that are known of a file after a change whose whole difference is told: those known before, at their new
 * places, and those of the difference. Lines over `maxLineBytes` are left out.
 * @param diff unified
 */
export function linesAfter(
  before: ReadonlyMap<number, string>,
  diff: string,
  maxLineBytes: number,
): Map<number, string> {
  const after = new Map<number, string>();
  const hunks = hunksOf(diff);
  let next = 0;
  let shift = 0;
  for (const [number, text] of [...before].sort(([a], [b]) => a - b)) {
    for (; next < hunks.length && hunks[next]!.oldEnd <= number; next++) shift += hunks[next]!.shift;
    if (number < (hunks[next]?.oldStart ?? Number.POSITIVE_INFINITY)) after.set(number + shift, text);
  }
  for (const { newStart, lines } of hunks) {
    for (const [index, line] of lines.entries()) {
      if (Buffer.byteLength(line) <= maxLineBytes) after.set(newStart + index, line);
    }
  }
  return after;
}

function hunksOf(diff: string): DiffHunk[] {
  const hunks: DiffHunk[] = [];
  for (const line of diff.split("\n")) {
    const head = HUNK.exec(line);
    if (head !== null) {
      const [, oldLine, oldCount = "1", newLine, newCount = "1"] = head;
      // Of no lines: the line that they are behind.
      const oldStart = Number(oldLine) + (oldCount === "0" ? 1 : 0);
      const newStart = Number(newLine) + (newCount === "0" ? 1 : 0);
      const shift = Number(newCount) - Number(oldCount);
      hunks.push({ oldStart, oldEnd: oldStart + Number(oldCount), newStart, shift, lines: [] });
    } else if (line.startsWith("+") || line.startsWith(" ")) {
      hunks.at(-1)?.lines.push(line.slice(1).replace(/\r$/, ""));
    }
  }
  return hunks;
}
