import { type BerthError, berthError } from "../../contract/errors.ts";
import type { ProcessStdin } from "../../contract/process.ts";
import type { StreamHandler, WireClient, WireStream } from "../../wire/types.ts";
import type { InputPump } from "./input-pump.ts";
import { isDisconnect, type Link } from "./link.ts";
import { lost } from "./output-flow.ts";

/** ^D, the EOF character of a terminal. */
const END_OF_TRANSMISSION = Uint8Array.of(4);

/** stdin of a process over a pump, which somebody attaches to streams. */
export class PumpedStdin implements ProcessStdin {
  readonly #pump: InputPump;
  readonly #id: () => string | undefined;
  readonly #tty: boolean;
  #eofSent = false;

  constructor(pump: InputPump, id: () => string | undefined, tty: boolean) {
    this.#pump = pump;
    this.#id = id;
    this.#tty = tty;
  }

  async write(data: string | Uint8Array): Promise<void> {
    if (this.#pump.ended && !this.#pump.closed) {
      throw berthError("process.stdin_closed", { context: { id: this.#id() } });
    }
    this.#eofSent = false;
    await this.#pump.write(typeof data === "string" ? Buffer.from(data, "utf8") : data);
  }

  async end(): Promise<void> {
    if (this.#pump.closed || this.#eofSent) return;
    this.#eofSent = true;
    // On a terminal EOF is a character: the program may read on behind it.
    if (this.#tty) await this.#pump.write(END_OF_TRANSMISSION);
    else this.#pump.end();
  }
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

  constructor(link: Link, id: string, pump: InputPump) {
    this.#link = link;
    this.#id = id;
    this.#pump = pump;
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
    const accepted = (result as { accepted?: unknown } | null)?.accepted;
    const taken = typeof accepted === "number" ? accepted : 0;
    this.#base ??= taken;
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
