import { charWidth } from "./char-width.ts";

/** A sequence that is longer is nobody's; it is given out as it is. */
const MAX_SEQUENCE_BYTES = 1024 * 1024;

const ESC = 0x1b;
const BELL = 0x07;
/** CAN and SUB end a sequence. */
const CANCELS = [0x18, 0x1a];
/** Behind ESC: OSC, DCS, APC, PM and SOS are strings up to ST. */
const STRINGS = [0x5d, 0x50, 0x5f, 0x5e, 0x58];

/**
 * Cuts output where one terminal can be left and another go on. Held back are a sequence or a character that has only
 * begun, and the last character: what follows may repeat it, join it, or wrap behind it.
 */
export class WholeSequences {
  #held: Uint8Array = new Uint8Array(0);

  /** Bytes that were taken and not given out. */
  get heldBytes(): number {
    return this.#held.length;
  }

  /** The bytes up to the cut, in the order in which they came. */
  take(bytes: Uint8Array): Uint8Array {
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const { last, begun } = scan(all);
    return this.#giveOut(all, all.length - begun > MAX_SEQUENCE_BYTES ? all.length : last);
  }

  /** The last character too, for a terminal that gets another size behind it. */
  flush(): Uint8Array {
    return this.#giveOut(this.#held, scan(this.#held).begun);
  }

  #giveOut(all: Uint8Array, cut: number): Uint8Array {
    this.#held = all.slice(cut);
    return all.subarray(0, cut);
  }
}

/** `begun`: where something begins that is not complete; `last`: where the character right before that begins. */
function scan(bytes: Uint8Array): { readonly last: number; readonly begun: number } {
  let last = -1;
  let at = 0;
  while (at < bytes.length) {
    const byte = bytes[at] ?? 0;
    const end = byte === ESC ? sequenceEnd(bytes, at) : at + characterLength(byte);
    if (end === undefined || end > bytes.length) break;
    if (byte < 0x20 || byte === 0x7f) last = -1;
    else if (last === -1 || byte < 0x80 || !hasNoWidth(bytes.subarray(at, end))) last = at;
    at = end;
  }
  return { last: last === -1 ? at : last, begun: at };
}

function characterLength(byte: number): number {
  if (byte >= 0xf0) return 4;
  if (byte >= 0xe0) return 3;
  return byte >= 0xc0 ? 2 : 1;
}

function hasNoWidth(character: Uint8Array): boolean {
  return charWidth(Buffer.from(character).toString("utf8").codePointAt(0) ?? 0) === 0;
}

/** Behind the sequence that begins at ESC; undefined: it has not ended. Another ESC within it begins another one. */
function sequenceEnd(bytes: Uint8Array, start: number): number | undefined {
  const kind = bytes[start + 1];
  if (kind === undefined) return undefined;
  if (STRINGS.includes(kind)) return stringEnd(bytes, start + 2);
  const isControl = kind === 0x5b;
  for (let at = start + (isControl ? 2 : 1); at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === ESC) return at;
    if (CANCELS.includes(byte) || byte >= (isControl ? 0x40 : 0x30)) return at + 1;
  }
  return undefined;
}

function stringEnd(bytes: Uint8Array, start: number): number | undefined {
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === BELL || CANCELS.includes(byte)) return at + 1;
    if (byte !== ESC) continue;
    if (at + 1 === bytes.length) return undefined;
    return bytes[at + 1] === 0x5c ? at + 2 : at;
  }
  return undefined;
}
