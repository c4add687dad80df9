import { posix } from "node:path";
import { berthError } from "../contract/errors.ts";
import type { ToolContext } from "./tool.ts";

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
  const whole = withoutEnd(posix.resolve(context.root, path));
  const inside = (root: string) => root === "/" || whole === root || whole.startsWith(`${root}/`);
  // `~` is a home wherever that is; nothing is known of it here.
  const isHome = path === "~" || path.startsWith("~/");
  if (!isHome && [context.root, ...context.extraRoots].some(inside)) return whole;
  throw berthError("fs.outside_workspace", { context: { path } });
}

function withoutEnd(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}
