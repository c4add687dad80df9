import type { IBuffer, IBufferCell, IBufferLine } from "@xterm/headless";

/** Cells of a terminal as the bytes that draw them, with the colours at their default before and behind. */
export function paintLines(buffer: IBuffer, from: number, columns: number): string {
  let text = "";
  let wrapped = false;
  for (let row = from; row < buffer.length; row++) {
    const line = buffer.getLine(row);
    const next = buffer.getLine(row + 1);
    if (line === undefined) continue;
    // A line that goes on in the next one is one line: it is found, copied and wrapped anew as such.
    const wrapAt = wrapEnd(line, columns, next);
    const end = wrapAt ?? contentEnd(line, columns);
    text += paintLine(line, end);
    // Where the wrap has scrolled, the line that came has the colours of what wrapped.
    if (wrapped && end < columns) text += "\x1b[K";
    if (next !== undefined && wrapAt === undefined) text += "\r\n";
    wrapped = wrapAt !== undefined;
  }
  return text;
}

/** The same without scrolling, for a screen that has no lines above it. */
export function paintScreen(buffer: IBuffer, columns: number): string {
  let text = "";
  for (let row = 0; row < buffer.length; row++) {
    const line = buffer.getLine(row);
    const painted = line === undefined ? "" : paintLine(line, contentEnd(line, columns));
    if (painted !== "") text += `${moveTo(0, row)}${painted}`;
  }
  return text;
}

function paintLine(line: IBufferLine, end: number): string {
  let text = "";
  let style = "";
  for (let column = 0; column < end; column++) {
    const cell = line.getCell(column);
    // The second half of a wide character. One that has lost its first is a blank.
    if (cell === undefined || (cell.getWidth() === 0 && line.getCell(column - 1)?.getWidth() === 2)) continue;
    const own = cellStyle(cell);
    if (own !== style) text += `\x1b[0${own}m`;
    style = own;
    text += cell.getChars() || " ";
  }
  return style === "" ? text : `${text}\x1b[0m`;
}

/** Behind the last cell that does not look like an empty one. */
function contentEnd(line: IBufferLine, columns: number): number {
  for (let column = columns - 1; column >= 0; column--) {
    const cell = line.getCell(column);
    if (cell === undefined) continue;
    if (cell.getChars() !== "" || cellStyle(cell) !== "" || cell.getWidth() === 0) return column + 1;
  }
  return 0;
}

/**
 * Where a line ends that goes on in the next one by itself when it is written; undefined: it does not. A wide character
 * that has no room in the last column wraps and leaves that empty, with its own colours.
 */
function wrapEnd(line: IBufferLine, columns: number, next: IBufferLine | undefined): number | undefined {
  if (next?.isWrapped !== true) return undefined;
  const last = line.getCell(columns - 1);
  if (last === undefined || last.getChars() !== "" || last.getWidth() === 0) return columns;
  const first = next.getCell(0);
  const wraps = first?.getWidth() === 2 && cellStyle(first) === cellStyle(last);
  return wraps ? columns - 1 : undefined;
}

/** Parameters of SGR behind a reset, each with a semicolon in front. */
export function cellStyle(cell: IBufferCell): string {
  if (cell.isAttributeDefault()) return "";
  return [
    cell.isBold() ? ";1" : "",
    cell.isDim() ? ";2" : "",
    cell.isItalic() ? ";3" : "",
    cell.isUnderline() ? ";4" : "",
    cell.isBlink() ? ";5" : "",
    cell.isInverse() ? ";7" : "",
    cell.isInvisible() ? ";8" : "",
    cell.isStrikethrough() ? ";9" : "",
    cell.isOverline() ? ";53" : "",
    cell.isFgDefault() ? "" : color(30, cell.isFgRGB(), cell.getFgColor()),
    cell.isBgDefault() ? "" : color(40, cell.isBgRGB(), cell.getBgColor()),
  ].join("");
}

function color(base: 30 | 40, isRgb: boolean, value: number): string {
  if (isRgb) return `;${base + 8};2;${value >> 16};${(value >> 8) & 255};${value & 255}`;
  if (value < 8) return `;${base + value}`;
  if (value < 16) return `;${base + 60 + value - 8}`;
  return `;${base + 8};5;${value}`;
}

/** Column and row from 0. */
export function moveTo(column: number, row: number): string {
  return `\x1b[${row + 1};${column + 1}H`;
}
