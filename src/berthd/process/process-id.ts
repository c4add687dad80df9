import { randomBytes } from "node:crypto";

/** Crockford's alphabet in lower case: no letters that are read as digits. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** 60 random bits in letters and digits. */
export function newProcessId(isTaken: (id: string) => boolean): string {
  for (;;) {
    let id = "";
    for (const byte of randomBytes(12)) id += ALPHABET[byte & 31];
    if (!isTaken(id)) return id;
  }
}
