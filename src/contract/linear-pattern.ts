import { setFlagsFromString } from "node:v8";

let enabled = false;

/**
 * A regular expression of somebody who is not trusted with this processor: lines, as with the flag `m`, and nothing that
 * would have to be tried in exponentially many ways (no look-ahead, no back reference).
 * @throws SyntaxError
 */
export function linearPattern(text: string): RegExp {
  // Adds the flag `l`: an engine whose time is linear in the text.
  if (!enabled) setFlagsFromString("--enable-experimental-regexp-engine");
  enabled = true;
  return new RegExp(text, "lm");
}
