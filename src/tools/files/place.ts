import type { Containment } from "../../contract/files.ts";
import type { RunningCall } from "../define.ts";
import { outputOf } from "../paths.ts";
import type { ToolContext } from "../tool.ts";

/**
 * Options of every request of a file tool: what the call may reach, and that it ends with the call. `reads`: what is read
 * and not changed, which may be a whole output.
 */
export function placeOptions(
  context: ToolContext,
  call: Pick<RunningCall, "signal">,
  reads?: string,
): { readonly contained: Containment; readonly signal: AbortSignal } {
  const { root, extraRoots } = context;
  const output = reads === undefined ? undefined : outputOf(context, reads);
  const contained = { root, extraRoots: output === undefined ? extraRoots : [...extraRoots, output] };
  return { contained, signal: call.signal };
}

/** What the descriptions of the file tools say of where paths begin, and may lead. */
export function rootNote({ root, extraRoots }: ToolContext): string {
  return `Root: ${root}.${extraRoots.length === 0 ? "" : ` Also allowed: ${extraRoots.join(", ")}.`}`;
}

/** As models name it: relative to the root where it is inside. */
export function shownPath(context: ToolContext, path: string): string {
  if (path === context.root) return ".";
  const start = context.root === "/" ? "/" : `${context.root}/`;
  return path.startsWith(start) ? path.slice(start.length) : path;
}

/** The same in a sentence, where a dot would say little. */
export function namedPath(context: ToolContext, path: string): string {
  return path === context.root ? `${path} (the root)` : shownPath(context, path);
}

/** A path in a list of lines, whatever is in it: control characters are told by their codes. */
export function inLine(path: string): string {
  return path.replace(
    /[\0-\x1f\x7f]/g,
    (letter) => `\\x${letter.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
