import { BerthError, type ErrorContext, type ErrorHop, errorEntry } from "../contract/errors.ts";
import { MAX_JSON_CONTROL_BYTES } from "./frame.ts";

const HOPS: readonly ErrorHop[] = ["client", "runner", "transport", "berthd"];
const MAX_TEXT_UNITS = 8192;
const MAX_CONTEXT_KEYS = 32;

/** JSON of an error for a RESET frame; cut down where it would not fit. */
export function encodeError(error: BerthError): string {
  const text = JSON.stringify(error);
  if (text.length * 3 <= MAX_JSON_CONTROL_BYTES) return text;
  return JSON.stringify({
    code: error.code,
    message: error.message.slice(0, MAX_TEXT_UNITS),
    hint: error.hint.slice(0, MAX_TEXT_UNITS),
    retryable: error.retryable,
    hop: error.hop,
  });
}

/** The error in a RESET frame. Whatever an untrusted peer sent becomes a BerthError; `hop` is kept. */
export function decodeError(value: unknown): BerthError {
  const fields = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  const code = text(fields.code, "internal").slice(0, 128);
  const entry = errorEntry(code);
  return new BerthError({
    code,
    message: text(fields.message, entry?.message ?? "the peer gave no reason"),
    hint: text(fields.hint, entry?.hint ?? ""),
    retryable: typeof fields.retryable === "boolean" ? fields.retryable : (entry?.retryable ?? false),
    hop: HOPS.find((hop) => hop === fields.hop) ?? "berthd",
    ...(typeof fields.runtime === "string" ? { runtime: text(fields.runtime, "") } : {}),
    context: context(fields.context),
  });
}

function text(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value.slice(0, MAX_TEXT_UNITS) : otherwise;
}

function context(value: unknown): ErrorContext {
  if (typeof value !== "object" || value === null) return {};
  const entries = Object.entries(value)
    .slice(0, MAX_CONTEXT_KEYS)
    .flatMap(([key, field]): [string, ErrorContext[string]][] => {
      if (typeof field === "string") return [[key, field.slice(0, MAX_TEXT_UNITS)]];
      if (typeof field === "number" || typeof field === "boolean" || field === null) return [[key, field]];
      if (Array.isArray(field) && field.every((item) => typeof item === "string")) return [[key, field]];
      return [];
    });
  return Object.fromEntries(entries);
}
