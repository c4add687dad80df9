import xterm, { type IBuffer, type Terminal } from "@xterm/headless";
import type { TtySize } from "../../contract/process.ts";
import { CHAR_WIDTHS } from "./char-width.ts";
import { Modes } from "./modes.ts";
import { cellStyle, paintLines, paintScreen } from "./paint.ts";
import { WholeSequences } from "./whole-sequences.ts";

/** Lines above the screen that come back with it. */
const SCROLLBACK_LINES = 1000;

/**
 * A terminal that nobody looks at: it takes output as a real one does, and can say what another one has to be sent to
 * look the same. It answers no question of the output.
 */
export class Screen implements Disposable {
  readonly #terminal: Terminal;
  readonly #modes: Modes;
  readonly #sequences = new WholeSequences();

  constructor({ columns, rows }: TtySize) {
    this.#terminal = new xterm.Terminal({
      cols: columns,
      rows,
      scrollback: SCROLLBACK_LINES,
      allowProposedApi: true,
    });
    this.#terminal.unicode.register(CHAR_WIDTHS);
    this.#terminal.unicode.activeVersion = CHAR_WIDTHS.version;
    this.#modes = new Modes(this.#terminal);
  }

  /** Bytes at the end of what was written that `drawing` leaves out: the other terminal has to get them behind it. */
  get heldBytes(): number {
    return this.#sequences.heldBytes;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#write(this.#sequences.take(bytes));
  }

  #write(data: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#terminal.write(data, resolve));
  }

  async resize({ columns, rows }: TtySize): Promise<void> {
    if (this.#terminal.cols === columns && this.#terminal.rows === rows) return;
    await this.#write(this.#sequences.flush());
    this.#terminal.resize(columns, rows);
    this.#modes.resized();
  }

  /** What draws it in an empty terminal of the same size whose cursor is at the top left. */
  drawing(): string {
    const { buffer, cols, rows } = this.#terminal;
    const { normal, active } = buffer;
    const first = Math.max(0, normal.length - rows - SCROLLBACK_LINES);
    const isAlternate = active.type === "alternate";
    const parts = [paintLines(normal, first, cols), this.#modes.margins("normal")];
    if (isAlternate) {
      // Going to the other screen saves the cursor of this one.
      parts.push(this.#modes.savedCursor("normal", "\x1b[?1049h"), "\x1b[2J", paintScreen(active, cols));
      // Terminals differ in whether each screen has a scroll region of its own.
      parts.push("\x1b[r", this.#modes.margins("alternate"));
    }
    parts.push(this.#modes.savedCursor(active.type, "\x1b7"), this.#modes.cursor());
    if (active.cursorX === cols) parts.push(behindLastColumn(active, cols));
    parts.push(this.#modes.style(), this.#modes.lasting());
    return parts.join("");
  }

  [Symbol.dispose](): void {
    this.#terminal.dispose();
  }
}

/** Writes the last character of the cursor's line again, so that the cursor stands behind it and the next one wraps. */
function behindLastColumn(buffer: IBuffer, columns: number): string {
  const line = buffer.getLine(buffer.baseY + buffer.cursorY);
  const isWide = line?.getCell(columns - 1)?.getWidth() === 0;
  const cell = line?.getCell(columns - (isWide ? 2 : 1));
  if (cell === undefined) return "";
  return `${isWide ? "\x1b[D" : ""}\x1b[0${cellStyle(cell)}m${cell.getChars() || " "}`;
}
