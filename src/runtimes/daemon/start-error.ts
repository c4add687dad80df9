import { type BerthError, berthError } from "../../contract/errors.ts";

/** What went wrong with a start, in the words of whoever gave the command. */
export function startError(error: BerthError): BerthError {
  if (error.code !== "wire.message_too_large") return error;
  return berthError("process.arguments_too_long", { hop: error.hop, cause: error });
}
