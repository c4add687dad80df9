import { posix } from "node:path";
import type { RunningCall } from "../define.ts";
import type { ToolContext } from "../tool.ts";
import { placeOptions, shownPath } from "./place.ts";

const MAX_NAMES = 5;
/** Of the same name elsewhere. */
const MAX_LOOKED = 100;
/** Help that takes longer is none. */
const LOOK_MS = 3_000;

/** What is known of a path that leads to nothing. */
export interface Near {
  /** Shown paths that may be meant: of its directory those with a similar name, and those of the same name elsewhere. */
  readonly paths: readonly string[];
  /** There is such a name: a link that leads nowhere. */
  readonly isLink: boolean;
}

/** Looks for what may be meant: a round trip that only a failed call makes. Never throws. */
export async function nearPaths(context: ToolContext, path: string, call: RunningCall): Promise<Near> {
  const { fs } = context.runtime;
  const options = { ...placeOptions(context, call, path), timeoutMs: LOOK_MS };
  const [directory, name] = [posix.dirname(path), posix.basename(path)];
  // What can't be looked at helps nobody, and the call has failed already.
  const [siblings, same] = await Promise.all([
    fs.readdir(directory, options).catch(() => []),
    fs
      .search({
        ...options,
        paths: [context.root],
        globs: [literalGlob(name)],
        hidden: true,
        maxResults: MAX_LOOKED,
      })
      .catch(() => undefined),
  ]);
  const similar = siblings
    .map((entry) => ({ path: posix.join(directory, entry.name), distance: distance(name, entry.name) }))
    .filter(({ distance }) => distance <= Math.max(2, Math.floor(name.length / 3)))
    .sort((a, b) => a.distance - b.distance)
    .map(({ path }) => path);
  const elsewhere = (same?.files ?? [])
    .map((file) => ({ path: file.path, common: commonEnd(path, file.path) }))
    .sort((a, b) => b.common - a.common)
    .map((one) => one.path);
  const found = [...new Set([...similar, ...elsewhere])].filter((one) => one !== path);
  return {
    paths: found.slice(0, MAX_NAMES).map((one) => shownPath(context, one)),
    isLink: siblings.some((entry) => entry.name === name),
  };
}

/** Names that both paths end with. */
function commonEnd(one: string, other: string): number {
  const [a, b] = [one.split("/").reverse(), other.split("/").reverse()];
  const different = a.findIndex((name, index) => name !== b[index]);
  return different === -1 ? a.length : different;
}

/** A pattern that only this name matches. */
function literalGlob(name: string): string {
  return name.replace(/[*?[\]{}\\!]/g, "\\$&");
}

/** Letters to change, add or leave out (Levenshtein) between names; case and ending count little. */
function distance(one: string, other: string): number {
  const [a, b] = [one.toLowerCase(), other.toLowerCase()];
  if (a === b) return 0;
  if (stem(a) === stem(b)) return 1;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

function stem(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(0, dot) : name;
}
