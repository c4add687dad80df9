import type { BerthError } from "../contract/errors.ts";
import type { StreamHandler, WireStream } from "../wire/types.ts";

/** Holds what the client sends before there is anything to give it to, within the stream's first window. */
export class EarlyInput {
  /** Called when the client resets the stream meanwhile. */
  onReset: (() => void) | undefined;
  readonly #chunks: Uint8Array[] = [];
  #ended = false;
  #resetBy: BerthError | undefined;

  constructor(stream: WireStream) {
    stream.handler = {
      onData: (chunk) => this.#chunks.push(chunk),
      onEnd: () => {
        this.#ended = true;
      },
      onReset: (error) => {
        this.#resetBy = error;
        this.onReset?.();
      },
    };
  }

  get aborted(): boolean {
    return this.#resetBy !== undefined;
  }

  /** Gives everything to the handler that takes over. */
  replay(handler: StreamHandler): void {
    for (const chunk of this.#chunks.splice(0)) handler.onData?.(chunk);
    if (this.#ended) handler.onEnd?.();
    if (this.#resetBy !== undefined) handler.onReset?.(this.#resetBy);
  }
}
