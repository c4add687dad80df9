import type * as z from "zod";
import { BerthError, type ErrorContext, errorEntry } from "../contract/errors.ts";
import type { errorBody } from "./common.ts";

export type ErrorJson = z.infer<typeof errorBody>;

export function errorToJson(error: BerthError): ErrorJson {
  const { code, message, hint, retryable, hop, runtime, context } = error.toJSON();
  return {
    code,
    message,
    hint,
    retryable,
    hop,
    runtime,
    context: context && contextToJson(context),
  };
}

export function errorFromJson(json: ErrorJson, requestId?: string): BerthError {
  const context: ErrorContext = { ...json.context, requestId };
  return new BerthError({ ...json, hop: json.hop ?? "runner", context });
}

/** HTTP status of an error; of a code that this version does not know, 500. */
export function errorStatus(error: BerthError): number {
  return errorEntry(error.code)?.status ?? 500;
}

export function contextToJson(context: ErrorContext): NonNullable<ErrorJson["context"]> {
  return Object.fromEntries(
    Object.entries(context)
      .filter((entry) => entry[1] !== undefined)
      .map(([key, value]) => [
        key,
        typeof value === "object" && value !== null ? [...value] : (value ?? null),
      ]),
  );
}
