import { type Line, lineText } from "./output-lines.ts";

export interface Finding {
  readonly line: number;
  readonly from: number;
  readonly to: number;
}

/** So many are counted and gone to. */
const MOST = 2000;

/** Where a text stands in the lines, whatever its case; nothing for an empty text. */
export function findIn(lines: readonly Line[], text: string): readonly Finding[] {
  const wanted = text.toLowerCase();
  const found: Finding[] = [];
  if (wanted === "") return found;
  for (const line of lines) {
    const hay = lineText(line).toLowerCase();
    for (let at = hay.indexOf(wanted); at !== -1; at = hay.indexOf(wanted, at + wanted.length)) {
      found.push({ line: line.number, from: at, to: at + wanted.length });
      if (found.length >= MOST) return found;
    }
  }
  return found;
}
