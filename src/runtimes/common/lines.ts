import type { OutputChunk, OutputStream } from "../../contract/process.ts";
import { endOfWholeCharacters } from "../../contract/utf8.ts";
import { decode } from "./capture.ts";

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
export class OutputLines implements AsyncIterableIterator<string, undefined> {
  readonly #chunks: AsyncIterator<OutputChunk, undefined>;
  readonly #stream: OutputStream | "both";
  readonly #stdout = new LineSplitter();
  readonly #stderr = new LineSplitter();
  #lines: string[] = [];
  #next = 0;
  #done = false;

  constructor(chunks: AsyncIterator<OutputChunk, undefined>, stream: OutputStream | "both") {
    this.#chunks = chunks;
    this.#stream = stream;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<string, undefined>> {
    const line = this.#lines[this.#next];
    if (line === undefined) return this.#more();
    this.#next++;
    return Promise.resolve({ done: false, value: line });
  }

  async return(): Promise<IteratorResult<string, undefined>> {
    this.#done = true;
    this.#lines = [];
    await this.#chunks.return?.();
    return { done: true, value: undefined };
  }

  async #more(): Promise<IteratorResult<string, undefined>> {
    while (!this.#done) {
      const chunk = await this.#chunks.next();
      if (chunk.done === true) this.#done = true;
      this.#lines = chunk.done === true ? this.#finish() : this.#take(chunk.value);
      this.#next = 1;
      const line = this.#lines[0];
      if (line !== undefined) return { done: false, value: line };
    }
    return { done: true, value: undefined };
  }

  #take(chunk: OutputChunk): string[] {
    if (chunk.type !== "data") return this.#finish();
    const isStderr = chunk.stream === "stderr";
    if (this.#stream !== "both" && isStderr !== (this.#stream === "stderr")) return [];
    return (isStderr ? this.#stderr : this.#stdout).push(chunk.data);
  }

  #finish(): string[] {
    return [...this.#stdout.finish(), ...this.#stderr.finish()];
  }
}
