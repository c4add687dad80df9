/**
 * Text that is edited as its bytes: a string with one character for each byte (latin1). What is not UTF-8 in it stays as it
 * is, and strings are searched and cut faster than buffers.
 */
export type ByteText = string;

/** The bytes that a text has in UTF-8. */
export function toByteText(text: string): ByteText {
  return isAscii(text) ? text : Buffer.from(text, "utf8").toString("latin1");
}

/** The text that bytes are in UTF-8; what is none is U+FFFD. */
export function fromByteText(bytes: ByteText): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, "latin1").toString("utf8");
}

function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text);
}

/**
 * Bytes with each CRLF as one LF, and the way back: so that a text whose line ends are LF is found in any file, and its
 * place in the file is known to the byte.
 */
export class PlainEnds {
  readonly text: ByteText;
  /** Where in `text` the line feeds are that have a carriage return in front of them. */
  readonly #returns: readonly number[];

  constructor(bytes: ByteText) {
    const returns: number[] = [];
    for (let at = bytes.indexOf("\r\n"); at >= 0; at = bytes.indexOf("\r\n", at + 2)) {
      returns.push(at - returns.length);
    }
    this.#returns = returns;
    this.text = returns.length === 0 ? bytes : bytes.replaceAll("\r\n", "\n");
  }

  /** The place in the bytes of a place in `text`; in front of a CRLF for one in front of its LF. */
  original(at: number): number {
    return at + this.#before(at);
  }

  /** The end of the line that a place is in, or of the line before it. "\n" in a text that has none. */
  endAt(at: number): "\n" | "\r\n" {
    let end = this.text.indexOf("\n", at);
    if (end < 0) end = this.text.lastIndexOf("\n", at - 1);
    if (end < 0) return "\n";
    return this.#returns[this.#before(end)] === end ? "\r\n" : "\n";
  }

  /** Carriage returns of line ends before a place. */
  #before(at: number): number {
    let low = 0;
    let high = this.#returns.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#returns[middle]! < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Number of the line, from 1, that a place is in. */
export function lineAt(text: string, at: number): number {
  let line = 1;
  for (let end = text.indexOf("\n"); end >= 0 && end < at; end = text.indexOf("\n", end + 1)) line += 1;
  return line;
}
