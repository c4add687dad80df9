/**
 * File names are bytes; the contract's paths are strings. A name that is not UTF-8 keeps its odd bytes as lone
 * surrogates U+DC80 to U+DCFF (byte 0x80 to 0xFF), as in Python's "surrogateescape". Such a string survives
 * JSON, so the name that `readdir` gave works in every other operation and no name is lost.
 */
const LONE_ESCAPE = /(?<![\ud800-\udbff])[\udc80-\udcff]/;

/** The path as node:fs wants it: the string itself, or its bytes where a name is not UTF-8. */
export function nativePath(path: string): string | Buffer {
  return LONE_ESCAPE.test(path) ? nameToBytes(path) : path;
}

/** Bytes of a name or path. */
export function nameToBytes(name: string): Buffer {
  if (!LONE_ESCAPE.test(name)) return Buffer.from(name, "utf8");
  const parts: Buffer[] = [];
  let plain = "";
  for (const character of name) {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0xdc80 && code <= 0xdcff) {
      if (plain !== "") parts.push(Buffer.from(plain, "utf8"));
      plain = "";
      parts.push(Buffer.of(code - 0xdc00));
    } else {
      plain += character;
    }
  }
  if (plain !== "") parts.push(Buffer.from(plain, "utf8"));
  return Buffer.concat(parts);
}

/** The name of some bytes; the inverse of `nameToBytes` for every byte string. */
export function nameFromBytes(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  if (!text.includes("\ufffd")) return text;
  let name = "";
  let start = 0;
  for (let index = 0; index < bytes.length; ) {
    const length = sequenceLength(bytes, index);
    if (length > 0) {
      index += length;
      continue;
    }
    name += bytes.toString("utf8", start, index) + String.fromCharCode(0xdc00 + bytes[index]!);
    index += 1;
    start = index;
  }
  return name + bytes.toString("utf8", start);
}

/** The name of a string that holds one byte per character, as node:fs gives with encoding "latin1". */
export function nameFromLatin1(name: string): string {
  return /^[\x00-\x7f]*$/.test(name) ? name : nameFromBytes(Buffer.from(name, "latin1"));
}

/** Bytes of the well-formed UTF-8 sequence at `index`; 0 when there is none (RFC 3629, table 3-7 of Unicode). */
function sequenceLength(bytes: Buffer, index: number): number {
  const first = bytes[index]!;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || index + length > bytes.length) return 0;
  const second = bytes[index + 1]!;
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let offset = 2; offset < length; offset++) {
    if ((bytes[index + offset]! & 0xc0) !== 0x80) return 0;
  }
  return length;
}

/** `parent/name`, without a second slash behind "/". */
export function joinPath(parent: string, name: string): string {
  return parent.endsWith("/") ? parent + name : `${parent}/${name}`;
}

/** Parent and last name of a path, purely as text; slashes at the end do not count. "/" is its own parent. */
export function splitPath(path: string): { readonly parent: string; readonly name: string } {
  const trimmed = path.replace(/\/+$/, "");
  const slash = trimmed.lastIndexOf("/");
  if (slash < 0) return trimmed === "" ? { parent: "/", name: "." } : { parent: ".", name: trimmed };
  const parent = trimmed.slice(0, slash).replace(/\/+$/, "");
  return { parent: parent === "" ? "/" : parent, name: trimmed.slice(slash + 1) };
}
