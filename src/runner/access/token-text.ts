import { createHash, randomInt } from "node:crypto";
import { crc32 } from "node:zlib";

const PREFIX = "berth_";
const KEY_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz";
const KEY_LENGTH = 8;
const SECRET_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** 43 of 62 letters: 256 bits. */
const SECRET_LENGTH = 43;
const CHECK_LENGTH = 6;
const TOKEN = /^berth_([0-9a-z]{8})[0-9A-Za-z]{49}$/;

/**
 * A new token: `berth_`, 8 letters that tell which it is and are no secret, 256 bits, and a CRC-32 of all that in 6
 * letters, by which a scanner knows a token from chance, and a slip of the keyboard is told as one.
 */
export function newToken(): string {
  const body = PREFIX + letters(KEY_LETTERS, KEY_LENGTH) + letters(SECRET_LETTERS, SECRET_LENGTH);
  return body + checkOf(body);
}

/** What tells which token it is: undefined when it is none, or has a letter wrong. */
export function tokenKey(token: string): string | undefined {
  const key = TOKEN.exec(token)?.[1];
  return key !== undefined && checkOf(token.slice(0, -CHECK_LENGTH)) === token.slice(-CHECK_LENGTH)
    ? key
    : undefined;
}

/** What may be told of a token: its beginning, when it has the form of one. */
export function tokenPrefix(token: string): string | undefined {
  return TOKEN.test(token) ? token.slice(0, PREFIX.length + KEY_LENGTH) : undefined;
}

/** All that is kept of a token. 256 random bits need no slow hash. */
export function tokenHash(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

function letters(alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("");
}

function checkOf(body: string): string {
  let rest = crc32(body);
  let check = "";
  for (let index = 0; index < CHECK_LENGTH; index++) {
    check = SECRET_LETTERS[rest % SECRET_LETTERS.length] + check;
    rest = Math.floor(rest / SECRET_LETTERS.length);
  }
  return check;
}
