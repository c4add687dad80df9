import { protocolError, readU32, writeU32 } from "./frame-codec.ts";

/**
 * Payload of a DATA frame with a process's output:
 *
 *      0     2                    2 + 5n
 *     ┌─────┬─────────────────────┬──────────────────────────────┐
 *     │ n   │ n × (channel,length)│ bytes of the runs, in order  │
 *     │ u16 │   u8      u32       │ sum of the lengths           │
 *     └─────┴─────────────────────┴──────────────────────────────┘
 */
export interface OutputRun {
  /** A value of CHANNEL. */
  readonly channel: number;
  readonly length: number;
}

const COUNT_BYTES = 2;
const RUN_BYTES = 5;
/** Keeps the table under the 4 KiB by which a DATA payload may exceed MAX_DATA_BYTES. */
export const MAX_OUTPUT_RUNS = 800;

export function outputTableBytes(runs: number): number {
  return COUNT_BYTES + runs * RUN_BYTES;
}

/** The table that goes in front of the bytes: `stream.frame(encodeOutputTable(runs), ...bytes)`. */
export function encodeOutputTable(runs: readonly OutputRun[]): Buffer {
  if (runs.length > MAX_OUTPUT_RUNS) throw new RangeError(`more than ${MAX_OUTPUT_RUNS} runs in a frame`);
  const table = Buffer.allocUnsafe(outputTableBytes(runs.length));
  table[0] = runs.length & 0xff;
  table[1] = runs.length >>> 8;
  let at = COUNT_BYTES;
  for (const run of runs) {
    table[at] = run.channel;
    writeU32(table, at + 1, run.length);
    at += RUN_BYTES;
  }
  return table;
}

/**
 * Calls `onRun` for each run with a view of its bytes. Throws `wire.protocol_error` before the first call when
 * table, lengths and payload do not fit each other.
 */
export function decodeOutput(payload: Uint8Array, onRun: (channel: number, bytes: Uint8Array) => void): void {
  const count = payload.length < COUNT_BYTES ? -1 : payload[0]! | (payload[1]! << 8);
  const start = outputTableBytes(count);
  if (count < 0 || count > MAX_OUTPUT_RUNS || start > payload.length) {
    throw protocolError("an output frame's table is cut off");
  }
  let total = 0;
  for (let index = 0; index < count; index += 1) {
    const at = COUNT_BYTES + index * RUN_BYTES;
    const channel = payload[at]!;
    if (channel < 1 || channel > 3) throw protocolError(`output on channel ${channel}`);
    total += readU32(payload, at + 1);
  }
  if (total !== payload.length - start) throw protocolError("an output frame's lengths do not add up");
  let from = start;
  for (let index = 0; index < count; index += 1) {
    const at = COUNT_BYTES + index * RUN_BYTES;
    const length = readU32(payload, at + 1);
    onRun(payload[at]!, payload.subarray(from, from + length));
    from += length;
  }
}
