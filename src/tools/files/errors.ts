import { BerthError, berthError } from "../../contract/errors.ts";
import type { RunningCall } from "../define.ts";
import type { ToolContext } from "../tool.ts";
import { nearPaths } from "./near.ts";
import { namedPath } from "./place.ts";

/** The error of a path that there is not, with those that may be meant: a round trip that only a failed call makes. */
export async function noSuchPath(context: ToolContext, path: string, call: RunningCall): Promise<BerthError> {
  const { paths, isLink } = await nearPaths(context, path, call);
  call.signal.throwIfAborted();
  const name = namedPath(context, path);
  return berthError("ENOENT", {
    message: isLink ? `${name} is a link to what is not there` : `there is no ${name}`,
    hint: paths.length === 0 ? "Look for it with glob or list." : `There is: ${paths.join(", ")}`,
    context: { path },
  });
}

/** The same error in other words. */
export function withText(error: BerthError, message: string, hint: string): BerthError {
  return new BerthError({ ...error.toJSON(), message, hint }, { cause: error });
}

/** Lines of the file that come nearest to what was looked for, as the place tells them; with a line end in front. */
export function nearestLines({ context: { nearest, nearestLine } }: BerthError): string {
  if (!Array.isArray(nearest) || typeof nearestLine !== "number") return "";
  return nearest.map((text, index) => `\n${String(nearestLine + index).padStart(6)}\t${text}`).join("");
}
