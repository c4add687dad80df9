import type { EventHead } from "./event-log.ts";
import { type EventKey, headToJson } from "./signature.ts";
import type { EventStorage } from "./storage.ts";

export const EXPORT_FORMAT = "berth.events.v1";
/** Records of a piece. */
const PIECE = 500;

export interface ExportHeader {
  readonly format: typeof EXPORT_FORMAT;
  /** Number of the first record that follows, and the hash before it. */
  readonly first_sequence: number;
  readonly previous_hash: string;
  readonly exported_at: string;
}

/**
 * The records behind a number as text: a line of JSON, a line "HASH RECORD" each, and a line of JSON with the end, signed
 * where there is a key. What is appended meanwhile is left out.
 */
export async function* exportLines(
  storage: Pick<EventStorage, "anchor" | "head" | "lines">,
  options: { readonly after?: number | undefined; readonly key?: EventKey | undefined },
): AsyncIterable<string> {
  const end = await storage.head();
  let last = await startOf(storage, options.after, end);
  const header: ExportHeader = {
    format: EXPORT_FORMAT,
    first_sequence: last.sequence + 1,
    previous_hash: last.hash,
    exported_at: new Date().toISOString(),
  };
  yield `${JSON.stringify(header)}\n`;
  const records = end.sequence - last.sequence;
  while (last.sequence < end.sequence) {
    const piece = await storage.lines(last.sequence, Math.min(PIECE, end.sequence - last.sequence));
    // Removed meanwhile, by rule or by hand: the reader sees that the end is not there.
    if (piece === undefined) break;
    yield piece.text;
    last = piece.last;
  }
  const head = options.key === undefined ? null : headToJson(options.key.sign(end));
  yield `${JSON.stringify({ end: true, records, sequence: end.sequence, hash: end.hash, head })}\n`;
}

/** The record after which the export begins, or what stands before the first one that is kept. */
async function startOf(
  storage: Pick<EventStorage, "anchor" | "lines">,
  after: number | undefined,
  end: EventHead,
): Promise<EventHead> {
  const anchor = await storage.anchor();
  if (after === undefined || after <= anchor.sequence) return anchor;
  if (after >= end.sequence) return end;
  return (await storage.lines(after - 1, 1))?.last ?? anchor;
}
