import picomatch from "picomatch";
import { isTemporaryName } from "../../files/temporary.ts";

/**
 * Whether an entry is left out of a watch, by its path relative to the watched directory. A pattern without a slash
 * matches the name at any depth, one with a slash the whole path; an ignored directory is not entered. Berth's own
 * temporaries are always left out: what counts is the rename that follows.
 */
export function ignoreMatcher(patterns: readonly string[]): (path: string, name: string) => boolean {
  const names: string[] = [];
  const paths: string[] = [];
  for (const pattern of patterns) {
    const clean = pattern.replace(/^(\.?\/)+/, "").replace(/\/+$/, "");
    if (clean === "") continue;
    // "/dist" means the one at the top only.
    if (clean.includes("/") || /^\.?\//.test(pattern)) paths.push(clean);
    else names.push(clean);
  }
  const matchesName = names.length === 0 ? undefined : picomatch(names, { dot: true });
  const matchesPath = paths.length === 0 ? undefined : picomatch(paths, { dot: true });
  return (path, name) =>
    isTemporaryName(name) || matchesName?.(name) === true || matchesPath?.(path) === true;
}
