import xterm, { type IBuffer, type Terminal } from "@xterm/headless";
import type { TtySize } from "../../contract/process.ts";
import { CHAR_WIDTHS } from "./char-width.ts";

/** A terminal as a person has it, without the person. */
export function emulator({ columns, rows }: TtySize): Terminal {
  const made = new xterm.Terminal({ cols: columns, rows, scrollback: 1000, allowProposedApi: true });
  made.unicode.register(CHAR_WIDTHS);
  made.unicode.activeVersion = CHAR_WIDTHS.version;
  return made;
}

/** Settles when it is on the screen. */
export function write(terminal: Terminal, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => terminal.write(data, resolve));
}

/** Every cell of the screen with its looks, and the cursor. */
export function cells(terminal: Terminal, buffer: IBuffer = terminal.buffer.active): unknown {
  const rows = Array.from({ length: terminal.rows }, (_, row) => {
    const line = buffer.getLine(buffer.baseY + row);
    return Array.from({ length: terminal.cols }, (_, column) => {
      const cell = line?.getCell(column);
      if (cell === undefined) return "";
      const colors = [cell.getFgColorMode(), cell.getFgColor(), cell.getBgColorMode(), cell.getBgColor()];
      const flags = [cell.isBold(), cell.isDim(), cell.isItalic(), cell.isUnderline(), cell.isInverse()];
      const rest = [cell.isInvisible(), cell.isStrikethrough(), cell.isOverline(), cell.isBlink()];
      const looks = [...colors, ...[...flags, ...rest].map(Boolean)];
      // An empty cell and a blank look the same.
      return [cell.getWidth() === 2, cell.getChars() || " ", ...looks].join();
    });
  });
  return { type: buffer.type, x: buffer.cursorX, y: buffer.cursorY, rows };
}

/** The lines of the screen, without the blanks at their ends. */
export function lines(terminal: Terminal): string[] {
  const buffer = terminal.buffer.active;
  return Array.from(
    { length: terminal.rows },
    (_, row) => buffer.getLine(buffer.baseY + row)?.translateToString(true) ?? "",
  );
}
