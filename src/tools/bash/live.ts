import { HELD_SECRETS } from "../../contract/mask.ts";

/** Output as it comes, for whoever watches: whole characters, and no part of a secret, wherever the chunks end. */
export class LiveText {
  readonly #tell: (text: string) => void;
  readonly #masked: boolean;
  #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #held = "";

  constructor(tell: (text: string) => void, masked: boolean) {
    this.#tell = tell;
    this.#masked = masked;
  }

  push(bytes: Uint8Array): void {
    this.#add(this.#decoder.decode(bytes, { stream: true }), false);
  }

  /** Bytes are missing here. */
  gap(): void {
    this.end();
    this.#decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  }

  end(): void {
    this.#add(this.#decoder.decode(), true);
  }

  #add(text: string, last: boolean): void {
    const whole = this.#held + text;
    const closed = last || !this.#masked ? whole.length : HELD_SECRETS.closedLength(whole);
    this.#held = whole.slice(closed);
    if (closed === 0) return;
    const told = whole.slice(0, closed);
    this.#tell(this.#masked ? HELD_SECRETS.text(told) : told);
  }
}
