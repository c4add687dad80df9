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
 * Calls `onRun` for each run with a view of its bytes; for a payload in parts a run comes in several calls where
 * it spans them. Throws `wire.protocol_error` before the first call when table, lengths and payload do not fit
 * each other.
 */
export function decodeOutput(
  payload: Uint8Array | readonly Uint8Array[],
  onRun: (channel: number, bytes: Uint8Array) => void,
): void {
  const parts = payload instanceof Uint8Array ? [payload] : payload;
  let payloadBytes = 0;
  for (const part of parts) payloadBytes += part.length;
  const table = tableOf(parts, payloadBytes);
  const count = (table.length - COUNT_BYTES) / RUN_BYTES;
  let total = 0;
  for (let index = 0; index < count; index += 1) {
    const at = COUNT_BYTES + index * RUN_BYTES;
    const channel = table[at]!;
    if (channel < 1 || channel > 3) throw protocolError(`output on channel ${channel}`);
    total += readU32(table, at + 1);
  }
  if (total !== payloadBytes - table.length) throw protocolError("an output frame's lengths do not add up");
  let part = 0;
  let from = table.length;
  for (let index = 0; index < count; index += 1) {
    const at = COUNT_BYTES + index * RUN_BYTES;
    for (let left = readU32(table, at + 1); left > 0; ) {
      while (from >= parts[part]!.length) {
        from -= parts[part]!.length;
        part += 1;
      }
      const bytes = parts[part]!.subarray(from, from + left);
      onRun(table[at]!, bytes);
      from += bytes.length;
      left -= bytes.length;
    }
  }
}

/** The table's bytes: nearly always a view of the first part. */
function tableOf(parts: readonly Uint8Array[], payloadBytes: number): Uint8Array {
  let head = parts[0] ?? new Uint8Array(0);
  if (head.length < outputTableBytes(MAX_OUTPUT_RUNS) && head.length < payloadBytes) {
    head = Buffer.concat(parts, Math.min(payloadBytes, outputTableBytes(MAX_OUTPUT_RUNS)));
  }
  const count = head.length < COUNT_BYTES ? -1 : head[0]! | (head[1]! << 8);
  const bytes = outputTableBytes(count);
  if (count < 0 || count > MAX_OUTPUT_RUNS || bytes > head.length) {
    throw protocolError("an output frame's table is cut off");
  }
  return head.subarray(0, bytes);
}
