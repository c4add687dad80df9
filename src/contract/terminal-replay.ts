import type { ProcessInfo, TtySize, TtySizeAt } from "./process.ts";

/** Output from which a screen is made again; a program that has written more is asked to draw itself anew. */
const REPLAY_BYTES = 8 * 1024 * 1024;
/** Where the output begins in the middle, its first whole line or sequence is looked for so far. */
const BEGINNING_BYTES = 4096;

/** How a terminal's screen is made of its output. */
export interface ReplayPlan {
  /** Cursor to read from. */
  readonly from: number;
  /** Cursor that the screen is that of; what comes behind it happens now. */
  readonly until: number;
  /** Of the terminal at `from`. */
  readonly size: TtySize;
  /** Later sizes, each from its cursor on. */
  readonly sizes: readonly TtySizeAt[];
}

/** `otherwise`: the size where none is known. */
export function replayPlan(
  info: Pick<ProcessInfo, "outputStart" | "outputEnd" | "tty" | "ttySizes">,
  otherwise: TtySize,
): ReplayPlan {
  const { outputStart, outputEnd, tty, ttySizes = [] } = info;
  const from = Math.max(outputStart, outputEnd - REPLAY_BYTES);
  const size = ttySizes.findLast(({ cursor }) => cursor <= from) ?? ttySizes[0] ?? tty ?? otherwise;
  return { from, until: outputEnd, size, sizes: ttySizes.filter(({ cursor }) => cursor > from) };
}

/** Output that begins at the cursor, cut where the terminal got another size: bytes and sizes in their order. */
export function* replaySteps(
  bytes: Uint8Array,
  cursor: number,
  sizes: readonly TtySizeAt[],
): Generator<Uint8Array | TtySize, void, undefined> {
  const end = cursor + bytes.length;
  let at = cursor;
  for (const { cursor: next, columns, rows } of sizes) {
    if (next <= cursor || next > end) continue;
    if (next > at) yield bytes.subarray(at - cursor, next - cursor);
    at = next;
    yield { columns, rows };
  }
  if (at < end) yield bytes.subarray(at - cursor);
}

/** Without the rest of a character or a sequence that began before. */
export function fromBeginning(bytes: Uint8Array): Uint8Array {
  const at = bytes.subarray(0, BEGINNING_BYTES).findIndex((byte) => byte === 0x1b || byte === 0x0a);
  return at === -1 ? bytes : bytes.subarray(at);
}
