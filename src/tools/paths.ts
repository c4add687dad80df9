import { posix } from "node:path";
import { berthError } from "../contract/errors.ts";
import type { ToolContext } from "./tool.ts";

/** Of Linux, with its NUL. */
const MAX_PATH_BYTES = 4095;

/** A directory of the place as an option names it. @throws config.invalid unless it is absolute */
export function normalPath(field: string, path: string): string {
  if (path.startsWith("/") && !path.includes("\0")) return withoutEnd(posix.normalize(path));
  throw berthError("config.invalid", {
    message: `${field} has to be an absolute path of the place`,
    context: { field },
  });
}

/**
 * Absolute path of what a model names, by its letters alone: links are followed, and held back, where the path is used.
 * @throws fs.outside_workspace
 */
export function insidePath(context: ToolContext, path: string): string {
  return requireInside(context, path, [context.root, ...context.extraRoots]);
}

/** As `insidePath`, for what is only read: whole outputs, too. @throws fs.outside_workspace */
export function readablePath(context: ToolContext, path: string): string {
  return requireInside(context, path, [context.root, ...context.extraRoots, ...context.outputs]);
}

/** The directory of a whole output that a path is in. */
export function outputOf({ outputs }: ToolContext, path: string): string | undefined {
  return [...outputs].find((directory) => isInside(path, directory));
}

function requireInside(context: ToolContext, path: string, roots: readonly string[]): string {
  const whole = withoutEnd(posix.resolve(context.root, path));
  if (Buffer.byteLength(whole) > MAX_PATH_BYTES) {
    throw berthError("ENAMETOOLONG", { context: { path: `${path.slice(0, 100)}…` } });
  }
  // `~` is a home wherever that is; nothing is known of it here.
  const isHome = path === "~" || path.startsWith("~/");
  if (!isHome && roots.some((root) => isInside(whole, root))) return whole;
  throw berthError("fs.outside_workspace", { context: { path } });
}

function isInside(path: string, root: string): boolean {
  return root === "/" || path === root || path.startsWith(`${root}/`);
}

function withoutEnd(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}
