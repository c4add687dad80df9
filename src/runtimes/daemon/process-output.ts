import type { OutputChunk, OutputOptions } from "../../contract/process.ts";
import type { StreamHandler, WireClient, WireStream } from "../../wire/types.ts";
import { abortedError, type Link } from "./link.ts";
import { type FlowSource, OutputFlow } from "./output-flow.ts";
import { OutputQueue } from "./output-queue.ts";

export interface ProcessOutputOptions extends OutputOptions {
  /** This reader holds the process back instead of losing bytes. */
  readonly lossless?: boolean;
  /** Daemon that has the process; another one is process.lost. */
  readonly bootId?: string | undefined;
}

class OutputSource implements FlowSource {
  readonly processId: string;
  readonly #options: ProcessOutputOptions;
  #first = true;

  constructor(processId: string, options: ProcessOutputOptions) {
    this.processId = processId;
    this.#options = options;
  }

  request(client: WireClient, from: number, handler: StreamHandler): WireStream {
    const start = this.#first ? (this.#options.from ?? 0) : from;
    const { follow, lossless } = this.#options;
    return client.request("process.output", { id: this.processId, from: start, follow, lossless }, handler);
  }

  onOpened(): void {
    // From here on the cursor is known, also where `from` counted from the end.
    this.#first = false;
  }
}

/**
 * Output of a process from a cursor on, over reconnects, with no byte lost or repeated. Each iteration reads anew;
 * leaving it, or the signal, only ends the looking.
 */
export function processOutput(
  link: Link,
  processId: string,
  options: ProcessOutputOptions = {},
): AsyncIterable<OutputChunk> {
  return { [Symbol.asyncIterator]: () => readOutput(link, processId, options) };
}

function readOutput(link: Link, processId: string, options: ProcessOutputOptions): OutputQueue {
  const queue = new OutputQueue();
  const { signal } = options;
  if (signal?.aborted) {
    queue.abort(abortedError(signal, link.description));
    return queue;
  }
  const flow = new OutputFlow(link, new OutputSource(processId, options), queue, {
    from: Math.max(0, options.from ?? 0),
    bootId: options.bootId,
  });
  queue.flow = flow;
  const onAbort = () => {
    flow.stop();
    queue.abort(abortedError(signal, link.description));
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  queue.onFinished = () => signal?.removeEventListener("abort", onAbort);
  queue.onReturn = () => flow.stop();
  flow.start();
  return queue;
}

/** The bytes of one of a process's streams; a terminal's output counts as stdout. */
export async function* streamBytes(
  chunks: AsyncIterable<OutputChunk>,
  stream: "stdout" | "stderr",
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    if (chunk.type === "data" && (chunk.stream === "stderr") === (stream === "stderr")) yield chunk.data;
  }
}
