import { globSource } from "./glob.ts";

/** One line of an ignore file. */
interface Rule {
  readonly order: number;
  readonly negated: boolean;
  readonly directoriesOnly: boolean;
  /** Of the whole path; undefined where the name alone decides. */
  readonly expression: RegExp | undefined;
}

const PLAIN_NAME = /^[^*?[\]{}\\/]+$/;
const SUFFIX = /^\*(\.[^*?[\]{}\\/.]+)$/;

/**
 * The rules of one ignore file (gitignore(5)); the last one that matches decides. Most rules are names or endings of
 * names: these are looked up, so that many of them cost no more than one.
 */
export class IgnoreRules {
  readonly #names = new Map<string, Rule[]>();
  readonly #suffixes = new Map<string, Rule[]>();
  readonly #paths: Rule[] = [];
  #count = 0;

  /** A line that is no pattern is left out. */
  constructor(text: string) {
    for (const line of text.replace(/^\ufeff/, "").split("\n")) this.#add(line.replace(/\r$/, ""));
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /**
   * @param path relative to the directory of the file
   * @returns true: ignored; false: expressly not; undefined: nothing is said of it
   */
  match(path: string, name: string, isDirectory: boolean): boolean | undefined {
    let best: Rule | undefined = last(this.#names.get(name), isDirectory);
    const dot = name.lastIndexOf(".");
    if (dot >= 0 && this.#suffixes.size > 0) {
      best = later(best, last(this.#suffixes.get(name.slice(dot)), isDirectory));
    }
    for (let index = this.#paths.length - 1; index >= 0; index--) {
      const rule = this.#paths[index]!;
      if (best !== undefined && best.order > rule.order) break;
      if (rule.directoriesOnly && !isDirectory) continue;
      if (rule.expression?.test(path)) {
        best = rule;
        break;
      }
    }
    return best === undefined ? undefined : !best.negated;
  }

  #add(line: string): void {
    if (line.startsWith("#")) return;
    let pattern = line.replace(/(?<!\\)[ \t]+$/, "");
    const negated = pattern.startsWith("!");
    if (negated) pattern = pattern.slice(1);
    const anchored = pattern.startsWith("/");
    if (anchored) pattern = pattern.slice(1);
    const directoriesOnly = pattern.endsWith("/");
    if (directoriesOnly) pattern = pattern.slice(0, -1);
    if (pattern === "") return;
    const base = { order: this.#count++, negated, directoriesOnly };
    const anywhere = !anchored && !pattern.includes("/");
    const suffix = anywhere ? SUFFIX.exec(pattern)?.[1] : undefined;
    if (anywhere && PLAIN_NAME.test(pattern)) {
      put(this.#names, pattern, { ...base, expression: undefined });
    } else if (suffix !== undefined) {
      put(this.#suffixes, suffix, { ...base, expression: undefined });
    } else {
      const source = globSource(pattern);
      if (source === undefined) return;
      const whole = anywhere ? `(?:[^]*/)?${source}` : source;
      this.#paths.push({ ...base, expression: new RegExp(`^(?:${whole})$`, "u") });
    }
  }
}

function put(map: Map<string, Rule[]>, key: string, rule: Rule): void {
  const rules = map.get(key);
  if (rules === undefined) map.set(key, [rule]);
  else rules.push(rule);
}

function last(rules: readonly Rule[] | undefined, isDirectory: boolean): Rule | undefined {
  if (rules === undefined) return undefined;
  for (let index = rules.length - 1; index >= 0; index--) {
    const rule = rules[index]!;
    if (isDirectory || !rule.directoriesOnly) return rule;
  }
  return undefined;
}

function later(left: Rule | undefined, right: Rule | undefined): Rule | undefined {
  if (left === undefined) return right;
  return right !== undefined && right.order > left.order ? right : left;
}

/** Names of ignore files, the strongest first. */
export const IGNORE_FILES = [".rgignore", ".ignore", ".gitignore"] as const;
/** Which of a level's rules are the repository's: they end at its root. */
const REPOSITORY_KINDS = 2;

/**
 * The rules of one directory, and of those above it. `rules`: of `IGNORE_FILES` in their order, then those of
 * .git/info/exclude.
 */
export interface IgnoreLevel {
  readonly above: IgnoreLevel | undefined;
  readonly rules: readonly (IgnoreRules | undefined)[];
  /** The directory is a repository's root. */
  readonly isRepository: boolean;
  /**
   * Where the directory's own entries begin in paths relative to the searched directory; for one above that, undefined,
   * and `prefix` is put in front of them.
   */
  readonly start: number;
  /** The way from this directory to the searched one, with a slash at its end; "" at and below the searched one. */
  readonly prefix: string;
}

/**
 * Whether an entry is left out, as ripgrep has it: each kind of file is asked from the nearest directory up, and the
 * strongest kind that says something decides.
 * @param path relative to the searched directory
 */
export function isIgnored(
  nearest: IgnoreLevel | undefined,
  path: string,
  name: string,
  isDirectory: boolean,
): boolean {
  for (let kind = 0; kind <= IGNORE_FILES.length; kind++) {
    for (let level = nearest; level !== undefined; level = level.above) {
      const rules = level.rules[kind];
      if (rules !== undefined) {
        const relative = level.prefix === "" ? path.slice(level.start) : level.prefix + path;
        const found = rules.match(relative, name, isDirectory);
        if (found !== undefined) return found;
      }
      if (level.isRepository && kind >= REPOSITORY_KINDS) break;
    }
  }
  return false;
}
