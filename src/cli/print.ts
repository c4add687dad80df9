import { once } from "node:events";
import { fileError } from "../contract/errors.ts";

/**
 * Writes to a stream and waits while its reader is slower.
 * @throws EPIPE (an errno) when there is no reader any more; ENOSPC and the like when it is a file
 */
export async function writeAll(stream: NodeJS.WriteStream, data: Uint8Array | string): Promise<void> {
  try {
    if (stream.errored) throw stream.errored;
    if (!stream.write(data)) await once(stream, "drain");
    // A file is written at once, and its error is there.
    if (stream.errored) throw stream.errored;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EPIPE") throw cause;
    throw fileError(cause, stream === process.stderr ? "standard error" : "standard output", "client");
  }
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Narrower than this no cell is made. */
const MIN_CELL = 6;
const GAP = "  ";

/**
 * Columns as wide as their widest cell; the last one is not padded. Control characters are made visible. Where there is
 * no room for `columns` letters a line, the widest cells are cut.
 */
export function table(rows: readonly (readonly string[])[], columns = Number.POSITIVE_INFINITY): string {
  const widths: number[] = [];
  const cells = rows.map((row) => row.map(visible));
  for (const row of cells) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  }
  const room = columns - GAP.length * (widths.length - 1);
  for (let sum = widths.reduce((a, b) => a + b, 0); sum > room; sum -= 1) {
    const widest = Math.max(...widths);
    if (widest <= MIN_CELL) break;
    widths[widths.indexOf(widest)] = widest - 1;
  }
  return cells
    .map((row) =>
      row
        .map((cell, index) => clip(cell, widths[index] ?? 0))
        .map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0)))
        .join(GAP),
    )
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}

/** The width of the terminal that stdout is; what is piped has no end. */
export function terminalColumns(): number {
  return process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
}

/** The beginning of a text that is too long for a column. */
export function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, Math.max(1, length - 1))}…`;
}

/** Text from a place on one line, without control characters that could steer the terminal. */
export function visible(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) =>
    character === "\n" ? "⏎" : character === "\t" ? " " : "·",
  );
}

/** "12 B", "3.4 MiB". */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = "";
  for (const next of units) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}
