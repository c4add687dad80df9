import { berthError } from "../../contract/errors.ts";
import { escapeText } from "./glob.ts";
import {
  BLANK,
  bothCases,
  DIGIT,
  ESCAPED,
  hexadecimal,
  LINE_END,
  NO_TEXT,
  otherCase,
  POSIX,
  WORD,
} from "./pattern-characters.ts";

/** An expression as one of JavaScript, and what is known of it. */
export interface Parsed extends Piece {
  readonly hasCapital: boolean;
  readonly hasLetter: boolean;
  readonly hasLineEnd: boolean;
  readonly onlyHere: boolean;
  /** Said by `(?i)` in front of everything. */
  readonly ignoreCase: boolean;
}

/** A part of the expression. */
interface Piece {
  readonly source: string;
  /** Each match of it has one of these in it. */
  readonly literals: readonly string[] | undefined;
}

interface Atom extends Piece {
  /** It matches this text and nothing else. */
  readonly exact?: string;
  /** It matches one character. */
  readonly single?: boolean;
}

interface Quantifier {
  readonly source: string;
  readonly least: number;
  /** There is no most. */
  readonly endless: boolean;
}

interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
  readonly U: boolean;
  readonly x: boolean;
}

/** Groups inside each other; more would exhaust the stack. */
const MAX_DEPTH = 200;

/** @throws search.pattern_invalid */
export function parsePattern(text: string, multiline: boolean): Parsed {
  return new Parser(text, multiline).parse();
}

/** Reads an expression of the common dialect and writes it as one of JavaScript. */
class Parser {
  readonly #text: string;
  readonly #multiline: boolean;
  #at = 0;
  #depth = 0;
  #flags: Flags;
  #ignoreCase = false;
  #hasCapital = false;
  #hasLetter = false;
  #hasLineEnd = false;
  #onlyHere = false;

  constructor(text: string, multiline: boolean) {
    this.#text = text;
    this.#multiline = multiline;
    this.#flags = { i: false, m: true, s: multiline, U: false, x: false };
  }

  parse(): Parsed {
    const first = /^\(\?([a-zA-Z]+)\)/.exec(this.#text);
    if (first?.[1]?.includes("i")) this.#ignoreCase = true;
    const piece = this.#alternatives();
    if (this.#at < this.#text.length) throw this.#invalid("unopened group");
    return {
      ...piece,
      hasCapital: this.#hasCapital,
      hasLetter: this.#hasLetter,
      hasLineEnd: this.#hasLineEnd,
      onlyHere: this.#onlyHere,
      ignoreCase: this.#ignoreCase,
    };
  }

  #alternatives(): Piece {
    const flags = this.#flags;
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw this.#invalid("groups are nested too deeply");
    const branches: Piece[] = [];
    do branches.push(this.#sequence());
    while (this.#take("|"));
    this.#depth -= 1;
    this.#flags = flags;
    const literals = branches.every((branch) => branch.literals !== undefined)
      ? branches.flatMap((branch) => branch.literals ?? [])
      : undefined;
    return { source: branches.map((branch) => branch.source).join("|"), literals };
  }

  #sequence(): Piece {
    let source = "";
    let best: readonly string[] | undefined;
    let run = "";
    const endRun = () => {
      if (run !== "") best = better(best, [run]);
      run = "";
    };
    for (;;) {
      this.#skipBlanks();
      const character = this.#peek();
      if (character === undefined || character === "|" || character === ")") break;
      const start = this.#at;
      const piece = this.#atom();
      if (piece === undefined) continue;
      const count = this.#quantifier(start);
      // The first match never begins in the middle of a run, so that none is looked at from each of its characters.
      if (source === "" && this.#depth === 1 && !this.#multiline && piece.single && count?.endless) {
        source += `(?<!${piece.source})`;
      }
      source += piece.source + (count?.source ?? "");
      const exact = piece.exact;
      if (count === undefined && exact !== undefined) {
        run += exact;
        continue;
      }
      endRun();
      if (count === undefined || count.least > 0) best = better(best, piece.literals);
    }
    endRun();
    return { source, literals: best };
  }

  /** undefined: a change of flags, which matches nothing. */
  #atom(): Atom | undefined {
    const character = this.#next();
    switch (character) {
      case "(":
        return this.#group();
      case "[":
        return this.#one(this.#class());
      case ".":
        return this.#one(this.#flags.s && this.#multiline ? `[^${NO_TEXT}]` : `[^${LINE_END}${NO_TEXT}]`);
      case "^":
        return this.#piece(this.#flags.m ? "(?<=^|\\n)" : "^");
      case "$":
        return this.#piece(this.#flags.m ? "(?=\\r?(?:\\n|$))" : "$");
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
      case "{":
        throw this.#invalid("repetition operator missing expression");
      default:
        return this.#exact(character);
    }
  }

  #piece(source: string): Piece {
    return { source, literals: undefined };
  }

  /** A set of characters. */
  #one(source: string): Atom {
    return { source, literals: undefined, single: true };
  }

  #exact(character: string): Atom {
    if (/\p{Lu}/u.test(character)) this.#hasCapital = true;
    this.#hasLetter = true;
    if (character === "\n") this.#hasLineEnd = true;
    if (this.#flags.i && !this.#ignoreCase) return this.#one(`[${bothCases(character)}]`);
    return { source: escapeText(character), literals: [character], exact: character, single: true };
  }

  #group(): Piece | undefined {
    const start = this.#at - 1;
    let open = "(?:";
    let counts = true;
    const before = this.#flags;
    if (this.#take("?")) {
      const name = /^(?:P?<([A-Za-z_][\w.[\]]*)>)/.exec(this.#rest());
      const flags = /^([a-zA-Z]*)(?:-([a-zA-Z]+))?([:)])/.exec(this.#rest());
      const look = /^<?[=!]/.exec(this.#rest());
      if (name !== null) {
        this.#at += name[0].length;
        const plainName = (name[1] ?? "").replace(/[.[\]]/g, "_");
        open = `(?<${plainName}>`;
      } else if (look !== null) {
        this.#at += look[0].length;
        this.#onlyHere = true;
        open = `(?${look[0]}`;
        counts = false;
      } else if (flags !== null) {
        this.#at += flags[0].length;
        this.#setFlags(flags[1] ?? "", true);
        this.#setFlags(flags[2] ?? "", false);
        if (flags[3] === ")") return undefined;
      } else {
        throw this.#invalid("unrecognized flag or group");
      }
    } else {
      open = "(";
    }
    const inner = this.#alternatives();
    this.#flags = before;
    if (!this.#take(")")) {
      this.#at = start;
      throw this.#invalid("unclosed group");
    }
    return { source: `${open}${inner.source})`, literals: counts ? inner.literals : undefined };
  }

  #setFlags(letters: string, value: boolean): void {
    for (const letter of letters) {
      if (!"imsUxuR".includes(letter)) throw this.#invalid("unrecognized flag");
      if (letter === "u" && !value) throw this.#invalid("bytes that are no text can't be looked for");
      this.#flags = { ...this.#flags, [letter]: value };
    }
  }

  #quantifier(start: number): Quantifier | undefined {
    this.#skipBlanks();
    const found = /^(?:[*+?]|\{\s*(\d+)\s*(?:,\s*(\d*)\s*)?\})/.exec(this.#rest());
    if (found === null) {
      if (this.#peek() === "{") throw this.#invalid("repetition quantifier expects a valid decimal");
      return undefined;
    }
    this.#at += found[0].length;
    const sign = found[0][0];
    const least = sign === "*" || sign === "?" ? 0 : sign === "+" ? 1 : Number(found[1]);
    if (sign === "{" && (least > 1000 || Number(found[2] ?? 0) > 1000)) {
      throw this.#invalid("the repetition is too long");
    }
    if (this.#text[start] === "^" || this.#text[start] === "$") {
      throw this.#invalid("repetition operator missing expression");
    }
    const lazy = this.#take("?") !== this.#flags.U;
    this.#skipBlanks();
    if (/^[*+]/.test(this.#rest())) throw this.#invalid("a repetition of a repetition needs a group");
    const endless = sign !== "?" && (sign !== "{" || found[2] === "");
    return { source: found[0].replaceAll(/\s/g, "") + (lazy ? "?" : ""), least, endless };
  }

  #escape(): Atom {
    const letter = this.#peek();
    if (letter === undefined) throw this.#invalid("incomplete escape sequence");
    const set = this.#set();
    if (set !== undefined) return this.#one(set.negated ? this.#outside(set.body) : `[${set.body}]`);
    this.#next();
    switch (letter) {
      case "b": {
        if (/^\{/.test(this.#rest())) throw this.#invalid("unrecognized escape sequence");
        return this.#piece(`(?:(?<=[${WORD}])(?![${WORD}])|(?<![${WORD}])(?=[${WORD}]))`);
      }
      case "B":
        return this.#piece(`(?:(?<=[${WORD}])(?=[${WORD}])|(?<![${WORD}])(?![${WORD}]))`);
      case "<":
        return this.#piece(`(?<![${WORD}])(?=[${WORD}])`);
      case ">":
        return this.#piece(`(?<=[${WORD}])(?![${WORD}])`);
      case "A":
        return this.#piece("^");
      case "z":
        return this.#piece("$");
      default:
        if (/[1-9]/.test(letter)) {
          this.#onlyHere = true;
          return this.#piece(`(?:\\${letter})`);
        }
        return this.#exact(this.#escapedCharacter(letter));
    }
  }

  /** `\d`, `\w`, `\s`, `\p{…}` and their opposites, read when there is one. */
  #set(): { readonly body: string; readonly negated: boolean } | undefined {
    const rest = this.#rest();
    const simple = /^[dwsDWS]/.exec(rest)?.[0];
    if (simple !== undefined) {
      this.#at += 1;
      const kind = simple.toLowerCase();
      const negated = simple !== kind;
      const blank = this.#multiline || negated ? `\\n\\r${BLANK}` : BLANK;
      return { body: kind === "d" ? DIGIT : kind === "w" ? WORD : blank, negated };
    }
    const property = /^([pP])(?:\{(\^?)([^}]+)\}|([A-Za-z]))/.exec(rest);
    if (property === null) return undefined;
    this.#at += property[0].length;
    const name = this.#property(property[3] ?? property[4] ?? "");
    return { body: `\\p{${name}}`, negated: (property[1] === "P") !== (property[2] === "^") };
  }

  #property(name: string): string {
    for (const candidate of [name, `Script=${name}`, name[0]?.toUpperCase() + name.slice(1).toLowerCase()]) {
      for (const full of [candidate, `Script=${candidate}`]) {
        try {
          new RegExp(`\\p{${full}}`, "u");
          return full;
        } catch {
          // Another way to write it.
        }
      }
    }
    throw this.#invalid(`Unicode property not found: ${name}`);
  }

  /** Everything but a set: never a line end where lines are looked at. */
  #outside(body: string): string {
    return `[^${body}${this.#multiline ? "" : LINE_END}${NO_TEXT}]`;
  }

  #escapedCharacter(letter: string): string {
    const hex = { x: 2, u: 4, U: 8 }[letter];
    if (hex !== undefined) {
      const found =
        /^\{([0-9A-Fa-f]+)\}/.exec(this.#rest()) ?? new RegExp(`^([0-9A-Fa-f]{${hex}})`).exec(this.#rest());
      const code = Number.parseInt(found?.[1] ?? "", 16);
      if (found === null || !(code <= 0x10ffff)) throw this.#invalid("invalid hexadecimal digit");
      this.#at += found[0].length;
      return String.fromCodePoint(code);
    }
    const control = ESCAPED[letter];
    if (control !== undefined) return control;
    if (/[A-Za-z0-9]/.test(letter)) throw this.#invalid("unrecognized escape sequence");
    return letter;
  }

  /** A `[…]`, whose bracket is read already. */
  #class(): string {
    const start = this.#at - 1;
    const negated = this.#take("^");
    let body = "";
    const others: string[] = [];
    let hasLineEnd = false;
    for (let first = true; ; first = false) {
      const character = this.#peek();
      if (character === undefined) {
        this.#at = start;
        throw this.#invalid("unclosed character class");
      }
      if (character === "]" && !first) break;
      if (/^(?:&&|--|~~)/.test(this.#rest()) && !first) {
        throw this.#invalid("sets of a character class can't be combined here");
      }
      const posix = /^\[:(\^?)([a-z]+):\]/.exec(this.#rest());
      if (posix !== null) {
        const known = POSIX[posix[2] ?? ""];
        if (known === undefined) throw this.#invalid("unrecognized POSIX class");
        this.#at += posix[0].length;
        if (posix[1] === "^") others.push(`[^${known}]`);
        else body += known;
        hasLineEnd ||= posix[2] === "space" || posix[2] === "ascii" || posix[2] === "cntrl";
        continue;
      }
      if (character === "[") {
        this.#next();
        others.push(this.#class());
        continue;
      }
      const set = character === "\\" ? this.#classSet() : undefined;
      if (set !== undefined) {
        if (set.negated) others.push(`[^${set.body}]`);
        else body += set.body;
        continue;
      }
      const low = this.#classCharacter();
      if (this.#peek() === "-" && !/^-(?:\]|-)/.test(this.#rest())) {
        this.#next();
        const high = this.#classCharacter();
        const [from, to] = [low.codePointAt(0) ?? 0, high.codePointAt(0) ?? 0];
        if (from > to) throw this.#invalid("invalid character class range");
        hasLineEnd ||= from <= 10 && to >= 10;
        body += `${hexadecimal(from)}-${hexadecimal(to)}`;
        if (this.#flags.i && !this.#ignoreCase) body += otherCase(from, to);
      } else {
        hasLineEnd ||= low === "\n";
        body += this.#flags.i && !this.#ignoreCase ? bothCases(low) : hexadecimal(low.codePointAt(0) ?? 0);
      }
    }
    this.#next();
    const never = `${this.#multiline ? "" : LINE_END}${NO_TEXT}`;
    if (others.length === 0) {
      if (negated) return `[^${body}${never}]`;
      return hasLineEnd && !this.#multiline ? `(?!\\n)[${body}]` : `[${body}]`;
    }
    const any = [...(body === "" ? [] : [`[${body}]`]), ...others].join("|");
    return negated ? `(?!${any})[^${never}]` : `(?![${never}])(?:${any})`;
  }

  #classSet(): { readonly body: string; readonly negated: boolean } | undefined {
    this.#at += 1;
    const set = this.#set();
    if (set === undefined) this.#at -= 1;
    return set;
  }

  #classCharacter(): string {
    const character = this.#next();
    if (character === "") throw this.#invalid("unclosed character class");
    const meant = character === "\\" ? this.#escapedCharacter(this.#next()) : character;
    if (/\p{Lu}/u.test(meant)) this.#hasCapital = true;
    this.#hasLetter = true;
    return meant;
  }

  #skipBlanks(): void {
    if (!this.#flags.x) return;
    const found = /^(?:\s|#[^\n]*)+/.exec(this.#rest());
    this.#at += found?.[0].length ?? 0;
  }

  #rest(): string {
    return this.#text.slice(this.#at, this.#at + 64 + (this.#flags.x ? this.#text.length : 0));
  }

  #peek(): string | undefined {
    const code = this.#text.codePointAt(this.#at);
    return code === undefined ? undefined : String.fromCodePoint(code);
  }

  #next(): string {
    const character = this.#peek() ?? "";
    this.#at += character.length;
    return character;
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #invalid(reason: string): Error {
    return patternInvalid(
      this.#text,
      `${reason}, at character ${[...this.#text.slice(0, this.#at)].length + 1}`,
    );
  }
}

function better(
  left: readonly string[] | undefined,
  right: readonly string[] | undefined,
): readonly string[] | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return shortest(right) > shortest(left) ? right : left;
}

function shortest(literals: readonly string[]): number {
  return Math.min(...literals.map((one) => one.length));
}

export function patternInvalid(pattern: string, reason: string, hint?: string): Error {
  return berthError("search.pattern_invalid", {
    message: `the pattern is not a regular expression: ${reason}`,
    ...(hint === undefined ? {} : { hint }),
    context: { pattern: pattern.slice(0, 200) },
  });
}
