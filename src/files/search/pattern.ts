import { escapeText } from "./glob.ts";
import { WORD } from "./pattern-characters.ts";
import { type Parsed, parsePattern, patternInvalid } from "./pattern-parser.ts";

export interface PatternOptions {
  readonly literal: boolean;
  readonly ignoreCase: boolean | "smart";
  readonly word: boolean;
  readonly multiline: boolean;
}

/** A pattern, ready to look with. */
export interface Pattern {
  /** With the flags g and u. */
  readonly expression: RegExp;
  /** Each match has one of these in it; undefined when that is not known. */
  readonly literals: readonly string[] | undefined;
  /** The literal is all there is to it: where it is, there is a match. */
  readonly isLiteral: boolean;
  readonly ignoreCase: boolean;
  /** It has what ripgrep's own expressions have not: a look around, or a reference back. */
  readonly onlyHere: boolean;
}

/** Text of a match without which there is none is looked for by bytes, when it is at least this long. */
const MIN_LITERAL = 2;
const MAX_LITERALS = 16;

/**
 * Makes what looks for a pattern: plain text, or an expression of the common dialect (Perl's and ripgrep's), where lines
 * are looked at one by one unless `multiline`.
 * @throws search.pattern_invalid
 */
export function compilePattern(text: string, options: PatternOptions): Pattern {
  const { literal, word, multiline } = options;
  const parsed = literal ? plain(text) : parsePattern(text, multiline);
  if (!multiline && parsed.hasLineEnd) {
    throw patternInvalid(
      text,
      "a line has no line end in it",
      "Ask for `multiline`, or leave the line end out.",
    );
  }
  const ignoreCase =
    options.ignoreCase === "smart" ? !parsed.hasCapital && parsed.hasLetter : options.ignoreCase;
  const whole = word ? `(?<![${WORD}])(?:${parsed.source})(?![${WORD}])` : parsed.source;
  const anyCase = ignoreCase || parsed.ignoreCase;
  const literals = anyCase ? undefined : usable(parsed.literals);
  let expression: RegExp;
  try {
    expression = new RegExp(whole, anyCase ? "giu" : "gu");
  } catch (error) {
    throw patternInvalid(text, (error as Error).message.replace(/^Invalid regular expression: /, ""));
  }
  const isLiteral = literal && !word && literals !== undefined;
  return { expression, literals, isLiteral, ignoreCase: anyCase, onlyHere: parsed.onlyHere };
}

function usable(literals: readonly string[] | undefined): readonly string[] | undefined {
  if (literals === undefined || literals.length > MAX_LITERALS) return undefined;
  return literals.every((one) => one.length >= MIN_LITERAL) ? literals : undefined;
}

function plain(text: string): Parsed {
  return {
    source: escapeText(text),
    literals: text === "" ? undefined : [text],
    hasCapital: /\p{Lu}/u.test(text),
    hasLetter: text !== "",
    hasLineEnd: text.includes("\n"),
    onlyHere: false,
    ignoreCase: false,
  };
}
