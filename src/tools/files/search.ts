import { posix } from "node:path";
import { isBerthError } from "../../contract/errors.ts";
import type { SearchOptions, SearchResult } from "../../contract/text.ts";
import type { RunningCall } from "../define.ts";
import type { ToolContext } from "../tool.ts";
import { noSuchPath } from "./errors.ts";
import { placeOptions, shownPath } from "./place.ts";

/** Of what could not be looked at, so much is told. */
const MAX_SKIPPED = 5;

/** Searches in one directory or file. @throws ENOENT with what may be meant, search.pattern_invalid */
export async function searchIn(
  context: ToolContext,
  call: RunningCall,
  path: string,
  options: Omit<SearchOptions, "paths">,
): Promise<SearchResult> {
  let result: SearchResult;
  try {
    const reach = placeOptions(context, call, path);
    result = await context.runtime.fs.search({ ...reach, ...options, paths: [path] });
  } catch (error) {
    call.signal.throwIfAborted();
    throw isBerthError(error, "ENOENT") ? await noSuchPath(context, path, call) : error;
  }
  return result;
}

/**
 * A pattern relative to the directory that it is looked for in: one that begins elsewhere (absolute, or with "..") is parted
 * where its first special character is.
 */
export function patternWithin(
  directory: string,
  pattern: string,
): { readonly directory: string; readonly rest: string } {
  const plain = pattern.replace(/^(?:\.\/+)+/, "");
  if (!plain.startsWith("/") && !plain.split("/").includes("..")) return { directory, rest: plain };
  const parts = plain.split("/");
  const special = parts.findIndex((part) => /[*?[{\\]/.test(part));
  const split = special === -1 ? parts.length - 1 : special;
  const start = parts.slice(0, split).join("/");
  return {
    directory: plain.startsWith("/") ? start || "/" : posix.join(directory, start),
    // With a slash in front it is no name that may be anywhere.
    rest: `/${parts.slice(split).join("/")}`,
  };
}

/** What could not be looked at, for the model. */
export function skippedNotes(context: ToolContext, { skipped }: SearchResult): string[] {
  if (skipped.length === 0) return [];
  const shown = skipped
    .slice(0, MAX_SKIPPED)
    .map(({ path, reason }) => `${shownPath(context, path)} (${reason})`);
  const more = skipped.length > MAX_SKIPPED ? ", and more" : "";
  return [`not looked at: ${shown.join(", ")}${more}`];
}
