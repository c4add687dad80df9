import { type BerthError, berthError, type ErrorContext } from "../../contract/errors.ts";
import { type ByteText, fromByteText } from "./byte-text.ts";
import type { EditPlace } from "./edit.ts";
import { differsIn, nearestLines } from "./nearest.ts";

/** An edit that makes no sense, whatever the file holds. */
export function editError(
  place: EditPlace,
  reason: string,
  hint: string,
  more: ErrorContext = {},
): BerthError {
  return berthError("edit.invalid", {
    message: `edit ${place.edit} of ${place.path} can't be made: ${reason}`,
    hint,
    context: { ...place, ...more },
  });
}

const DIFFERENCE = {
  lineEnds: "It is there with other line ends: use those of the file.",
  blanks: "It is there with other blanks: give them as they are in the file.",
  quotes: "It is there with other quotes or dashes, which look the same: give them as they are in the file.",
} as const;

/**
 * The text to replace is not there: says what it would need to be found, and what comes nearest.
 * `context.differsIn`: "lineEnds", "blanks" or "quotes"; `nearestLine` and `nearest`: number of a line, and it with those
 * behind it
 */
export function notFound(text: ByteText, wanted: ByteText, place: EditPlace): BerthError {
  const difference = differsIn(text, wanted);
  const nearest = nearestLines(text, wanted);
  const where =
    nearest === undefined
      ? ""
      : ` Nearest are ${lineList([nearest.line, nearest.line + nearest.lines.length - 1])}.`;
  const hint =
    difference === undefined
      ? `Read the file again: the text has to be the same to the letter.${where}`
      : `${DIFFERENCE[difference]}${where}`;
  return berthError("edit.not_found", {
    hint,
    context: {
      ...place,
      ...(difference === undefined ? {} : { differsIn: difference }),
      ...(nearest === undefined
        ? {}
        : { nearestLine: nearest.line, nearest: nearest.lines.map((line) => fromByteText(line)) }),
    },
  });
}

/** Numbers of lines in words, the first ten of them. */
export function lineList(numbers: readonly number[]): string {
  const distinct = [...new Set(numbers)];
  const shown = distinct.slice(0, 10).map(String);
  if (distinct.length === 1) return `line ${shown[0]}`;
  if (distinct.length > shown.length) return `lines ${shown.join(", ")}, …`;
  return `lines ${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}
