import { AnsiParser, PLAIN, styleAfter, type TextStyle } from "./ansi.ts";

/** "input": what was written to the process from here. "note": something about the output, such as a gap. */
export type LineSource = "stdout" | "stderr" | "tty" | "input" | "note";

export interface Span {
  readonly text: string;
  readonly style: TextStyle;
}

export interface Line {
  /** Of the line, in the order of arrival; never used twice. */
  readonly number: number;
  readonly source: LineSource;
  readonly spans: readonly Span[];
  /** The line was too long for one: it goes on in the next of its source. */
  readonly isCut: boolean;
}

interface OpenLine {
  readonly number: number;
  spans: readonly Span[];
  /** UTF-16 units. */
  length: number;
  /** Where the next character goes. */
  column: number;
}

interface Source {
  readonly decoder: TextDecoder;
  readonly parser: AnsiParser;
  style: TextStyle;
  open: OpenLine | undefined;
}

export interface OutputLimits {
  readonly lines: number;
  /** UTF-16 units of all lines together. */
  readonly characters: number;
}

const LIMITS: OutputLimits = { lines: 5000, characters: 2 * 1024 * 1024 };
/** A longer line goes on in the next one. */
const LONGEST_LINE = 4096;

/**
 * Output as lines, as a terminal without a height would show them: each source has a line of its own that it writes on,
 * a carriage return goes back to its beginning. The oldest lines go when there are too many.
 */
export class OutputLines {
  readonly #limits: OutputLimits;
  readonly #lines: Line[] = [];
  /** Index of the first line that is held: those before it are gone, and cut off in one go now and then. */
  #start = 0;
  #next = 0;
  #characters = 0;
  #sources = new Map<LineSource, Source>();

  constructor(limits: OutputLimits = LIMITS) {
    this.#limits = limits;
  }

  /** The lines that are held, the oldest first. Lines that did not change are the same objects. */
  get lines(): readonly Line[] {
    return this.#lines.slice(this.#start);
  }

  /** Lines that are gone. */
  get dropped(): number {
    return this.#next - (this.#lines.length - this.#start);
  }

  write(name: Exclude<LineSource, "note">, data: Uint8Array): void {
    const source = this.#source(name);
    this.#writeText(name, source, source.decoder.decode(data, { stream: true }));
  }

  /** A line of its own, between what came before and what comes. */
  note(text: string): void {
    for (const source of this.#sources.values()) source.open = undefined;
    this.#add("note", [{ text, style: PLAIN }], false);
    this.#shrink();
  }

  #source(name: LineSource): Source {
    let source = this.#sources.get(name);
    if (source === undefined) {
      source = { decoder: new TextDecoder(), parser: new AnsiParser(), style: PLAIN, open: undefined };
      this.#sources.set(name, source);
    }
    return source;
  }

  #writeText(name: LineSource, source: Source, text: string): void {
    for (const part of source.parser.parts(text)) {
      if (part.type === "style") source.style = styleAfter(source.style, part.parameters);
      else if (part.type === "text") this.#put(name, source, part.text);
      else if (part.type === "erase") erase(this.#open(name, source), part.what);
      else if (part.control === "\n") {
        this.#close(source, this.#open(name, source));
      } else if (source.open !== undefined) {
        source.open.column = part.control === "\r" ? 0 : Math.max(0, source.open.column - 1);
      }
      this.#keep(source);
    }
    this.#shrink();
  }

  #put(name: LineSource, source: Source, text: string): void {
    for (let at = 0; at < text.length; ) {
      const line = this.#open(name, source);
      let room = LONGEST_LINE - line.column;
      // No character is cut in two.
      if (room > 0 && isHigh(text.charCodeAt(at + room - 1))) room -= 1;
      if (room <= 0) {
        this.#close(source, line, true);
        continue;
      }
      overwrite(line, text.slice(at, at + room), source.style);
      at += room;
    }
  }

  #open(name: LineSource, source: Source): OpenLine {
    if (source.open === undefined || source.open.number < this.#firstNumber)
      source.open = { number: this.#add(name, [], false), spans: [], length: 0, column: 0 };
    return source.open;
  }

  #close(source: Source, line: OpenLine, isCut = false): void {
    this.#replace(line, isCut);
    source.open = undefined;
  }

  #keep(source: Source): void {
    if (source.open !== undefined) this.#replace(source.open, false);
  }

  get #firstNumber(): number {
    return this.#next - (this.#lines.length - this.#start);
  }

  #replace({ number, spans }: OpenLine, isCut: boolean): void {
    const at = this.#start + number - this.#firstNumber;
    const before = this.#lines[at];
    if (before === undefined || (before.spans === spans && before.isCut === isCut)) return;
    this.#characters += lengthOf(spans) - lengthOf(before.spans);
    this.#lines[at] = { ...before, spans, isCut };
  }

  #add(source: LineSource, spans: readonly Span[], isCut: boolean): number {
    const number = this.#next++;
    this.#lines.push({ number, source, spans, isCut });
    // An empty line takes room, too.
    this.#characters += lengthOf(spans) + 1;
    if (this.#lines.length - this.#start > this.#limits.lines) this.#drop();
    return number;
  }

  #shrink(): void {
    while (this.#characters > this.#limits.characters && this.#lines.length - this.#start > 1) this.#drop();
  }

  #drop(): void {
    this.#characters -= lengthOf(this.#lines[this.#start]?.spans ?? []) + 1;
    this.#start += 1;
    if (this.#start < this.#limits.lines) return;
    this.#lines.splice(0, this.#start);
    this.#start = 0;
  }
}

export function lineText({ spans }: Pick<Line, "spans">): string {
  return spans.length === 1 ? (spans[0]?.text ?? "") : spans.map(({ text }) => text).join("");
}

/** Lines as a text, those that were cut in one piece again. Notes are none of it. */
export function textOf(lines: readonly Line[]): string {
  return lines
    .filter(({ source }) => source !== "note")
    .map((line) => lineText(line) + (line.isCut ? "" : "\n"))
    .join("");
}

function lengthOf(spans: readonly Span[]): number {
  let length = 0;
  for (const { text } of spans) length += text.length;
  return length;
}

function isHigh(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}

/** Writes over what is there, as far as the text goes. */
function overwrite(line: OpenLine, text: string, style: TextStyle): void {
  const end = line.column + text.length;
  if (line.column === line.length) line.spans = joined(line.spans, { text, style });
  else {
    const before = part(line.spans, 0, line.column);
    line.spans = [...joined(before, { text, style }), ...part(line.spans, end, line.length)];
  }
  line.length = Math.max(line.length, end);
  line.column = end;
}

function erase(line: OpenLine, what: number): void {
  if (what === 0) line.spans = part(line.spans, 0, line.column);
  else if (what === 2) line.spans = [];
  else {
    const blank = { text: " ".repeat(Math.min(line.column, line.length)), style: PLAIN };
    line.spans = [blank, ...part(line.spans, line.column, line.length)];
  }
  line.length = lengthOf(line.spans);
  if (line.column > line.length) {
    line.spans = joined(line.spans, { text: " ".repeat(line.column - line.length), style: PLAIN });
    line.length = line.column;
  }
}

function joined(spans: readonly Span[], next: Span): readonly Span[] {
  const last = spans.at(-1);
  if (last === undefined || last.style !== next.style) return next.text === "" ? spans : [...spans, next];
  return [...spans.slice(0, -1), { text: last.text + next.text, style: last.style }];
}

/** Half of a character of two units, where one was cut in two, is a space. */
function part(spans: readonly Span[], from: number, to: number): readonly Span[] {
  const found: Span[] = [];
  let at = 0;
  for (const { text, style } of spans) {
    const piece = text.slice(Math.max(0, from - at), Math.max(0, to - at));
    at += text.length;
    if (piece !== "")
      found.push({
        text: piece.isWellFormed() ? piece : piece.toWellFormed().replaceAll("\ufffd", " "),
        style,
      });
  }
  return found;
}
