import { setFlagsFromString } from "node:v8";
import { berthError } from "../../contract/errors.ts";

// Adds the flag `l`: an engine whose time is linear in the text.
setFlagsFromString("--enable-experimental-regexp-engine");

/**
 * A regular expression of somebody who is not trusted with the runner's processor: lines, as with the flag `m`, and
 * nothing that would have to be tried in exponentially many ways (no look-ahead, no back reference).
 * @throws request.invalid
 */
export function linearPattern(text: string): RegExp {
  try {
    return new RegExp(text, "lm");
  } catch (cause) {
    throw berthError("request.invalid", {
      hop: "runner",
      message: "output is not a regular expression, or one that can't be matched in linear time",
      hint: "Look-ahead and back references can't be used here.",
      context: { fields: ["body.output"] },
      cause,
    });
  }
}
