/** Where UTF-8 may be cut: between characters. Bytes that are no UTF-8 are characters of their own. */

/** Length of `bytes` without a character at its end that lacks its rest. */
export function endOfWholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if (isContinuation(byte)) continue;
    return characterBytes(byte) > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** Index of the first byte that is not the rest of a character which was cut off before. */
export function startOfWholeCharacters(bytes: Uint8Array): number {
  let at = 0;
  while (at < Math.min(3, bytes.length) && isContinuation(bytes[at]!)) at++;
  return at;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/** Bytes of a character by its first one; 1 for what begins none. */
export function characterBytes(first: number): number {
  return first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 1;
}
