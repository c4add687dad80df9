import type { Writable } from "node:stream";
import { berthError } from "../../contract/errors.ts";
import type { RawProcess } from "../../transports/transport.ts";
import { MarkerSplitter } from "./markers.ts";
import { scriptBytes } from "./script.ts";

export type ScriptStream = "stdout" | "stderr";

/** What comes out of a run, in the order of each stream. */
export interface ScriptHandler {
  data(stream: ScriptStream, bytes: Buffer): void;
  /** Payload of a marker other than that of the end. */
  marker(payload: string): void;
}

/** Settles `ended` with what the script said last on stderr. */
const END = /^end(?: (.*))?$/s;

/**
 * One script under way. It is over when each of its two streams has shown the end marker, which stands behind
 * all output that was written before: not when the streams end, as children of the command may hold them open.
 */
export class ScriptRun {
  readonly #raw: RawProcess;
  readonly #handler: ScriptHandler;
  readonly #open = new Set<ScriptStream>(["stdout", "stderr"]);
  readonly #ended = Promise.withResolvers<string>();
  #endText = "";
  #paused = false;
  #over = false;
  readonly #description: string;

  constructor(raw: RawProcess, nonce: string, script: string, handler: ScriptHandler, description: string) {
    this.#raw = raw;
    this.#handler = handler;
    this.#description = description;
    const over = () => {
      this.#over = true;
    };
    this.#ended.promise.then(over, over);
    // Whether the script was read to its end is told by the end marker; its command may ignore its input.
    raw.stdin.on("error", () => {});
    raw.exit.catch(() => {});
    this.#read("stdout", nonce);
    this.#read("stderr", nonce);
    raw.stdin.write(scriptBytes(script, nonce));
  }

  /**
   * Settles with the text of the end marker of stderr.
   * Rejects with what the transport says, or transport.disconnected, when the run ends without it.
   */
  get ended(): Promise<string> {
    return this.#ended.promise;
  }

  /** What the script's command reads, behind the script itself. */
  get stdin(): Writable {
    return this.#raw.stdin;
  }

  /** It waits for this side: its output is not read, or its input is still to come. */
  get held(): boolean {
    return this.#paused || this.starved;
  }

  /** Set while the source of the input has nothing. */
  starved = false;

  /** Its end was seen, or it was cut off. */
  get over(): boolean {
    return this.#over;
  }

  pause(): void {
    this.#paused = true;
    this.#raw.stdout.pause();
    this.#raw.stderr.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#raw.stdout.resume();
    this.#raw.stderr.resume();
  }

  /** Settles when nobody in the place holds the streams any more, or the way is closed. Never rejects. */
  get gone(): Promise<void> {
    return this.#raw.exit.then(
      () => {},
      () => {},
    );
  }

  close(): void {
    this.fail(this.#disconnected("was closed"));
  }

  /** Closes it for a reason of the caller's. */
  fail(reason: Error): void {
    this.#ended.reject(reason);
    this.#raw.close();
  }

  #read(stream: ScriptStream, nonce: string): void {
    const source = this.#raw[stream];
    const splitter = new MarkerSplitter(nonce, {
      data: (bytes) => {
        if (this.#open.has(stream)) this.#handler.data(stream, bytes);
      },
      marker: (payload) => {
        if (!this.#open.has(stream)) return;
        const end = END.exec(payload);
        if (end === null) this.#handler.marker(payload);
        else this.#finish(stream, end[1]);
      },
    });
    source.on("data", (chunk: Buffer) => {
      // Behind the end there is only what children of the command still write; it is read so that they go on.
      if (this.#open.has(stream)) splitter.push(chunk);
    });
    source.once("end", () => {
      if (this.#open.has(stream)) splitter.finish();
      void this.#cutOff(stream);
    });
    source.once("error", (cause: Error) => void this.#cutOff(stream, cause));
    source.once("close", () => void this.#cutOff(stream));
  }

  #finish(stream: ScriptStream, text: string | undefined): void {
    this.#open.delete(stream);
    if (stream === "stderr") this.#endText = text ?? "";
    if (this.#open.size === 0) this.#ended.resolve(this.#endText);
  }

  async #cutOff(stream: ScriptStream, cause?: Error): Promise<void> {
    if (!this.#open.has(stream)) return;
    try {
      const { exitCode, signal } = await this.#raw.exit;
      this.#ended.reject(
        cause ?? this.#disconnected(`ended with ${signal ?? `status ${exitCode}`}`, signal ?? exitCode),
      );
    } catch (error) {
      this.#ended.reject(error);
    }
  }

  /** @param status of the shell; absent when it was not told */
  #disconnected(reason: string, status?: string | number | null) {
    return berthError("transport.disconnected", {
      hop: "transport",
      runtime: this.#description,
      message: `the shell in ${this.#description} did not come to its end: it ${reason}`,
      hint: "The place may have been stopped or the connection cut. What ran there may have been ended with it.",
      ...(status === undefined ? {} : { context: { status } }),
    });
  }
}
