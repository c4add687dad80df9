import { splitPath } from "../names.ts";
import type { OutputShape } from "./ripgrep-output.ts";
import type { TreeSearch } from "./tree.ts";

/** Release from which on ripgrep has all that is used (--no-require-git, --no-context-separator). */
export const OLDEST_RIPGREP = 12;

/** A directory that lies in no repository: the rules above it don't count. */
export const NO_PARENT_RULES = "--no-ignore-parent";

export type RipgrepSearch = Omit<TreeSearch, "roots">;

/**
 * With lines over several lines, ripgrep would count matches and not lines; and of files that are named it counts binary
 * ones, too.
 */
export function outputShape({ limits: { show }, pattern }: RipgrepSearch, isFile: boolean): OutputShape {
  return isFile || (show === "count" && pattern?.multiline) ? "lines" : show;
}

const ALWAYS = [
  "--no-config",
  "--color=never",
  "--no-heading",
  "--with-filename",
  "--null",
  "--no-mmap",
  "--crlf",
  "--no-ignore-messages",
  "--no-ignore-global",
  "--no-require-git",
  "--glob=!.git",
];

export interface RipgrepHow {
  readonly shape: OutputShape;
  /** One file after the other, in the order that the result has. */
  readonly inOrder: boolean;
}

/** What follows are the files and directories to look in. */
export function ripgrepArguments(search: RipgrepSearch, { shape, inOrder }: RipgrepHow): string[] {
  const { pattern, limits } = search;
  const args = [...ALWAYS];
  if (pattern === undefined) return args;
  const before = limits.show === "lines" ? pattern.before : 0;
  const after = limits.show === "lines" ? limits.after : 0;
  if (shape === "lines") args.push("--line-number", "--column", "--no-context-separator");
  else args.push(shape === "files" ? "--files-with-matches" : "--count");
  if (before > 0) args.push(`--before-context=${before}`);
  if (after > 0) args.push(`--after-context=${after}`);
  // Lines behind the last match that counts may have further ones.
  if (after === 0 && Number.isFinite(limits.maxPerFile) && !pattern.multiline) {
    args.push(`--max-count=${limits.maxPerFile}`);
  }
  if (pattern.literal) args.push("--fixed-strings");
  if (pattern.word) args.push("--word-regexp");
  if (pattern.multiline) args.push("--multiline", "--multiline-dotall");
  if (pattern.ignoreCase === "smart") args.push("--smart-case");
  else args.push(pattern.ignoreCase ? "--ignore-case" : "--case-sensitive");
  if (Number.isFinite(search.maxDepth)) args.push(`--max-depth=${search.maxDepth}`);
  if (Number.isFinite(search.maxFileBytes)) args.push(`--max-filesize=${search.maxFileBytes}`);
  if (search.hidden) args.push("--hidden");
  if (search.ignored) args.push("--no-ignore");
  if (inOrder) args.push(search.sort === "modified" ? "--sortr=modified" : "--sort=path");
  args.push(...globArgs(search.globs));
  args.push(`--regexp=${pattern.text}`, "--");
  return args;
}

/**
 * Globs as ripgrep can help with: what they leave out is never entered, and names that none of them could mean are not
 * looked at. Its own globs for what is wanted would bring back what is ignored, so the rest is left to `placer`.
 */
function globArgs(globs: readonly string[]): string[] {
  const left = globs.filter((glob) => glob.startsWith("!"));
  const wanted = globs.filter((glob) => !glob.startsWith("!"));
  const args = left.map((glob) => `--glob=${glob}`);
  const names = wanted.map((glob) => splitPath(glob).name);
  // The braces of a glob may hold a slash, and so may belong to several names.
  const isPlain =
    names.every((name) => name !== "**" && name !== "." && !/[{}\\]/.test(name)) &&
    !wanted.some((glob) => /[{}\\]/.test(glob) && glob.includes("/"));
  if (names.length > 0 && isPlain) {
    args.push(...names.map((name) => `--type-add=berth:${name}`), "--type=berth");
  }
  return args;
}
