import { nameFromBytes } from "../../files/names.ts";
import { type Collector, windowStart } from "../../files/search/collector.ts";
import { MAX_SENT_LINE_BYTES } from "./search-script.ts";

const LINE_FEED = 10;
const DASH = 45;
const COLON = 58;

export interface GrepOutputOptions {
  readonly show: "lines" | "files" | "count";
  readonly maxLineBytes: number;
  readonly literals: readonly string[] | undefined;
  /** Path in the place of a path of the output. */
  readonly place: (path: string) => string;
}

/**
 * Reads what grep found: `:path` for each file, then `number:text`, `number-text` for lines around and `--` between them, or
 * the number of its lines.
 */
export class GrepOutput {
  readonly #options: GrepOutputOptions;
  readonly #collector: Collector;
  readonly #needles: readonly Buffer[];
  #rest: Buffer = Buffer.alloc(0);
  #path = "";
  /** What follows of this file is told. */
  #wanted = false;

  constructor(options: GrepOutputOptions, collector: Collector) {
    this.#options = options;
    this.#collector = collector;
    this.#needles = options.literals?.map((text) => Buffer.from(text, "utf8")) ?? [];
  }

  /** "enough": what follows is not needed. */
  take(chunk: Buffer): "on" | "enough" {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (let end = data.indexOf(LINE_FEED); end >= 0; end = data.indexOf(LINE_FEED, at)) {
      if (this.#line(data, at, end) === "enough") return "enough";
      at = end + 1;
    }
    this.#rest = Buffer.from(data.subarray(at));
    return "on";
  }

  end(): void {
    this.#collector.end();
  }

  #line(data: Buffer, start: number, end: number): "on" | "enough" {
    const { show, place } = this.#options;
    if (data[start] === COLON) {
      this.#path = place(nameFromBytes(data.subarray(start + 1, end)));
      this.#wanted = true;
      if (show === "lines") this.#collector.begin(this.#path);
      return show === "files" && this.#collector.counted(this.#path, 1) === "enough" ? "enough" : "on";
    }
    if (!this.#wanted) return "on";
    if (show === "count") {
      const matches = Number.parseInt(data.toString("latin1", start, end), 10);
      return matches > 0 && this.#collector.counted(this.#path, matches) === "enough" ? "enough" : "on";
    }
    let text = start;
    let number = 0;
    for (; data[text]! >= 48 && data[text]! <= 57; text++) number = number * 10 + data[text]! - 48;
    // What parts groups of lines.
    if (text === start) return "on";
    const partly = { before: 0, more: end - start >= MAX_SENT_LINE_BYTES };
    const isMatch = data[text] !== DASH;
    text += 1;
    const next = isMatch
      ? this.#collector.match(number, data, text, end, this.#matchAt(data, text, end), partly)
      : this.#collector.context(number, data, text, end, partly);
    if (next === "next-file") this.#wanted = false;
    return next === "enough" ? "enough" : "on";
  }

  /** Where a match may be in a line that is too long to be shown whole: its text, when the pattern has one. */
  #matchAt(data: Buffer, start: number, end: number): number {
    const { maxLineBytes } = this.#options;
    if (end - start <= maxLineBytes) return 0;
    const found = this.#needles
      .map((needle) => data.subarray(start, end).indexOf(needle))
      .filter((at) => at >= 0);
    const at = found.length === 0 ? 0 : Math.min(...found);
    return windowStart(at, maxLineBytes) === 0 ? 0 : at;
  }
}
