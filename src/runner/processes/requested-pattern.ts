import { berthError } from "../../contract/errors.ts";
import { linearPattern } from "../../contract/linear-pattern.ts";

/** A pattern of a request. @throws request.invalid for one that can't be matched in linear time */
export function requestedPattern(text: string): RegExp {
  try {
    return linearPattern(text);
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
