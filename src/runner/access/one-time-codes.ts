import { newToken, tokenHash, tokenKey } from "./token-text.ts";

/** A code is taken within this time, once. */
const CODE_LIFE_MS = 60_000;
const MAX_CODES = 1_000;

export interface OneTimeCode {
  readonly code: string;
  readonly expiresAt: string;
}

/**
 * Codes that stand for something, once and for a minute. They have the form of a token, which is masked everywhere; only
 * their hashes are kept, in this process alone, and looked for by them, so that how long it takes says nothing of a code.
 */
export class OneTimeCodes<Meaning> {
  readonly #codes = new Map<string, { readonly meaning: Meaning; readonly expiresMs: number }>();

  make(meaning: Meaning): OneTimeCode {
    const code = newToken();
    const expiresMs = Date.now() + CODE_LIFE_MS;
    this.#codes.set(keyOf(code), { meaning, expiresMs });
    if (this.#codes.size > MAX_CODES) this.#codes.delete(this.#codes.keys().next().value ?? "");
    return { code, expiresAt: new Date(expiresMs).toISOString() };
  }

  /** What a code stands for; undefined: it was taken, is too old, or is none. One that does not fit stays. */
  take(code: string, fits: (meaning: Meaning) => boolean = () => true): Meaning | undefined {
    const key = keyOf(code);
    const found = this.#codes.get(key);
    if (found === undefined || !fits(found.meaning)) return undefined;
    this.#codes.delete(key);
    return found.expiresMs < Date.now() ? undefined : found.meaning;
  }
}

function keyOf(code: string): string {
  return tokenKey(code) === undefined ? "" : tokenHash(code).toString("hex");
}
