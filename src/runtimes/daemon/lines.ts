import type { OutputChunk, OutputStream } from "../../contract/process.ts";
import { decode, endOfWholeCharacters } from "./capture.ts";

const NEWLINE = 0x0a;
/** A longer line is given in pieces of this size, so that output without line ends stays bounded. */
const MAX_LINE_BYTES = 1024 * 1024;

/** Cuts bytes into decoded lines; holds at most one unfinished line. */
export class LineSplitter {
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;

  push(bytes: Uint8Array): string[] {
    const last = bytes.lastIndexOf(NEWLINE);
    if (last === -1) {
      this.#keep(bytes);
      return this.#pendingBytes >= MAX_LINE_BYTES ? [this.#takeWhole()] : [];
    }
    const text =
      this.#pendingBytes === 0
        ? decode(bytes.subarray(0, last))
        : decode(Buffer.concat([...this.#pending, bytes.subarray(0, last)]));
    this.#pending = [];
    this.#pendingBytes = 0;
    if (last + 1 < bytes.length) this.#keep(bytes.subarray(last + 1));
    const lines = text.split("\n");
    for (let index = 0; index < lines.length; index++) {
      const line = lines[index]!;
      if (line.endsWith("\r")) lines[index] = line.slice(0, -1);
    }
    return lines;
  }

  /** The last line when it has no end. */
  finish(): string[] {
    if (this.#pendingBytes === 0) return [];
    const line = decode(Buffer.concat(this.#pending));
    this.#pending = [];
    this.#pendingBytes = 0;
    return [line.endsWith("\r") ? line.slice(0, -1) : line];
  }

  #keep(bytes: Uint8Array): void {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
  }

  #takeWhole(): string {
    const bytes = Buffer.concat(this.#pending);
    const end = endOfWholeCharacters(bytes);
    this.#pending = end === bytes.length ? [] : [bytes.subarray(end)];
    this.#pendingBytes = bytes.length - end;
    return decode(bytes.subarray(0, end));
  }
}

/**
 * Lines of a process's output without their ends (LF or CR LF), as UTF-8. "both" gives the lines of stdout and
 * stderr as they are completed, each stream by itself. A terminal's output counts as stdout. A gap ends a line.
 */
export async function* outputLines(
  chunks: AsyncIterable<OutputChunk>,
  stream: OutputStream | "both",
): AsyncGenerator<string, void, undefined> {
  const stdout = new LineSplitter();
  const stderr = new LineSplitter();
  for await (const chunk of chunks) {
    if (chunk.type === "data") {
      const isStderr = chunk.stream === "stderr";
      if (stream !== "both" && isStderr !== (stream === "stderr")) continue;
      yield* (isStderr ? stderr : stdout).push(chunk.data);
    } else {
      yield* stdout.finish();
      yield* stderr.finish();
    }
  }
  yield* stdout.finish();
  yield* stderr.finish();
}
