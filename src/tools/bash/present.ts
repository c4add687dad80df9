import { HELD_SECRETS } from "../../contract/mask.ts";
import { cleanText } from "../ansi.ts";
import { type Pieces, type Shortened, shorten } from "../cut.ts";
import type { ToolContext } from "../tool.ts";
import { cutPieces } from "./collected.ts";

/** Bytes of output that are taken for each byte that is shown: colours and redrawn lines go before the limits are applied. */
const TAKEN_PER_SHOWN = 8;

/** Bytes of head and of tail that a command's output is kept to before it is shortened. */
export function keptBytes({ limits }: ToolContext): number {
  return (TAKEN_PER_SHOWN / 2) * limits.maxBytes;
}

/** Output may be cut from this size on: shorter output fits whatever it is made of. */
export function cutAbove({ limits }: ToolContext): number {
  return Math.min(limits.maxBytes, limits.maxLines, limits.maxLineBytes);
}

/** Captured bytes as text; of truncated ones the first half is the head. `openBytes` at the end are left away. */
export function capturedPieces(
  bytes: Uint8Array,
  truncated: boolean,
  outputBytes: number,
  openBytes = 0,
): Pieces {
  const end = bytes.length - openBytes;
  if (!truncated) return { head: Buffer.from(bytes.buffer, bytes.byteOffset, end).toString() };
  const middle = Math.ceil(bytes.length / 2);
  return {
    ...cutPieces(bytes.subarray(0, middle), bytes.subarray(middle, Math.max(middle, end))),
    lostBytes: outputBytes - bytes.length,
  };
}

/**
 * Output as a model is shown it: cleaned, masked, and only then cut, so that no part of a secret stands at a cut. What
 * stands next to the missing middle may be such a part, and is left away.
 */
export function present(context: ToolContext, pieces: Pieces, note: string | undefined): Shortened {
  const { bash, maskOutput } = context.options;
  const clean = (text: string) => cleanText(text, bash?.ansi ?? "strip");
  if (maskOutput === false) {
    const tail = pieces.tail === undefined ? undefined : clean(pieces.tail);
    return shorten({ ...pieces, head: clean(pieces.head), tail }, context.limits, note);
  }
  const head = clean(pieces.head);
  if (pieces.tail === undefined) {
    const text = pieces.opened === true ? HELD_SECRETS.textBehind(head).text : context.mask(head);
    return shorten({ ...pieces, head: text }, context.limits, note);
  }
  const closed = HELD_SECRETS.closedLength(head);
  const behind = HELD_SECRETS.textBehind(clean(pieces.tail));
  const first = head.slice(0, closed);
  return shorten(
    {
      ...pieces,
      head: pieces.opened === true ? HELD_SECRETS.textBehind(first).text : context.mask(first),
      tail: behind.text,
      lostBytes: (pieces.lostBytes ?? 0) + Buffer.byteLength(head.slice(closed)) + behind.dropped,
    },
    context.limits,
    note,
  );
}
