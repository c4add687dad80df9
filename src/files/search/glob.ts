import { berthError } from "../../contract/errors.ts";

/** Characters with a meaning in a regular expression with the flag "u". */
const SYNTAX = /[\\^$.*+?()[\]{}|/]/g;

/** Text as the source of a regular expression that matches it. */
export function escapeText(text: string): string {
  return text.replace(SYNTAX, "\\$&").replace(/\n/g, "\\n");
}

/**
 * The source of a regular expression for a path without a slash in front: `*`, `?` and `[…]` stay within a name, `**`
 * between slashes is any number of directories, `{a,b}` either, and a backslash takes the meaning from what follows.
 * @returns undefined when a bracket or brace is not closed
 */
export function globSource(glob: string): string | undefined {
  let source = "";
  let depth = 0;
  for (let index = 0, step = 0; index < glob.length; index += step) {
    const character = characterAt(glob, index);
    step = character.length;
    if (character === "*") {
      while (glob[index + step] === "*") step += 1;
      const next = glob[index + step];
      const isWhole = step === 2 && (index === 0 || glob[index - 1] === "/");
      if (isWhole && next === "/") {
        source += "(?:[^]*/)?";
        step += 1;
      } else {
        source += isWhole && next === undefined ? "[^]+" : "[^/]*";
      }
    } else if (character === "[") {
      const found = bracket(glob, index);
      if (found === undefined) return undefined;
      source += found.source;
      step = found.end - index;
    } else if (character === "\\") {
      if (index + 1 === glob.length) return undefined;
      const meant = characterAt(glob, index + 1);
      source += escapeText(meant);
      step += meant.length;
    } else if (character === "{") {
      depth += 1;
      source += "(?:";
    } else if (character === "}") {
      if (depth === 0) return undefined;
      depth -= 1;
      source += ")";
    } else if (character === "," && depth > 0) {
      source += "|";
    } else {
      source += character === "?" ? "[^/]" : escapeText(character);
    }
  }
  return depth === 0 ? source : undefined;
}

function characterAt(text: string, index: number): string {
  return String.fromCodePoint(text.codePointAt(index) ?? 0);
}

/** A `[…]` that begins at `start`. */
function bracket(glob: string, start: number): { readonly source: string; readonly end: number } | undefined {
  let index = start + 1;
  const negated = glob[index] === "!" || glob[index] === "^";
  if (negated) index += 1;
  let inside = "";
  for (let first = true; ; first = false) {
    if (index >= glob.length) return undefined;
    if (glob[index] === "]" && !first) break;
    const low = characterAt(glob, index);
    index += low.length;
    const upper = glob[index + 1];
    if (glob[index] === "-" && upper !== undefined && upper !== "]") {
      const high = characterAt(glob, index + 1);
      index += 1 + high.length;
      if ((low.codePointAt(0) ?? 0) > (high.codePointAt(0) ?? 0)) return undefined;
      inside += `${classText(low)}-${classText(high)}`;
    } else {
      inside += classText(low);
    }
  }
  return { source: `(?!/)[${negated ? "^" : ""}${inside}]`, end: index + 1 };
}

function classText(character: string): string {
  return /[\\\]^-]/.test(character) ? `\\${character}` : character;
}

/** Whether an entry is meant by globs; a directory that none can lie in is told by `prunes`. */
export interface GlobFilter {
  /** @param path relative to the directory that is searched */
  takes(path: string, name: string): boolean;
  /** The directory and all in it are left out. */
  prunes(path: string, name: string): boolean;
}

interface CompiledGlob {
  readonly expression: RegExp;
  readonly wholePath: boolean;
}

/**
 * Globs of a search: an entry has to match one of those without `!`, where there are some, and none of those with it. One
 * without a slash matches names, another the path relative to what is searched.
 * @throws search.pattern_invalid
 */
export function globFilter(globs: readonly string[]): GlobFilter {
  const wanted: CompiledGlob[] = [];
  const left: CompiledGlob[] = [];
  for (const glob of globs) {
    if (glob.startsWith("!")) left.push(compile(glob, glob.slice(1)));
    else wanted.push(compile(glob, glob));
  }
  const prunes = (path: string, name: string): boolean => left.some((one) => matches(one, path, name));
  return {
    prunes,
    takes: (path, name) =>
      (wanted.length === 0 || wanted.some((one) => matches(one, path, name))) && !prunes(path, name),
  };
}

function matches({ expression, wholePath }: CompiledGlob, path: string, name: string): boolean {
  return expression.test(wholePath ? path : name);
}

function compile(glob: string, pattern: string): CompiledGlob {
  const clean = pattern.replace(/^(?:\.\/)+/, "").replace(/(?<=.)\/+$/, "");
  const source = clean === "" ? undefined : globSource(clean.replace(/^\/+/, ""));
  if (source === undefined) {
    throw berthError("search.pattern_invalid", {
      message: `the glob ${JSON.stringify(glob)} is not valid`,
      hint: "Close each [ and {, or put a backslash in front of it.",
      context: { glob },
    });
  }
  return { expression: new RegExp(`^(?:${source})$`, "u"), wholePath: clean.includes("/") };
}
