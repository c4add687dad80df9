/**
 * Messages of a script between the bytes of its output. Layout: 0x01 0x02, the run's nonce (32 hex digits), ":",
 * the payload, 0x03. The nonce is new for every run and stands in no argv as one word, so output holds a marker
 * only where the script put it.
 */
const START = [0x01, 0x02];
const END = 0x03;
/** A payload is a few words, or the last message of a tool. More than this is not ours. */
const MAX_PAYLOAD_BYTES = 64 * 1024;

export interface MarkerSink {
  data(bytes: Buffer): void;
  marker(payload: string): void;
}

/** Takes the markers out of one stream; holds back only bytes that may be the beginning of one. */
export class MarkerSplitter {
  readonly #prefix: Buffer;
  readonly #sink: MarkerSink;
  #held: Buffer = Buffer.alloc(0);

  constructor(nonce: string, sink: MarkerSink) {
    this.#prefix = Buffer.concat([Buffer.from(START), Buffer.from(`${nonce}:`, "latin1")]);
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    let rest = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = Buffer.alloc(0);
    for (;;) {
      const at = rest.indexOf(this.#prefix);
      if (at === -1) {
        const keep = this.#possibleStart(rest);
        this.#emit(rest.subarray(0, rest.length - keep));
        this.#held = rest.subarray(rest.length - keep);
        return;
      }
      this.#emit(rest.subarray(0, at));
      rest = rest.subarray(at);
      const end = rest.indexOf(END, this.#prefix.length);
      if (end === -1 && rest.length <= MAX_PAYLOAD_BYTES) {
        this.#held = rest;
        return;
      }
      if (end === -1) {
        this.#emit(rest);
        return;
      }
      this.#sink.marker(rest.toString("utf8", this.#prefix.length, end));
      rest = rest.subarray(end + 1);
    }
  }

  /** The stream has ended: what was held back is output after all. */
  finish(): void {
    this.#emit(this.#held);
    this.#held = Buffer.alloc(0);
  }

  #emit(bytes: Buffer): void {
    if (bytes.length > 0) this.#sink.data(bytes);
  }

  /** Number of bytes at the end that are the beginning of the prefix. */
  #possibleStart(bytes: Buffer): number {
    const most = Math.min(bytes.length, this.#prefix.length - 1);
    let from = bytes.length - most;
    for (;;) {
      const at = bytes.indexOf(START[0]!, from);
      if (at === -1) return 0;
      const length = bytes.length - at;
      if (bytes.compare(this.#prefix, 0, length, at) === 0) return length;
      from = at + 1;
    }
  }
}
