import { berthError } from "../../contract/errors.ts";
import { compilePattern, type PatternOptions } from "./pattern.ts";

/** A pattern for a `grep` of a place. */
export interface GrepPattern {
  /** Of grep, without those that say what is printed. */
  readonly flags: readonly string[];
  readonly text: string;
  /** Each match has one of these in it; undefined when that is not known. */
  readonly literals: readonly string[] | undefined;
}

/** Bytes of ASCII but NUL and what ends lines, which no set of characters has. */
const ASCII = Array.from({ length: 128 }, (_, code) => code).filter((code) => ![0, 10, 13].includes(code));
const SPECIAL = /[\\.[\](){}*+?^$|]/;
const CONTROLS: Readonly<Record<string, string>> = { t: "\t", r: "\r", f: "\f", v: "\v", a: "\x07" };
/** Regions that a backslash or a name in brackets means, of ASCII: bytes are compared, not characters. */
const SETS: Readonly<Record<string, RegExp>> = {
  d: /[0-9]/,
  w: /[0-9A-Za-z_]/,
  s: /[\t\v\f\r ]/,
  alnum: /[0-9A-Za-z]/,
  alpha: /[A-Za-z]/,
  ascii: /[\x01-\x7f]/,
  blank: /[\t ]/,
  cntrl: /[\x01-\x1f\x7f]/,
  digit: /[0-9]/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[\t\v\f\r ]/,
  upper: /[A-Z]/,
  word: /[0-9A-Za-z_]/,
  xdigit: /[0-9A-Fa-f]/,
};

/**
 * A pattern of the common dialect as an extended expression of POSIX, for a grep that compares bytes (LC_ALL=C). A lazy
 * repetition finds the same lines as any other.
 * @throws search.pattern_invalid, also for what such an expression can't say: looks around, references back, matches over
 * several lines, Unicode properties
 */
export function grepPattern(text: string, options: PatternOptions): GrepPattern {
  if (options.multiline) throw unable(text, "matches over several lines");
  const { ignoreCase, literals } = compilePattern(text, options);
  const flags = [
    options.literal ? "-F" : "-E",
    ...(ignoreCase ? ["-i"] : []),
    ...(options.word ? ["-w"] : []),
  ];
  return { flags, literals, text: options.literal ? text : new Translation(text).run() };
}

/** Reads an expression that is known to be a valid one. */
class Translation {
  readonly #text: string;
  #at = 0;
  #source = "";

  constructor(text: string) {
    this.#text = text;
  }

  run(): string {
    // compilePattern has understood it already.
    this.#skip(/^\(\?i\)/);
    while (this.#at < this.#text.length) this.#piece();
    return this.#source;
  }

  #piece(): void {
    const group = this.#skip(/^\((?:\?(?::|P?<[A-Za-z_][^>]*>))?/);
    if (group !== undefined) {
      if (this.#text[this.#at] === "?") throw this.#unable("looks around and flags within the expression");
      this.#source += "(";
      return;
    }
    const count = this.#skip(/^(?:[*+?]|\{\s*\d+\s*(?:,\s*\d*\s*)?\})/);
    if (count !== undefined) {
      this.#source += count.replaceAll(/\s/g, "");
      this.#skip(/^\?/);
      return;
    }
    const character = this.#next();
    if (character === "[") this.#source += setSource(this.#set());
    else if (character === "\\") this.#source += this.#escape();
    // A line that ends by CR LF ends before both.
    else if (character === "$") this.#source += "\r?$";
    else if (character === ".") this.#source += "[^\r]";
    else if (")|^".includes(character)) this.#source += character;
    else this.#source += literal(character);
  }

  #escape(): string {
    const letter = this.#next();
    if ("bB<>".includes(letter)) return `\\${letter}`;
    if ("dwsDWS".includes(letter))
      return setSource(known(letter.toLowerCase(), letter === letter.toUpperCase()));
    return literal(this.#escaped(letter));
  }

  #escaped(letter: string): string {
    if (/[1-9]/.test(letter)) throw this.#unable("references back");
    if (/[pP]/.test(letter)) throw this.#unable("Unicode properties");
    if (/[Az]/.test(letter)) throw this.#unable("ends of the text");
    const digits = { x: 2, u: 4, U: 8 }[letter];
    if (digits !== undefined) {
      const found =
        this.#skip(/^\{[0-9A-Fa-f]+\}/) ?? this.#skip(new RegExp(`^[0-9A-Fa-f]{${digits}}`)) ?? "";
      const code = Number.parseInt(found.replace("{", ""), 16);
      if (code === 0) throw this.#unable("NUL");
      return String.fromCodePoint(code);
    }
    return CONTROLS[letter] ?? letter;
  }

  /** What is behind a `[`, to its end. */
  #set(): CharacterSet {
    const negated = this.#skip(/^\^/) !== undefined;
    const set: MutableSet = { ascii: new Set(), others: false, also: new Set() };
    for (let first = true; first || this.#text[this.#at] !== "]"; first = false) {
      const posix = this.#skip(/^\[:\^?[a-z]+:\]/);
      if (posix !== undefined) {
        add(set, known(posix.replaceAll(/[^a-z]/g, ""), posix.startsWith("[:^")));
      } else if (this.#skip(/^\[/) !== undefined) {
        add(set, this.#set());
      } else {
        const letters = this.#skip(/^\\[dwsDWS]/);
        if (letters === undefined) this.#range(set);
        else add(set, known(letters[1]!.toLowerCase(), /[DWS]/.test(letters)));
      }
    }
    this.#at += 1;
    if (!negated) return set;
    if (set.also.size > 0) throw this.#unable("characters beyond ASCII that are left out");
    return {
      ascii: new Set(ASCII.filter((code) => !set.ascii.has(code))),
      others: !set.others,
      also: new Set(),
    };
  }

  #range(set: MutableSet): void {
    const low = this.#member();
    const high = this.#skip(/^-(?!\]|-)/) === undefined ? low : this.#member();
    const [from, to] = [low.codePointAt(0) ?? 0, high.codePointAt(0) ?? 0];
    for (const code of ASCII) if (code >= from && code <= to) set.ascii.add(code);
    if (to < 128) return;
    if (low !== high) throw this.#unable("ranges of characters beyond ASCII");
    set.also.add(low);
  }

  #member(): string {
    const character = this.#next();
    return character === "\\" ? this.#escaped(this.#next()) : character;
  }

  #next(): string {
    const character = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0);
    this.#at += character.length;
    return character;
  }

  /** Reads what an expression finds here. */
  #skip(expression: RegExp): string | undefined {
    const found = expression.exec(this.#text.slice(this.#at))?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #unable(what: string): Error {
    return unable(this.#text, what);
  }
}

interface CharacterSet {
  /** Codes of ASCII. */
  readonly ascii: ReadonlySet<number>;
  /** All bytes beyond ASCII. */
  readonly others: boolean;
  /** Characters beyond ASCII. */
  readonly also: ReadonlySet<string>;
}

interface MutableSet {
  readonly ascii: Set<number>;
  others: boolean;
  readonly also: Set<string>;
}

function known(name: string, negated: boolean): CharacterSet {
  const expression = SETS[name]!;
  const ascii = ASCII.filter((code) => expression.test(String.fromCharCode(code)) !== negated);
  return { ascii: new Set(ascii), others: negated, also: new Set() };
}

function add(set: MutableSet, { ascii, others, also }: CharacterSet): void {
  for (const code of ascii) set.ascii.add(code);
  for (const character of also) set.also.add(character);
  set.others ||= others;
}

function setSource({ ascii, others, also }: CharacterSet): string {
  if (others) {
    return `[^${members([13, ...ASCII.filter((code) => !ascii.has(code))])}]`;
  }
  // In front it would turn the set round.
  const inside = members([...ascii]).replace(/^\^-?$/, (found) => (found === "^" ? "" : "-^"));
  const own = ascii.size === 0 ? [] : [inside === "" ? "\\^" : `[${inside}]`];
  return also.size === 0 ? own.join("") : `(${[...own, ...also].join("|")})`;
}

/** In an order that gives none of them another meaning: `]` first, then the others, `^` and `-` last. */
function members(codes: readonly number[]): string {
  const place = (code: number) =>
    code === 0x5d ? 0 : code === 0x5b ? 2 : code === 0x5e ? 3 : code === 0x2d ? 4 : 1;
  const ordered = [...codes].sort((left, right) => place(left) - place(right) || left - right);
  return String.fromCharCode(...ordered);
}

function literal(character: string): string {
  // Several bytes, of which a repetition would be of the last one.
  if (character > "\x7f") return `(${character})`;
  return SPECIAL.test(character) && !"]}".includes(character) ? `\\${character}` : character;
}

function unable(pattern: string, what: string): Error {
  return berthError("search.pattern_invalid", {
    message: `the place has neither Berth's daemon nor ripgrep, and its grep can't look for ${what}`,
    hint: "Look for something simpler, or for plain text, and narrow down what is found.",
    context: { pattern: pattern.slice(0, 200) },
  });
}
