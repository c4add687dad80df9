import { type BerthError, berthError } from "../../contract/errors.ts";
import { shorten } from "../cut.ts";
import type { RunningCall } from "../define.ts";
import type { ToolContext } from "../tool.ts";
import { type ChangedLine, differenceOf } from "./difference.ts";
import { END_OF_FILE } from "./known-lines.ts";
import { placeOptions, shownPath } from "./place.ts";

/** Of a difference that is shown, and of a file that is looked at for it. */
const MAX_SHOWN = { lines: 100, bytes: 8_000 };
const MAX_LOOKED = { lines: 50_000, bytes: 2 * 1024 * 1024 };
const AGAIN = "This counts as read: the same call, made again, goes through where it still fits.";

/**
 * The refusal of a change to a file that is not what the model saw: with how the lines that it saw differ from those that
 * are there now. When all of that is shown, the file as it is now counts as seen: the very same call can be made again.
 * Costs a round trip that only a refused call makes.
 */
export async function changedSince(
  context: ToolContext,
  call: RunningCall,
  path: string,
  error: BerthError,
): Promise<BerthError> {
  const name = shownPath(context, path);
  const refused = (what: string, hint: string) =>
    berthError("fs.changed", {
      message: `${name} was changed since it was read; nothing was done`,
      hint: `${what}\n${hint}`,
      context: { path },
      cause: error,
    });
  const readAgain = "Read it again, and base the change on what is there now.";
  const seen = [...(context.seen.lines(path) ?? [])]
    .sort(([a], [b]) => a - b)
    .map(([number, text]) => ({ number, text }));
  if (seen.length === 0) return refused("What was seen of it is no longer known.", readAgain);
  let now: Awaited<ReturnType<typeof context.runtime.fs.readText>>;
  try {
    now = await context.runtime.fs.readText(path, {
      ...placeOptions(context, call),
      maxLines: MAX_LOOKED.lines,
      maxBytes: MAX_LOOKED.bytes,
      maxLineBytes: context.limits.maxLineBytes,
    });
  } catch {
    // It is gone, or can't be read: the refusal stands as it is.
    call.signal.throwIfAborted();
    return refused("It can no longer be read.", readAgain);
  }
  if (now.kind !== "text") return refused("It is no longer a text file.", readAgain);
  if (now.nextLine !== undefined) return refused("It is too large to be compared.", readAgain);
  const lines = [...now.lines, { number: now.totalLines + 1, text: END_OF_FILE }];
  const { changed, known } = differenceOf(seen, lines);
  const told = changed.filter(({ text }) => text !== END_OF_FILE);
  const text = told.map((line) => context.maskOutput(drawn(line))).join("\n");
  const shown = shorten(text, {
    ...context.limits,
    maxLines: Math.min(MAX_SHOWN.lines, context.limits.maxLines),
    maxBytes: Math.min(MAX_SHOWN.bytes, context.limits.maxBytes),
  });
  const what = `What was read (-) and what is there now (+):\n${shown.text}`;
  if (shown.cut) return refused(what, readAgain);
  context.seen.saw(path, now.version, known);
  return told.length === 0
    ? refused("The lines that were read are the same as before.", AGAIN)
    : refused(what, `${AGAIN} Lines are numbered as they are now.`);
}

function drawn({ kind, number, text }: ChangedLine): string {
  return `${kind === "gone" ? "-" : "+"}${String(number).padStart(6)}\t${text}`;
}
