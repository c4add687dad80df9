import { setTimeout as delay } from "node:timers/promises";
import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import type { ProcessStdin } from "../../contract/process.ts";
import type { StreamHandler, WireClient, WireStream } from "../../wire/types.ts";
import type { InputPump } from "./input-pump.ts";
import { isDisconnect, type Link } from "./link.ts";
import { lost } from "./output-flow.ts";

/** ^D, the EOF character of a terminal. */
const END_OF_TRANSMISSION = Uint8Array.of(4);
/** The longest pause between two questions for what has arrived. */
const MAX_FLUSH_PAUSE_MS = 100;

export interface PumpedStdinOptions {
  readonly link: Link;
  readonly id: () => string;
  readonly tty: boolean;
  /** Bytes of this client that the process had before the pump's first. */
  readonly base: () => number;
}

/** stdin of a process over a pump, which somebody attaches to streams. */
export class PumpedStdin implements ProcessStdin {
  readonly #pump: InputPump;
  readonly #options: PumpedStdinOptions;
  #eofSent = false;

  constructor(pump: InputPump, options: PumpedStdinOptions) {
    this.#pump = pump;
    this.#options = options;
  }

  async write(data: string | Uint8Array): Promise<void> {
    if (this.#pump.ended && !this.#pump.closed) {
      throw berthError("process.stdin_closed", { context: { id: this.#options.id() } });
    }
    this.#eofSent = false;
    await this.#pump.write(typeof data === "string" ? Buffer.from(data, "utf8") : data);
  }

  async end(): Promise<void> {
    if (this.#pump.closed || this.#eofSent) return;
    this.#eofSent = true;
    // On a terminal EOF is a character: the program may read on behind it.
    if (this.#options.tty) await this.#pump.write(END_OF_TRANSMISSION);
    else this.#pump.end();
  }

  /** What was sent may still be on the way: asks how much has arrived, until it is everything. */
  async flush(): Promise<void> {
    const { link, id, base } = this.#options;
    await this.#pump.sent();
    const bytes = this.#pump.bytes;
    for (let pauseMs = 1; ; pauseMs = Math.min(2 * pauseMs, MAX_FLUSH_PAUSE_MS)) {
      try {
        if ((await acceptedBytes(link, id())) - base() >= bytes) return;
      } catch (error) {
        // Its end was taken, or it reads nothing any more: nothing is left to arrive.
        if (isBerthError(error, "process.stdin_closed") || isBerthError(error, "process.finished")) return;
        throw link.explain(error);
      }
      await delay(pauseMs);
    }
  }
}

/** Input bytes of this client that the process's daemon has taken over. */
async function acceptedBytes(link: Link, id: string): Promise<number> {
  for (;;) {
    const client = link.client ?? (await link.reconnect());
    try {
      return await new Promise((resolve, reject) => {
        const stream = client.request(
          "process.stdin",
          { id },
          {
            onResponse: (result) => {
              resolve(acceptedOf(result));
              stream.reset(berthError("operation.aborted"));
            },
            onReset: reject,
            onEnd: () => reject(berthError("process.stdin_closed", { context: { id } })),
          },
        );
      });
    } catch (error) {
      if (!isDisconnect(error, client)) throw error;
    }
  }
}

function acceptedOf(result: unknown): number {
  const accepted = (result as { accepted?: unknown } | null)?.accepted;
  return typeof accepted === "number" ? accepted : 0;
}

/** stdin of a process that was started without it. */
export class NoStdin implements ProcessStdin {
  readonly #error: () => BerthError;

  /** `error` tells a finished process from one without input. */
  constructor(error: () => BerthError) {
    this.#error = error;
  }

  write(): Promise<void> {
    return Promise.reject(this.#error());
  }

  end(): Promise<void> {
    return Promise.resolve();
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }
}

/**
 * Connects a pump with the input of a process that was found by its id, and again after a reconnect. Where the
 * process has no input or is finished, the pump is closed with that error.
 */
export class InputFlow implements StreamHandler {
  readonly #link: Link;
  readonly #id: string;
  readonly #pump: InputPump;
  #stream: WireStream | undefined;
  #client: WireClient | undefined;
  #bootId: string | undefined;
  /** Bytes that the process had before. */
  #base: number | undefined;
  readonly #onOpened: () => void;

  /**
   * `onOpened` is called each time the process takes input. `base`: bytes of this client that the process had before the
   * pump's first; default: all that it has now.
   */
  constructor(link: Link, id: string, pump: InputPump, onOpened: () => void, base?: number) {
    this.#link = link;
    this.#id = id;
    this.#pump = pump;
    this.#onOpened = onOpened;
    this.#base = base;
  }

  get base(): number {
    return this.#base ?? 0;
  }

  start(): void {
    void this.#link.connect().then(this.#open, this.#fail);
  }

  readonly #open = (client: WireClient): void => {
    if (this.#pump.closed) return;
    if (this.#bootId !== undefined && this.#bootId !== client.hello.bootId) {
      this.#fail(lost(this.#id));
      return;
    }
    this.#bootId = client.hello.bootId;
    this.#client = client;
    this.#stream = client.request("process.stdin", { id: this.#id }, this);
  };

  readonly #fail = (error: unknown): void => {
    this.#pump.close(this.#link.explain(error), false);
  };

  /** Ends this side; the process's input stays as it is. */
  stop(error: BerthError): void {
    const stream = this.#stream;
    this.#pump.close(error, false);
    if (stream !== undefined && !stream.closed) stream.reset(error);
  }

  onResponse(result: unknown): void {
    const taken = acceptedOf(result);
    this.#base ??= taken;
    this.#onOpened();
    if (this.#stream !== undefined) this.#pump.attach(this.#stream, taken - this.#base);
  }

  onWritable(): void {
    this.#pump.pump();
  }

  onEnd(): void {
    this.#pump.close(berthError("process.stdin_closed", { context: { id: this.#id } }), true);
  }

  onReset(error: BerthError): void {
    this.#stream = undefined;
    this.#pump.detach();
    if (!isDisconnect(error, this.#client)) this.#fail(error);
    else void this.#link.reconnect().then(this.#open, this.#fail);
  }
}
