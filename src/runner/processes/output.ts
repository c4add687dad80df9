import { exitToJson } from "../../api/json-processes.ts";
import type { ExitStatus, OutputChunk, OutputStream, Process } from "../../contract/process.ts";
import { endOfWholeCharacters } from "../../contract/utf8.ts";
import type { FoundProcess, RunnerContext } from "../context.ts";
import type { Handlers } from "../handlers.ts";
import { startCursor } from "./start-cursor.ts";

type Encoding = "text" | "base64";
type ChunkJson =
  | { readonly type: "data"; readonly stream: OutputStream; readonly data: string; readonly cursor: number }
  | { readonly type: "gap"; readonly from: number; readonly to: number };

/** Reading what processes wrote. Whoever reads renews their lease. */
export function outputHandlers({ processes }: RunnerContext): Handlers<"processOutput" | "processLog"> {
  return {
    processOutput: async ({ params, query, caller, signal }) => {
      using found = await processes.find(params.id, caller, signal);
      const page = new OutputPage(startCursor(found.info, query.from), query.limit_bytes, query.encoding);
      await page.read(found.process, { follow: false, signal });
      if (page.isEmpty && query.wait_ms > 0) {
        const limit = AbortSignal.timeout(query.wait_ms);
        await page
          .read(found.process, { follow: true, signal: AbortSignal.any([signal, limit]) })
          .catch((error) => {
            if (!limit.aborted || signal.aborted) throw error;
          });
      }
      return { status: 200, body: page.toJson() };
    },

    processLog: async ({ params, query, caller, signal }) => {
      const found = await processes.find(params.id, caller, signal);
      try {
        const from = startCursor(found.info, query.from);
        const chunks = found.process.output({ from, follow: query.follow, signal });
        return {
          status: 200,
          stream: new LogBytes(found, chunks, query.stream),
          headers: { "berth-cursor": String(from) },
        };
      } catch (error) {
        found[Symbol.dispose]();
        throw error;
      }
    },
  };
}

/** What of the output goes into one answer. */
class OutputPage {
  readonly #limitBytes: number;
  readonly #encoding: Encoding;
  readonly #chunks: ChunkJson[] = [];
  #parts: { readonly stream: OutputStream; readonly data: Uint8Array[] } | undefined;
  readonly #decoders = new Map<OutputStream, InstanceType<typeof TextDecoder>>();
  #bytes = 0;
  #cursor: number;
  #exit: ExitStatus | undefined;

  constructor(cursor: number, limitBytes: number, encoding: Encoding) {
    this.#cursor = cursor;
    this.#limitBytes = limitBytes;
    this.#encoding = encoding;
  }

  get isEmpty(): boolean {
    return this.#bytes === this.#incomplete() && this.#chunks.length === 0 && this.#exit === undefined;
  }

  /** Until there is no room, the log's end, or with `follow` until there is something. */
  async read(
    process: Process,
    options: { readonly follow: boolean; readonly signal: AbortSignal },
  ): Promise<void> {
    for await (const chunk of process.output({ from: this.#cursor, ...options })) {
      this.#take(chunk);
      if (this.#bytes >= this.#limitBytes || this.#exit !== undefined) return;
      // A character that has not arrived whole is nothing yet.
      if (options.follow && (this.#encoding === "base64" || this.#incomplete() < this.#bytes)) return;
    }
  }

  #take(chunk: OutputChunk): void {
    if (chunk.type === "exit") {
      this.#exit = chunk.exit;
      return;
    }
    if (chunk.type === "gap") {
      this.#seal();
      this.#chunks.push({ type: "gap", ...chunk.gap });
      this.#cursor = chunk.gap.to;
      return;
    }
    if (this.#parts?.stream !== chunk.stream) this.#seal();
    this.#parts ??= { stream: chunk.stream, data: [] };
    const data = chunk.data.subarray(0, this.#limitBytes - this.#bytes);
    this.#parts.data.push(data);
    this.#bytes += data.length;
    this.#cursor += data.length;
  }

  /** Bytes at the end that are the beginning of a character. */
  #incomplete(): number {
    const last = this.#parts?.data.at(-1);
    if (last === undefined || this.#encoding === "base64") return 0;
    const tail = Buffer.concat(this.#parts?.data.slice(-4) ?? []).subarray(-3);
    return tail.length - endOfWholeCharacters(tail);
  }

  #seal(): void {
    if (this.#parts === undefined) return;
    const { stream, data } = this.#parts;
    this.#parts = undefined;
    const bytes = Buffer.concat(data);
    if (bytes.length === 0) return;
    let text: string;
    if (this.#encoding === "base64") text = bytes.toString("base64");
    else {
      let decoder = this.#decoders.get(stream);
      if (decoder === undefined) {
        decoder = new TextDecoder("utf-8", { ignoreBOM: true });
        this.#decoders.set(stream, decoder);
      }
      text = decoder.decode(bytes, { stream: true });
    }
    this.#chunks.push({ type: "data", stream, data: text, cursor: this.#cursor });
  }

  toJson() {
    // A character that has not arrived whole comes with the next answer, unless there is no room for one.
    const held = this.#exit === undefined ? this.#incomplete() : 0;
    if (held > 0 && (held < this.#bytes || this.#bytes < this.#limitBytes)) this.#drop(held);
    this.#seal();
    for (const [stream, decoder] of this.#decoders) {
      const rest = decoder.decode();
      if (rest !== "") this.#chunks.push({ type: "data", stream, data: rest, cursor: this.#cursor });
    }
    return {
      chunks: this.#chunks,
      encoding: this.#encoding,
      cursor: this.#cursor,
      exit: this.#exit === undefined ? null : exitToJson(this.#exit),
    };
  }

  #drop(bytes: number): void {
    const parts = this.#parts;
    if (parts === undefined) return;
    const all = Buffer.concat(parts.data);
    const kept = all.subarray(0, Math.max(0, all.length - bytes));
    this.#parts = { stream: parts.stream, data: [kept] };
    this.#bytes -= all.length - kept.length;
    this.#cursor -= all.length - kept.length;
  }
}

/** Bytes of a log; lets go of the process also when nobody begins to read. */
class LogBytes implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly #found: FoundProcess;
  readonly #chunks: AsyncIterator<OutputChunk>;
  readonly #stream: OutputStream | undefined;

  constructor(found: FoundProcess, chunks: AsyncIterable<OutputChunk>, stream: OutputStream | undefined) {
    this.#found = found;
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#stream = stream;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    try {
      for (;;) {
        const step = await this.#chunks.next();
        if (step.done === true) break;
        const chunk = step.value;
        if (chunk.type !== "data") continue;
        if (this.#stream === undefined || chunk.stream === this.#stream)
          return { done: false, value: chunk.data };
      }
    } catch (error) {
      this.#found[Symbol.dispose]();
      throw error;
    }
    return await this.return();
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#found[Symbol.dispose]();
    await this.#chunks.return?.();
    return { done: true, value: undefined };
  }
}
