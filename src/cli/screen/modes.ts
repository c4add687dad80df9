import type { IBuffer, IDisposable, IParser, Terminal } from "@xterm/headless";
import { moveTo } from "./paint.ts";
import { Style } from "./style.ts";

/** DEC private modes that are on in a terminal that was just opened. */
const ON_AT_FIRST = new Set([7, 8, 25]);
/** One tracking of the mouse at a time: each of them ends the others. */
const MOUSE = new Set([9, 1000, 1001, 1002, 1003]);
/** Not to be set again: they switch or clear the screen, move the cursor, or last for a moment. */
const NOT_STATE = new Set([3, 6, 47, 1047, 1048, 1049, 2026]);
const OTHER_SCREEN = new Set([47, 1047, 1049]);
/** Stack of the kitty keyboard protocol, as that bounds it. */
const MAX_KEYBOARD_FLAGS = 16;

interface SavedCursor {
  readonly x: number;
  readonly y: number;
  /** Parameters of SGR. */
  readonly style: string;
}

interface Margins {
  readonly top: number;
  readonly bottom: number;
}

/**
 * What output has set in a terminal beside cells, cursor and colours: modes, scroll region, saved cursor, shape of the
 * cursor, character sets, keyboard protocols, title. Learned from the sequences as the emulator parses them.
 */
export class Modes {
  readonly #terminal: Terminal;
  readonly #private = new Map<number, boolean>();
  readonly #ansi = new Set<number>();
  readonly #margins = new Map<IBuffer["type"], Margins>();
  readonly #savedCursor = new Map<IBuffer["type"], SavedCursor>();
  readonly #style = new Style();
  readonly #charsets = new Map<string, string>();
  readonly #keyboard: number[] = [];
  #otherKeys = "";
  #cursorShape = "";
  #keypad = false;
  #origin = false;
  #title = "";

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    terminal.onTitleChange((title) => {
      this.#title = title;
    });
    this.#listen(terminal.parser);
  }

  #listen(parser: IParser): void {
    const csi = (
      id: Parameters<IParser["registerCsiHandler"]>[0],
      take: (numbers: number[]) => void,
    ): IDisposable =>
      parser.registerCsiHandler(id, (params) => {
        take(params.map((value) => (typeof value === "number" ? value : (value[0] ?? 0))));
        // The emulator does what it means.
        return false;
      });
    const esc = (id: Parameters<IParser["registerEscHandler"]>[0], take: () => void): IDisposable =>
      parser.registerEscHandler(id, () => {
        take();
        return false;
      });
    csi({ prefix: "?", final: "h" }, (modes) => {
      for (const mode of modes) this.#setPrivate(mode, true);
    });
    csi({ prefix: "?", final: "l" }, (modes) => {
      for (const mode of modes) this.#setPrivate(mode, false);
    });
    csi({ final: "h" }, (modes) => {
      for (const mode of modes) this.#ansi.add(mode);
    });
    csi({ final: "l" }, (modes) => {
      for (const mode of modes) this.#ansi.delete(mode);
    });
    csi({ final: "r" }, ([top = 0, bottom = 0]) => this.#setMargins(top, bottom));
    csi({ intermediates: " ", final: "q" }, ([shape = 0]) => {
      this.#cursorShape = shape === 0 ? "" : `\x1b[${shape} q`;
    });
    csi({ prefix: ">", final: "m" }, (numbers) => {
      const isSet = numbers.length > 1 && numbers[0] === 4 && numbers[1] !== 0;
      this.#otherKeys = isSet ? `\x1b[>4;${numbers[1]}m` : "";
    });
    csi({ prefix: ">", final: "u" }, ([flags = 0]) => {
      this.#keyboard.push(flags);
      if (this.#keyboard.length > MAX_KEYBOARD_FLAGS) this.#keyboard.shift();
    });
    csi({ prefix: "<", final: "u" }, ([count = 1]) => {
      this.#keyboard.splice(-Math.max(1, count));
    });
    csi({ prefix: "=", final: "u" }, ([flags = 0, how = 1]) => this.#setKeyboard(flags, how));
    parser.registerCsiHandler({ final: "m" }, (params) => {
      this.#style.apply(params);
      return false;
    });
    csi({ final: "s" }, () => this.#saveCursor());
    csi({ final: "u" }, () => this.#restoreStyle(this.#buffer.type));
    csi({ intermediates: "!", final: "p" }, () => this.#softReset());
    esc({ final: "7" }, () => this.#saveCursor());
    esc({ final: "8" }, () => this.#restoreStyle(this.#buffer.type));
    esc({ final: "=" }, () => {
      this.#keypad = true;
    });
    esc({ final: ">" }, () => {
      this.#keypad = false;
    });
    esc({ final: "c" }, () => this.#reset());
    for (const slot of ["(", ")"])
      for (const set of ["0", "A", "B"])
        esc({ intermediates: slot, final: set }, () => {
          if (set === "B") this.#charsets.delete(slot);
          else this.#charsets.set(slot, set);
        });
  }

  get #buffer(): IBuffer {
    return this.#terminal.buffer.active;
  }

  #setPrivate(mode: number, on: boolean): void {
    // The other screen begins anew each time.
    if (!on && OTHER_SCREEN.has(mode)) this.#margins.delete("alternate");
    if (mode === 6) this.#origin = on;
    else if (mode === 66) this.#keypad = on;
    else if (mode === 1048 || mode === 1049) {
      if (on) this.#saveCursor();
      else this.#restoreStyle(mode === 1049 ? "normal" : this.#buffer.type);
    } else if (!NOT_STATE.has(mode)) {
      if (MOUSE.has(mode)) for (const other of MOUSE) this.#private.delete(other);
      // The last one set is the last one to be set again.
      this.#private.delete(mode);
      if (on !== ON_AT_FIRST.has(mode)) this.#private.set(mode, on);
    }
  }

  #setMargins(top: number, bottom: number): void {
    const { rows } = this.#terminal;
    const margins = { top: Math.max(1, top), bottom: bottom === 0 ? rows : Math.min(bottom, rows) };
    if (margins.bottom <= margins.top) return;
    const isWhole = margins.top === 1 && margins.bottom === rows;
    if (isWhole) this.#margins.delete(this.#buffer.type);
    else this.#margins.set(this.#buffer.type, margins);
  }

  #setKeyboard(flags: number, how: number): void {
    const current = this.#keyboard.pop() ?? 0;
    this.#keyboard.push(how === 1 ? flags : how === 2 ? current | flags : current & ~flags);
  }

  #saveCursor(): void {
    const { type, cursorX, cursorY } = this.#buffer;
    this.#savedCursor.set(type, { x: cursorX, y: cursorY, style: this.#style.parameters });
  }

  #restoreStyle(type: IBuffer["type"]): void {
    this.#style.restore(this.#savedCursor.get(type)?.style ?? "");
  }

  /** A terminal that gets another size has its whole height to scroll again. */
  resized(): void {
    this.#margins.clear();
  }

  #softReset(): void {
    for (const mode of [1, 7, 25]) this.#private.delete(mode);
    this.#ansi.clear();
    this.#margins.clear();
    this.#savedCursor.clear();
    this.#style.clear();
    this.#charsets.clear();
    this.#keypad = false;
    this.#origin = false;
  }

  #reset(): void {
    this.#softReset();
    this.#private.clear();
    this.#keyboard.length = 0;
    this.#otherKeys = "";
    this.#cursorShape = "";
  }

  /** What sets the scroll region of a buffer. It moves the cursor. */
  margins(type: IBuffer["type"]): string {
    const margins = this.#margins.get(type);
    return margins === undefined ? "" : `\x1b[${margins.top};${margins.bottom}r`;
  }

  /** What saves the cursor that the program has saved, before the other screen also by going there. */
  savedCursor(type: IBuffer["type"], save: string): string {
    const { x, y, style } = this.#savedCursor.get(type) ?? { x: 0, y: 0, style: "" };
    return `${moveTo(x, y)}\x1b[0${style}m${save}\x1b[0m`;
  }

  /** What sets the colours of what is written next. */
  style(): string {
    return `\x1b[0${this.#style.parameters}m`;
  }

  /** What moves the cursor where it has to be, in a terminal whose cells and region are as they have to be. */
  cursor(): string {
    const { cursorX, cursorY, type } = this.#buffer;
    const x = Math.min(cursorX, this.#terminal.cols - 1);
    if (!this.#origin) return moveTo(x, cursorY);
    return `\x1b[?6h${moveTo(x, cursorY - (this.#margins.get(type)?.top ?? 1) + 1)}`;
  }

  /** What sets everything else. */
  lasting(): string {
    const lasting: string[] = [];
    for (const mode of this.#ansi) lasting.push(`\x1b[${mode}h`);
    for (const [mode, on] of this.#private) lasting.push(`\x1b[?${mode}${on ? "h" : "l"}`);
    if (this.#keypad) lasting.push("\x1b=");
    for (const [slot, set] of this.#charsets) lasting.push(`\x1b${slot}${set}`);
    for (const flags of this.#keyboard) lasting.push(`\x1b[>${flags}u`);
    lasting.push(this.#otherKeys, this.#cursorShape);
    const title = this.#title.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, "");
    if (title !== "") lasting.push(`\x1b]2;${title}\x07`);
    return lasting.join("");
  }
}
